/**
 * One socket for all pages of an origin: the page that leads holds it, the others speak through it.
 *
 * Leading is holding a lock, so the browser itself sees to it that one page does, and gives the lock on when that page
 * is closed or crashes. Rules:
 *
 * 1. Whoever takes over opens a new socket. Lanes hear `lost` and `opened` then, as after any loss of a socket, and what
 *    was not answered is asked again; so a takeover needs no memory of what the last leader had under way.
 * 2. A page that is put to sleep lets go of the lock before that. One that hangs cannot: whoever hears nothing from it
 *    for `PATIENCE_MS` takes the lock away; the page notices when it goes on, and follows.
 * 3. A page that was itself kept from running does not blame the leader for the silence.
 * 4. A page for which the shared socket has no place, or whose socket is closed for good, has one of its own.
 * 5. What the browser slows down in hidden pages are timers, not messages: a page in sight asks the leader to try again
 *    instead of waiting for the leader's own timer.
 */

import { Cell } from './cell'
import { FollowerLink } from './follower'
import { Host } from './host'
import { newId } from './ids'
import type { LaneEvents, LaneSender, Link, LinkState } from './link'
import { FAMILY, type Page } from './page'

/** Between two looks at whether the leader is there. */
const LOOK_MS = 1_000
/** Silence after which it is asked, and silence after that until it counts as hanging. */
const PATIENCE_MS = 5_000
/** A timer that comes so late says that this page did not run. */
const LATE_MS = 1_000

/** What is said on the channel that all pages hear. */
type Call =
  | { readonly call: 'who' }
  | { readonly call: 'leads'; readonly reign: string }
  | { readonly call: 'join'; readonly reign: string; readonly session: string; readonly page: string }
  /** The shared socket was closed for good; everybody finds out alone whether theirs is. */
  | { readonly call: 'part' }

/** A lane of this page, on whichever link there is. */
class SharedLane implements LaneSender {
  private sender: LaneSender | null = null
  private hears = false

  constructor(private readonly name: string, private readonly events: LaneEvents, private readonly over: (lane: SharedLane) => void) {}

  get open(): boolean {
    return this.sender?.open ?? false
  }

  binary(message: Uint8Array): void {
    this.sender?.binary(message)
  }

  text(command: Readonly<Record<string, unknown>>): void {
    this.sender?.text(command)
  }

  close(): void {
    const sender = this.sender
    this.sender = null
    this.over(this)
    sender?.close()
  }

  attach(link: Link): void {
    this.sender = link.lane(this.name, {
      opened: () => { this.hears = true; this.events.opened() },
      binary: (message) => this.events.binary(message),
      text: (said) => this.events.text(said),
      lost: () => this.lost()
    })
  }

  /** The link is gone, or will be at once. */
  detach(): void {
    this.sender = null
    this.lost()
  }

  private lost(): void {
    if (!this.hears) return
    this.hears = false
    this.events.lost()
  }
}

export class SharedLink implements Link {
  readonly state = new Cell<LinkState>({ kind: 'connecting' })
  private readonly session = newId()
  private readonly lanes = new Set<SharedLane>()
  private link: Link | null = null
  private unmirror = (): void => {}
  private alone = false
  private over = false
  private common: BroadcastChannel | null = null
  /** Aborted when this page does not want to lead any more; that gives the lock back, too. */
  private candidacy: AbortController | null = null
  private host: Host | null = null
  private follower: FollowerLink | null = null
  private readonly unwatch: () => void
  private look: ReturnType<typeof setInterval> | undefined
  private again: ReturnType<typeof setTimeout> | undefined
  private looked_at = 0
  private heard_at = 0
  private asked_at = 0

  /** Pages that give the same `name` share a socket. `open` makes a link for lanes whose names hold their session. */
  constructor(private readonly name: string, private readonly page: Page, private readonly open: () => Link, private readonly patience_ms = PATIENCE_MS) {
    const moved = page.id.subscribe(() => { this.leave(); if (page.id.value) this.enter() })
    const seen = page.seen.subscribe(() => this.retry())
    this.unwatch = () => { moved(); seen() }
    if (page.id.value) this.enter()
  }

  lane(name: string, events: LaneEvents): LaneSender {
    const lane = new SharedLane(`${name}\0${this.session}`, events, (left) => this.lanes.delete(left))
    this.lanes.add(lane)
    this.host?.makeRoom()
    if (this.link) lane.attach(this.link)
    return lane
  }

  retry(): void {
    if (this.link) this.link.retry()
    else if (this.alone && !this.over) this.enter()
  }

  close(): void {
    this.over = true
    this.unwatch()
    this.leave()
    this.state.set({ kind: 'closed', code: 1000, reason: '' })
  }

  // --- coming and going ---------------------------------------------------------------------------------------------

  private enter(): void {
    if (this.alone) return this.use(this.open())
    const common = this.common = this.page.channel(`link ${this.name}`)
    common.onmessage = ({ data }: MessageEvent<Call>) => this.hear(data)
    this.page.ready().then(
      () => { if (this.common === common) this.stand() },
      () => { if (this.common === common) this.part() }
    )
  }

  private leave(): void {
    clearInterval(this.look)
    this.candidacy?.abort()
    this.common?.close()
    this.common = this.candidacy = null
    const { host, follower, link } = this
    this.host = this.follower = null
    this.use(null)
    if (host) host.close()
    else if (follower) follower.close()
    else link?.close()
  }

  /** From now on, a socket of one's own. */
  private part(): void {
    this.leave()
    this.alone = true
    this.use(this.open())
  }

  private use(link: Link | null): void {
    this.unmirror()
    clearTimeout(this.again)
    this.link = link
    for (const lane of this.lanes) lane.detach()
    if (!link) return this.state.set({ kind: 'connecting' })
    this.unmirror = link.state.subscribe(() => this.mirror(link))
    for (const lane of this.lanes) lane.attach(link)
    this.mirror(link)
  }

  private mirror(link: Link): void {
    const state = link.state.value
    clearTimeout(this.again)
    if (state.kind === 'closed' && this.host) return this.resign()
    if (this.follower && 'again_ms' in state) this.again = setTimeout(() => link.retry(), state.again_ms + LATE_MS)
    this.state.set(state)
  }

  // --- who leads ----------------------------------------------------------------------------------------------------

  /** Wait for the lead, or take it. */
  private stand(steal = false): void {
    const candidacy = this.candidacy = new AbortController()
    const { signal } = candidacy
    const lead = (): Promise<void> | undefined => (signal.aborted ? undefined : this.lead(signal))
    const over = (): void => { if (!signal.aborted) { this.leave(); this.enter() } }
    this.page.locks.request(`${FAMILY} lead ${this.name}`, steal ? { steal } : { signal }, lead).then(over, over)
    if (steal) return
    this.call({ call: 'who' })
    this.heard_at = this.looked_at = Date.now()
    this.asked_at = 0
    this.look = setInterval(() => this.watch(), Math.min(LOOK_MS, this.patience_ms / 2))
  }

  private lead(signal: AbortSignal): Promise<void> {
    clearInterval(this.look)
    this.follower?.close()
    this.follower = null
    this.host = new Host(this.open(), newId(), this.page, () => this.lanes.size)
    this.use(this.host.link)
    this.call({ call: 'leads', reign: this.host.reign })
    return new Promise((settle) => signal.addEventListener('abort', () => settle()))
  }

  /** The shared socket was closed for good. It may be one page's fault, so no page drags others along. */
  private resign(): void {
    this.call({ call: 'part' })
    const state = this.link?.state.value
    this.alone = true
    this.leave()
    if (state) this.state.set(state)
  }

  private follow(reign: string): void {
    this.follower?.close()
    this.heard_at = Date.now()
    const left = (word: 'full' | 'again'): void => {
      if (word === 'full') return this.part()
      this.leave()
      this.enter()
    }
    this.follower = new FollowerLink(reign, this.session, this.page, () => { this.heard_at = Date.now() }, left)
    this.call({ call: 'join', reign, session: this.session, page: this.page.id.value })
    this.use(this.follower)
  }

  private hear(call: Call): void {
    if (!this.candidacy) return
    switch (call.call) {
      case 'who':
        if (this.host) this.call({ call: 'leads', reign: this.host.reign })
        return
      case 'leads':
        if (!this.host && this.follower?.reign !== call.reign) this.follow(call.reign)
        return
      case 'join':
        if (this.host?.reign === call.reign) this.host.join(call.session, call.page)
        return
      case 'part':
        if (!this.host) this.part()
        return
    }
  }

  private call(call: Call): void {
    this.common?.postMessage(call)
  }

  /** Look whether the leader answers. */
  private watch(): void {
    const now = Date.now()
    const late = now - this.looked_at > LOOK_MS + LATE_MS
    this.looked_at = now
    if (late || this.heard_at >= this.asked_at) this.asked_at = 0
    if (this.asked_at && now - this.asked_at >= this.patience_ms) {
      clearInterval(this.look)
      this.candidacy?.abort()
      this.stand(true)
    } else if (!this.asked_at && (late || now - this.heard_at >= this.patience_ms)) {
      this.asked_at = now
      if (this.follower) this.follower.ping()
      else this.call({ call: 'who' })
    }
  }
}
