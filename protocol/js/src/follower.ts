/**
 * A link through another tab: what a tab has that does not lead.
 *
 * It holds nothing and decides nothing: frames go to the leader's tab over a channel and come from there, in order. A
 * channel copies each message once, because nothing can be handed over by it.
 */

import { Cell } from './cell'
import { channelOf, compact, type Said, type Told } from './host'
import type { LaneEvents, LaneSender, Link, LinkState } from './link'
import type { Page } from './page'

class FollowerLane implements LaneSender {
  /** Which socket of the lane this is, counted by the leader; 0 without one. */
  turn = 0

  constructor(private readonly number: number, readonly events: LaneEvents, private readonly say: (what: Said) => void, private readonly over: () => void) {}

  get open(): boolean {
    return this.turn > 0
  }

  binary(message: Uint8Array): void {
    if (this.turn) this.say(['binary', this.number, this.turn, compact(message)])
  }

  text(command: Readonly<Record<string, unknown>>): void {
    // As text, because a channel takes less than JSON.stringify does: a function in a field would throw.
    if (this.turn) this.say(['text', this.number, this.turn, JSON.stringify(command)])
  }

  close(): void {
    this.turn = 0
    this.over()
    this.say(['close', this.number])
  }
}

export class FollowerLink implements Link {
  readonly state = new Cell<LinkState>({ kind: 'connecting' })
  private readonly lanes = new Map<number, FollowerLane>()
  private readonly channel: BroadcastChannel
  private count = 0
  private closed = false
  /** What is said before the leader listens would be lost; its first word shows that it does. */
  private early: Said[] | null = []

  /** `heard`: the leader is alive. `left`: it wants this tab no more; 'full' if its socket has no place for it. */
  constructor(readonly reign: string, session: string, page: Page, private readonly heard: () => void, private readonly left: (word: 'full' | 'again') => void) {
    this.channel = page.channel(channelOf(reign, session))
    this.channel.onmessage = ({ data }: MessageEvent<Told>) => this.hear(data)
  }

  lane(name: string, events: LaneEvents): LaneSender {
    const number = ++this.count
    const lane = new FollowerLane(number, events, this.say, () => this.lanes.delete(number))
    this.lanes.set(number, lane)
    this.say(['lane', number, name])
    return lane
  }

  retry(): void {
    this.say(['retry'])
  }

  ping(): void {
    this.say(['ping'])
  }

  close(): void {
    if (this.closed) return
    this.say(['leave'])
    this.closed = true
    this.channel.close()
  }

  private readonly say = (what: Said): void => {
    if (this.closed) return
    if (this.early) this.early.push(what)
    else this.channel.postMessage(what)
  }

  private flush(): void {
    const early = this.early ?? []
    this.early = null
    for (const what of early) this.channel.postMessage(what)
  }

  private hear(told: Told): void {
    if (this.closed) return
    this.heard()
    if (this.early) this.flush()
    switch (told[0]) {
      case 'state':
        return this.state.set(told[1])
      case 'opened': {
        const lane = this.lanes.get(told[1])
        if (!lane) return
        lane.turn = told[2]
        return lane.events.opened()
      }
      case 'binary':
        return this.lanes.get(told[1])?.events.binary(told[2])
      case 'text':
        return this.lanes.get(told[1])?.events.text(told[2])
      case 'lost': {
        const lane = this.lanes.get(told[1])
        if (!lane) return
        lane.turn = 0
        return lane.events.lost()
      }
      case 'mark':
        return this.say(['took', told[1]])
      case 'full':
      case 'again':
        return this.left(told[0])
      case 'pong':
        return
    }
  }
}
