// Many tabs in one process, as cheap as they can be, for the benchmarks: bare `ws` sockets that read stamps.
//
// A stamp is `@<monotonic nanoseconds>;` somewhere in a frame. Linux gives all processes the same monotonic clock, so
// the difference to our own is how long that token took. Driven by JSON lines on stdin, answers on stdout.

import { createInterface } from 'node:readline'
import WebSocket from 'ws'

const STAMP = /@(\d+);/g
const END = '#END#'
const STEP_1 = Buffer.from([0, 0, 1, 0])
const sockets = []
let delays = []
let frames = 0
let bytes = 0
let ended = 0
let wanted = null
let first = Infinity
let last = 0

const read = (tab, data) => {
  frames += 1
  bytes += data.length
  const now = Number(process.hrtime.bigint())
  const text = data.latin1Slice(0, data.length)
  for (const [, stamp] of text.matchAll(STAMP)) {
    delays.push(now - Number(stamp))
    first = Math.min(first, Number(stamp))
    last = now
  }
  if (!tab.ended && text.includes(END)) {
    tab.ended = true
    ended += 1
    if (wanted !== null && ended === sockets.length) wanted()
  }
}

const connect = (url, sync) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  const tab = { socket, ended: false }
  socket.on('error', reject)
  socket.on('open', () => {
    if (sync) socket.send(STEP_1)
    else resolve(tab)
  })
  socket.on('message', (data) => {
    // The first sync step 2 makes it a tab that gets deltas.
    if (data[0] === 0 && data[1] === 1) resolve(tab)
    read(tab, data)
  })
})

const commands = {
  async open ({ url, tabs, sync }) {
    while (tabs > 0) {
      const batch = Math.min(tabs, 50)
      sockets.push(...await Promise.all(Array.from({ length: batch }, () => connect(url, sync))))
      tabs -= batch
    }
  },
  reset () {
    delays = []
    frames = bytes = ended = last = 0
    first = Infinity
    for (const tab of sockets) tab.ended = false
  },
  ended: () => new Promise((resolve) => {
    wanted = resolve
    if (ended === sockets.length) resolve()
  }),
  report () {
    const sorted = Float64Array.from(delays).sort()
    const at = (share) => sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] / 1e6 : null
    const rate = sorted.length / (last - first) * 1e9
    return { stamps: sorted.length, frames, bytes, rate, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) }
  },
  async close () {
    for (const { socket } of sockets) socket.terminate()
    sockets.length = 0
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...rest } = JSON.parse(line)
  const value = await commands[name](rest)
  process.stdout.write(JSON.stringify(value ?? null) + '\n')
}
process.exit(0)
