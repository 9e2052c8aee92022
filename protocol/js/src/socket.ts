/**
 * A link that holds a socket itself: the lanes of one page, or of all pages of an origin that speak through it.
 *
 * Rules (specs/browser.md):
 *
 * - A socket that ends is followed by another, after a pause; a lane hears `lost`, then `opened`, and says all again.
 * - A socket on which nothing came for a while is asked whether it lives (`ping`), and is left if no answer comes: one
 *   whose other end has vanished looks open for as long as nobody asks. Asked as well when the network comes back or the
 *   page is looked at again, which is when it is most often dead.
 * - Closes of 4400 to 4499 are for good; 4301 (the grant is over) is followed by another try with a fresh one.
 * - A server that fails every try is steadily `offline`, not flickering between two words.
 */

import { Backoff } from './backoff'
import { Cell } from './cell'
import { frame, LEAVE, unframe } from './hocuspocus'
import type { LaneEvents, LaneSender, Link, LinkState } from './link'
import { onWake } from './wake'

/** What is needed of a browser's WebSocket; in Node, pass the one of `ws`. */
export type Sockets = new (url: string, protocols: string[]) => WebSocket

export interface SocketOptions {
  /** Where the server is: `http://127.0.0.1:8787`; empty is where the page came from. */
  readonly url: string
  /** Makes the lanes of this page different from those of any other. */
  readonly session: string
  readonly WebSocket?: Sockets | undefined
  /** After so much silence the other end is asked whether it is there, and has so long to answer, milliseconds. */
  readonly quiet_ms?: number | undefined
  readonly patience_ms?: number | undefined
  /** Between two tries, milliseconds. */
  readonly first_ms?: number | undefined
  readonly longest_ms?: number | undefined
}

const GRANT_OVER = 4301
const RESTARTING = 1012
const BUSY = 1013
const TOO_LARGE = 1009
/** What we close a dead socket with; it says so to nobody. */
const GONE = 4000

export class SocketLink implements Link {
  readonly state = new Cell<LinkState>({ kind: 'connecting' })
  private readonly lanes = new Map<string, Lane>()
  private readonly backoff: Backoff
  private readonly sleepless: () => void
  private socket: WebSocket | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private watchdog: ReturnType<typeof setTimeout> | undefined
  private opened_at = 0
  private pings = 0

  constructor(private readonly options: SocketOptions) {
    this.backoff = new Backoff(options.first_ms ?? 500, options.longest_ms ?? 5_000)
    this.sleepless = onWake(() => this.wake())
    this.connect()
  }

  lane(name: string, events: LaneEvents): LaneSender {
    const key = name.includes('\0') ? name : `${name}\0${this.options.session}`
    const lane = new Lane(key, events, this)
    this.lanes.set(key, lane)
    queueMicrotask(() => { if (this.open && this.lanes.get(key) === lane) lane.begin() })
    return lane
  }

  retry(): void {
    const { kind } = this.state.value
    if (kind === 'open') return this.ping()
    if (kind === 'closed' && this.over) return
    if (kind === 'closed') this.state.set({ kind: 'connecting' })
    this.backoff.reset()
    if (!this.socket) this.connect()
  }

  close(): void {
    this.sleepless()
    this.end({ kind: 'closed', code: 1000, reason: '' })
    this.lanes.clear()
  }

  get open(): boolean {
    return this.socket?.readyState === 1
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.open) this.socket!.send(data)
  }

  forget(lane: Lane): void {
    if (this.lanes.get(lane.key) !== lane) return
    this.lanes.delete(lane.key)
    if (lane.begun) this.send(frame(lane.key, LEAVE) as Uint8Array<ArrayBuffer>)
  }

  private get over(): boolean {
    const state = this.state.value
    return state.kind === 'closed' && state.code === 1000
  }

  private connect(): void {
    clearTimeout(this.timer)
    const Kind = this.options.WebSocket ?? WebSocket
    const socket = new Kind(address(this.options.url), ['plait.v1'])
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    socket.onopen = () => { if (socket === this.socket) this.began() }
    socket.onmessage = ({ data }) => { if (socket === this.socket) this.heard(data) }
    socket.onclose = ({ code, reason }) => { if (socket === this.socket) this.ended(code, reason) }
    socket.onerror = () => {}
    // A handshake that nobody answers does not end by itself for minutes.
    this.watch(() => this.dead(socket), this.patience)
  }

  private began(): void {
    this.opened_at = Date.now()
    this.listen()
    this.state.set({ kind: 'open' })
    for (const lane of [...this.lanes.values()]) if (this.open) lane.begin()
  }

  private heard(data: string | ArrayBuffer): void {
    this.listen()
    if (typeof data === 'string') return this.heardText(data)
    const read = unframe(new Uint8Array(data))
    const lane = read && this.lanes.get(read[0])
    if (lane?.begun) lane.events.binary(read![1])
  }

  private heardText(data: string): void {
    let said: unknown
    try {
      said = JSON.parse(data)
    } catch {
      return
    }
    if (typeof said !== 'object' || said === null) return
    const { to, ...rest } = said as Readonly<Record<string, unknown>>
    const lane = typeof to === 'string' ? this.lanes.get(to) : undefined
    if (lane?.begun) lane.events.text(rest)
  }

  /** The socket is gone: tell the lanes, and decide about the next one. */
  private ended(code: number, reason: string): void {
    if ((code >= 4400 && code <= 4499) || code === TOO_LARGE) return this.end({ kind: 'closed', code, reason })
    const before = this.state.value.kind
    const lived = before === 'open' && Date.now() - this.opened_at > STEADY_MS
    if (lived) this.backoff.reset()
    const again_ms = code === GRANT_OVER && lived ? 0 : this.backoff.next()
    const steady = before === 'restarting' && this.backoff.count <= RESTART_TRIES
    const kind = code === RESTARTING || (steady && code !== BUSY) ? 'restarting' : code === BUSY ? 'busy' : 'offline'
    this.end({ kind, again_ms })
    this.timer = setTimeout(() => this.connect(), again_ms)
  }

  private end(state: LinkState): void {
    const { socket } = this
    this.socket = null
    clearTimeout(this.timer)
    clearTimeout(this.watchdog)
    if (socket && socket.readyState < 2) socket.close(state.kind === 'closed' ? 1000 : GONE)
    this.state.set(state)
    for (const lane of [...this.lanes.values()]) lane.end()
  }

  // --- is anybody there? ------------------------------------------------------------------------------------------------

  private get patience(): number {
    return this.options.patience_ms ?? 10_000
  }

  /** Something came, so it lives; ask when nothing comes for a while. */
  private listen(): void {
    this.watch(() => this.ping(), this.options.quiet_ms ?? 15_000)
  }

  private ping(): void {
    const { socket } = this
    if (!socket || !this.open) return
    this.send(JSON.stringify({ id: `ping-${++this.pings}`, do: 'ping' }))
    this.watch(() => this.dead(socket), this.patience)
  }

  private dead(socket: WebSocket): void {
    if (socket === this.socket) this.ended(1006, '')
  }

  private wake(): void {
    if (this.open) this.ping()
    else if (!this.socket && this.state.value.kind !== 'closed') this.retry()
  }

  private watch(then: () => void, after_ms: number): void {
    clearTimeout(this.watchdog)
    this.watchdog = setTimeout(then, after_ms)
  }
}

/** One that lived so long was no failure. */
const STEADY_MS = 10_000
/** So many failed tries a restart may take; a server that stays away longer is just not there. */
const RESTART_TRIES = 6

class Lane implements LaneSender {
  begun = false

  constructor(readonly key: string, readonly events: LaneEvents, private readonly link: SocketLink) {}

  get open(): boolean {
    return this.begun && this.link.open
  }

  begin(): void {
    if (this.begun) return
    this.begun = true
    this.events.opened()
  }

  end(): void {
    if (!this.begun) return
    this.begun = false
    this.events.lost()
  }

  binary(message: Uint8Array): void {
    if (this.open) this.link.send(frame(this.key, message) as Uint8Array<ArrayBuffer>)
  }

  text(command: Readonly<Record<string, unknown>>): void {
    if (this.open) this.link.send(JSON.stringify({ to: this.key, ...command }))
  }

  close(): void {
    this.link.forget(this)
    this.begun = false
  }
}

/** The address of the socket that carries all documents of a server. */
export function address(url: string): string {
  const base = url || location.href
  const found = new URL('/hocuspocus', base)
  found.protocol = found.protocol.replace('http', 'ws')
  return found.href
}
