/**
 * The leader's side of a shared socket: other tabs' lanes on this tab's link.
 *
 * Each tab that joins has a channel of its own with the leader, so that nobody else is woken by its frames. Rules:
 *
 * 1. A tab whose lock falls free is gone, and its lanes are left at once: its presence and its tools end with it.
 * 2. What a tab said before it heard of a new socket was meant for the old one and is dropped (`turn`), since the
 *    server would refuse on the new one what comes before a lane's token.
 * 3. A tab that does not fit on the socket is told so and opens its own. So is one that takes nothing any more: what
 *    waits for it has a bound, and beyond it the tab has to come again.
 */

import { DOCUMENTS_PER_SOCKET } from './generated/limits'
import type { LaneSender, Link, LinkState } from './link'
import type { Page } from './page'

/** A tab says what it took after so many bytes. */
const MARK_BYTES = 256 << 10
/** What may be on its way to a tab: more than the largest document, CLIENT_FRAME_BYTES of specs/limits.md. */
const AHEAD_BYTES = 64 << 20
/** What a message costs beside its content, roughly. */
const MESSAGE_BYTES = 200

/** What a tab says to the leader. `turn` counts the sockets that the lane has seen. */
export type Said =
  | readonly ['lane', lane: number, name: string]
  | readonly ['binary', lane: number, turn: number, message: Uint8Array]
  | readonly ['text', lane: number, turn: number, command: string]
  | readonly ['close', lane: number]
  | readonly ['retry']
  | readonly ['ping']
  | readonly ['took', bytes: number]
  | readonly ['leave']

/** What the leader says to a tab. */
export type Told =
  | readonly ['state', state: LinkState]
  | readonly ['opened', lane: number, turn: number]
  | readonly ['binary', lane: number, message: Uint8Array]
  | readonly ['text', lane: number, said: Readonly<Record<string, unknown>>]
  | readonly ['lost', lane: number]
  | readonly ['pong']
  | readonly ['mark', bytes: number]
  | readonly ['full']
  | readonly ['again']

interface Lane {
  turn: number
  readonly sender: LaneSender
}

/** One tab at this leader. */
class Guest {
  private readonly lanes = new Map<number, Lane>()
  private readonly unwatch: () => void
  private readonly ended = new AbortController()
  /** Bytes that were said to the tab, up to which of them a mark was set, and which it has taken. */
  private said = 0
  private marked = 0
  private took = 0

  constructor(
    id: string,
    page: Page,
    private readonly link: Link,
    private readonly channel: BroadcastChannel,
    private readonly fits: () => boolean,
    private readonly over: () => void
  ) {
    channel.onmessage = ({ data }: MessageEvent<Said>) => this.hear(data)
    this.unwatch = link.state.subscribe(() => this.tell(['state', link.state.value]))
    this.tell(['state', link.state.value])
    page.gone(id, this.ended.signal).then(() => this.end(), () => {})
  }

  get size(): number {
    return this.lanes.size
  }

  end(word?: 'full' | 'again'): void {
    if (this.ended.signal.aborted) return
    this.ended.abort()
    this.unwatch()
    if (word) this.channel.postMessage([word])
    this.channel.close()
    for (const lane of this.lanes.values()) lane.sender.close()
    this.lanes.clear()
    this.over()
  }

  private hear(said: Said): void {
    switch (said[0]) {
      case 'lane':
        return this.open(said[1], said[2])
      case 'binary': {
        const lane = this.lanes.get(said[1])
        if (lane?.turn === said[2]) lane.sender.binary(said[3])
        return
      }
      case 'text': {
        const lane = this.lanes.get(said[1])
        if (lane?.turn === said[2]) lane.sender.text(JSON.parse(said[3]))
        return
      }
      case 'close':
        this.lanes.get(said[1])?.sender.close()
        this.lanes.delete(said[1])
        return
      case 'retry':
        return this.link.retry()
      case 'ping':
        return this.tell(['pong'])
      case 'took':
        this.took = said[1]
        return
      case 'leave':
        return this.end()
    }
  }

  private open(number: number, name: string): void {
    if (!this.fits()) return this.end('full')
    const sender = this.link.lane(name, {
      opened: () => this.tell(['opened', number, ++lane.turn]),
      binary: (message) => this.tell(['binary', number, compact(message)], message.byteLength),
      text: (said) => this.tell(['text', number, said]),
      lost: () => this.tell(['lost', number])
    })
    const lane: Lane = { turn: 0, sender }
    this.lanes.set(number, lane)
  }

  private tell(what: Told, bytes = 0): void {
    if (this.ended.signal.aborted) return
    this.channel.postMessage(what)
    this.said += bytes + MESSAGE_BYTES
    if (this.said - this.took > AHEAD_BYTES) return this.end('again')
    if (this.said - this.marked < MARK_BYTES) return
    this.marked = this.said
    this.channel.postMessage(['mark', this.said] satisfies Told)
  }
}

export class Host {
  private readonly guests = new Map<string, Guest>()

  /** `own`: how many lanes this tab has itself. */
  constructor(readonly link: Link, readonly reign: string, private readonly page: Page, private readonly own: () => number) {}

  /** Let a link of that page in. */
  join(session: string, page: string): void {
    this.guests.get(session)?.end()
    const channel = this.page.channel(channelOf(this.reign, session))
    const fits = (): boolean => this.lanes < DOCUMENTS_PER_SOCKET
    this.guests.set(session, new Guest(page, this.page, this.link, channel, fits, () => this.guests.delete(session)))
  }

  /** Let go of tabs until this tab's own lanes fit, the one with the most first. */
  makeRoom(): void {
    while (this.lanes > DOCUMENTS_PER_SOCKET && this.guests.size) {
      const [largest] = [...this.guests.values()].sort((a, b) => b.size - a.size)
      largest?.end('full')
    }
  }

  close(): void {
    for (const guest of [...this.guests.values()]) guest.end()
    this.link.close()
  }

  private get lanes(): number {
    return [...this.guests.values()].reduce((sum, guest) => sum + guest.size, this.own())
  }
}

export function channelOf(reign: string, session: string): string {
  return `${reign} ${session}`
}

/** A message without what else is in its buffer, which a channel would copy with it. */
export function compact(message: Uint8Array): Uint8Array {
  return message.byteLength * 2 < message.buffer.byteLength ? message.slice() : message
}
