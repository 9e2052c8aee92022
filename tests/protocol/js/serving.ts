/**
 * A real server for the tests: `plait serve` with a store of its own, to be killed and started again on the same port.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, type ConnectOptions } from 'plait-client/connect'
import type { Watched } from 'plait-client'
import type { Room } from 'plait-client/room'
import type { Sockets } from 'plait-client/socket'
import WebSocket from 'ws'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const READY = 'plait is listening on '
const PATIENCE_MS = 60_000

export class Serving {
  url = ''
  private readonly folder = mkdtempSync(join(tmpdir(), 'plait-js-'))
  private port = '0'
  private process: ChildProcess | null = null

  constructor(private readonly model = 'echo:20', private readonly more: readonly string[] = []) {}

  /** Serve, on the port of last time; resolves once the line that promises it is there. */
  async start(): Promise<this> {
    const store = `sqlite:///${join(this.folder, 'plait.db')}`
    const serve = ['serve', '--store', store, '--port', this.port, '--model', this.model, ...this.more]
    const made = spawn('uv', ['run', '--no-sync', '--quiet', 'plait', ...serve], { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.process = made
    let said = ''
    made.stderr!.on('data', (bytes) => { said += String(bytes) })
    this.url = await new Promise<string>((settle, fail) => {
      made.on('exit', () => fail(new Error(`plait serve has ended: ${said}`)))
      made.stdout!.on('data', (bytes) => {
        const line = String(bytes)
        if (line.startsWith(READY)) settle(line.slice(READY.length).trim())
      })
    })
    this.port = new URL(this.url).port
    return this
  }

  /** End the process: kill -9, unless another signal is asked for. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const made = this.process
    this.process = null
    if (!made || made.exitCode !== null || made.signalCode !== null) return
    const gone = new Promise((settle) => made.on('exit', settle))
    process.kill(-made.pid!, signal)
    await gone
  }

  async remove(): Promise<void> {
    await this.end()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const opened: Room[] = []

/** A room as a page of its own would have it. */
export function join_room(url: string, room: string, options: Partial<ConnectOptions> = {}, tab = crypto.randomUUID()): Room {
  const client = new Client(async () => tab)
  const joined = client.connect(url, { room, WebSocket: WebSocket as unknown as Sockets, ...options })
  opened.push(joined)
  return joined
}

/** Close what was joined; afterEach does. */
export function leave_all(): void {
  for (const room of opened.splice(0)) room.close()
}

/** Resolves with the value once it passes the test, at once if it does already. */
export function when<T>(watched: Watched<T>, passes: (value: T) => boolean, patience_ms = PATIENCE_MS): Promise<T> {
  return new Promise((settle, fail) => {
    const timer = setTimeout(() => {
      stop()
      fail(new Error(`It did not come; it is ${JSON.stringify(watched.value)?.slice(0, 600)}`))
    }, patience_ms)
    const look = (): void => {
      if (!passes(watched.value)) return
      clearTimeout(timer)
      stop()
      settle(watched.value)
    }
    const stop = watched.subscribe(look)
    look()
  })
}

/** What stands between a page and its server: it can be cut, and it can swallow everything without a word. */
export class Proxy {
  url = ''
  /** Half-open: nothing passes any more, and nobody is told. */
  swallows = false
  /** Nobody is let in. */
  refuses = false
  /** What the server says is lost, what the page says is not. */
  deaf = false
  connections = 0
  private readonly pairs = new Set<readonly [Socket, Socket]>()
  private readonly server: Server

  constructor(private readonly to: () => string) {
    this.server = createServer((socket) => this.accept(socket))
  }

  async start(): Promise<this> {
    await new Promise<void>((settle) => this.server.listen(0, '127.0.0.1', settle))
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this
  }

  cut(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.destroy()
    this.pairs.clear()
  }

  end(): void {
    this.cut()
    this.server.close()
  }

  private accept(near: Socket): void {
    if (this.refuses) return void near.destroy()
    this.connections += 1
    const far = createConnection(Number(new URL(this.to()).port), '127.0.0.1')
    const pair = [near, far] as const
    this.pairs.add(pair)
    near.on('data', (bytes) => { if (!this.swallows) far.write(bytes) })
    far.on('data', (bytes) => { if (!this.swallows && !this.deaf) near.write(bytes) })
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => { if (!this.swallows) for (const one of pair) one.destroy() })
    }
  }
}
