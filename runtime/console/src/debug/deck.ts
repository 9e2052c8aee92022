/**
 * The debugger's state: at which record the reader stands, what part of the log is in sight, whether it plays.
 *
 * The URL follows with a delay, because browsers refuse a page that changes its address hundreds of times; everything
 * else is cells, so what does not show a thing does not hear of it.
 */

import { Cell } from '../page/cell'
import { go, place } from '../page/place'
import * as api from '../wire/api'
import * as past from '../wire/past'
import type { Room } from '../wire/room'
import { advance, firstStop, type Speed } from './clock'
import { type Layout, layOut, runBeside } from './lanes'
import { Moments } from './moments'
import { Outline, PAGE } from './outline'
import type { Window } from './paint'

/** A log that is not longer is in sight as a whole when the debugger is opened; of others so many records are. */
const WHOLE = 3_000
const NEAR = 1_200
const CLOSEST = 12
const URL_MS = 300

export class Deck {
  readonly at: Cell<number>
  readonly window: Cell<Window>
  readonly playing = new Cell(false)
  readonly speed = new Cell<Speed>(1)
  /** Records at which playback stops. */
  readonly stops = new Cell<ReadonlySet<number>>(new Set())
  /** Told to who hears the page. */
  readonly said = new Cell('')
  readonly outline: Outline
  readonly moments: Moments
  private drawn: { version: number; layout: Layout } | null = null
  private spare = 0
  private frame = 0
  private begun = false
  private url = 0
  private readonly farewells: (() => void)[] = []

  constructor(readonly room: Room) {
    this.outline = new Outline((after) => past.outline(room.name, after))
    this.moments = new Moments((seq, document) => api.nearMoment(room.name, seq, document))
    this.at = new Cell(place.value.record ?? 0)
    this.window = new Cell<Window>({ from: 1, span: NEAR })
    this.farewells.push(
      place.watch(() => this.moved()),
      room.records.watch(() => this.outline.grow(room.records.head)),
      this.outline.watch(() => this.look())
    )
    void this.begin()
  }

  get head(): number {
    return this.outline.head
  }

  /** Lanes of all that is known, laid out once for as long as nothing more comes. */
  get layout(): Layout {
    if (this.drawn?.version !== this.outline.version) this.drawn = { version: this.outline.version, layout: layOut(this.outline) }
    return this.drawn.layout
  }

  /** Go to a record. What plays goes on from there, or stops if the reader went by hand. */
  goTo(seq: number, playing = false): void {
    const to = Math.max(1, Math.min(Math.max(1, this.head), Math.round(seq)))
    if (!playing) this.pause()
    if (to === this.at.value) return
    this.at.set(to)
    this.spare = 0
    this.keepInSight()
    this.moments.want(to, place.value.document)
    this.url ||= window.setTimeout(() => this.write(), URL_MS)
  }

  /** Go to a record that was written a moment ago, as soon as it is known here. */
  reach(seq: number): void {
    if (seq <= this.head) return this.goTo(seq)
    const end = this.outline.watch(() => {
      if (seq > this.head) return
      end()
      this.goTo(seq)
    })
    this.farewells.push(end)
  }

  step(by: number): void {
    this.goTo(this.at.value + by)
  }

  stepRun(by: 1 | -1): void {
    const found = runBeside(this.layout, this.at.value, by)
    this.goTo(found ?? (by > 0 ? this.head : 1))
  }

  zoom(factor: number, around = this.at.value): void {
    const { from, span } = this.window.value
    const next = Math.max(CLOSEST, Math.min(Math.max(CLOSEST, this.head * 1.02), span * factor))
    this.sight(around - ((around - from) / span) * next, next)
  }

  pan(by: number): void {
    const { from, span } = this.window.value
    this.sight(from + by, span)
  }

  /** Have the whole log in sight. */
  fit(): void {
    this.sight(1, Math.max(CLOSEST, this.head * 1.01))
  }

  toggleStop(seq = this.at.value): void {
    const next = new Set(this.stops.value)
    this.said.set(next.delete(seq) ? `No breakpoint at record ${seq} any more.` : `Breakpoint at record ${seq}: playback stops there.`)
    if (!this.stops.value.has(seq)) next.add(seq)
    this.stops.set(next)
  }

  toggle(): void {
    if (this.playing.value) return this.pause()
    if (this.at.value >= this.head) this.goTo(1)
    this.playing.set(true)
    this.spare = 0
    this.said.set('Playing.')
    let last = performance.now()
    const tick = (now: number): void => {
      if (!this.playing.value) return
      this.frame = requestAnimationFrame(tick)
      this.play(now - last)
      last = now
    }
    this.frame = requestAnimationFrame(tick)
  }

  pause(): void {
    if (!this.playing.value) return
    this.playing.set(false)
    cancelAnimationFrame(this.frame)
    this.said.set(`Stopped at record ${this.at.value}.`)
  }

  end(): void {
    this.pause()
    clearTimeout(this.url)
    for (const farewell of this.farewells) farewell()
  }

  private play(passed: number): void {
    const { value: at } = this.at
    const speed = this.speed.value
    this.outline.need(at, Math.min(this.head, at + PAGE), at)
    let to: { seq: number; spare: number }
    if (speed === 'shown') to = this.moments.shown.value.busy ? { seq: at, spare: 0 } : { seq: Math.min(this.head, at + 1), spare: 0 }
    else to = advance({ seq: at, spare: this.spare }, passed, speed, (seq) => (this.outline.has(seq) ? this.outline.time[seq - 1]! : null), this.head)
    const stop = firstStop(this.stops.value, at, to.seq)
    if (stop !== null) return this.goTo(stop)
    if (to.seq !== at) this.goTo(to.seq, true)
    this.spare = to.spare
    if (to.seq >= this.head) this.pause()
  }

  private async begin(): Promise<void> {
    const head = await api.head(this.room.name).catch(() => 0)
    this.outline.grow(Math.max(head, this.room.records.head))
    this.begun = true
    if (this.at.value === 0) this.at.set(Math.max(1, this.head))
    if (this.head <= WHOLE) this.fit()
    else this.sight(this.at.value - NEAR * 0.6, NEAR)
    this.moments.want(Math.max(1, this.at.value), place.value.document)
    this.write()
  }

  /** Somebody else moved: the browser's Back, a link, another document. */
  private moved(): void {
    const { record, document } = place.value
    if (record !== null && !this.url && record !== this.at.value) this.goTo(record)
    this.moments.want(Math.max(1, this.at.value), document)
  }

  private write(): void {
    this.url = 0
    if (place.value.view === 'debug' && place.value.record !== this.at.value) go({ record: this.at.value }, true)
  }

  private sight(from: number, span: number): void {
    const most = Math.max(1, this.head + 1 - span * 0.98)
    this.window.set({ from: Math.max(1 - span * 0.01, Math.min(most, from)), span })
    this.look()
  }

  private keepInSight(): void {
    const { from, span } = this.window.value
    const at = this.at.value
    if (at < from || at > from + span * 0.98) this.sight(at - span * (at < from ? 0.15 : 0.85), span)
  }

  /** Fetch what is in sight. */
  private look(): void {
    const { from, span } = this.window.value
    if (this.begun && !this.outline.problem) this.outline.need(Math.floor(from), Math.ceil(from + span), this.at.value)
  }
}
