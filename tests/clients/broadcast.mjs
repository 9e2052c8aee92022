// The yardstick of the benchmarks: what Node's `ws` does when it sends the same stamped tokens to the same tabs, with no
// log, no document and no limits. First line on stdout: its URL. Then `{"count", "interval_ms"}` lines on stdin.

import { createInterface } from 'node:readline'
import { WebSocketServer } from 'ws'

const BUFFERED = 512 << 10
const END = '#END#'.repeat(4)
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
const pause = (ms) => new Promise((resolve) => ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve))

// About as many bytes as a token of plait's room document costs on the wire.
const frame = (text) => Buffer.concat([Buffer.alloc(40 - Math.min(40, text.length)), Buffer.from(text)])

const broadcast = (text) => {
  const data = frame(text)
  for (const client of server.clients) client.send(data)
}

const stream = async (count, intervalMs) => {
  const began = performance.now()
  for (let n = 0; n < count; n += 1) {
    await pause(intervalMs > 0 ? began + n * intervalMs - performance.now() : 0)
    while ([...server.clients].some((client) => client.bufferedAmount > BUFFERED)) await pause(0)
    broadcast(`@${process.hrtime.bigint()};`)
  }
  broadcast(END)
}

server.on('listening', () => process.stdout.write(`ws://127.0.0.1:${server.address().port}\n`))
for await (const line of createInterface({ input: process.stdin })) {
  const { count, interval_ms: intervalMs } = JSON.parse(line)
  await stream(count, intervalMs)
  process.stdout.write('"done"\n')
}
process.exit(0)
