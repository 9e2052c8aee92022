/**
 * Past moments of one room as somebody goes to and fro among them: asked one at a time, the newest wish first, kept.
 *
 * A past moment never changes, so it is asked once; while one is on its way the last one stays, and says so. Whoever
 * drags a slider over a thousand records asks for as many moments as the server can tell meanwhile.
 */

import { Cell } from '../page/cell'
import type { Moment } from '../wire/api'

export interface Shown {
  readonly moment: Moment | null
  /** The document whose content it holds. */
  readonly document: string
  /** The moment that was shown before, if it held the same document: what is new is told by it. */
  readonly before: Moment | null
  readonly problem: string
  /** Whether another one is on its way. */
  readonly busy: boolean
}

const KEPT = 64

export class Moments {
  readonly shown = new Cell<Shown>({ moment: null, document: '', before: null, problem: '', busy: true })
  private readonly kept = new Map<string, Moment>()
  private wanted: readonly [number, string] | null = null
  private busy = false
  /** Counts the wishes that were fulfilled at once: what was asked before is not shown over them when it comes late. */
  private turn = 0

  constructor(private readonly fetch: (seq: number, document: string) => Promise<Moment>) {}

  /** Show that moment, as soon as it can be. */
  want(seq: number, document: string): void {
    const known = this.kept.get(keyOf(seq, document))
    if (known) {
      this.wanted = null
      this.turn += 1
      return this.show(known, document)
    }
    this.wanted = [seq, document]
    this.shown.set({ ...this.shown.value, busy: true })
    if (!this.busy) void this.go()
  }

  private async go(): Promise<void> {
    this.busy = true
    while (this.wanted) {
      const [seq, document] = this.wanted
      const { turn } = this
      this.wanted = null
      try {
        // Wished for again while it was on its way.
        const moment = this.kept.get(keyOf(seq, document)) ?? await this.fetch(seq, document)
        this.kept.set(keyOf(seq, document), moment)
        if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value!)
        if (turn === this.turn) this.show(moment, document)
      } catch (error) {
        if (turn === this.turn && !this.wanted) this.shown.set({ ...this.shown.value, problem: error instanceof Error ? error.message : String(error), busy: false })
      }
    }
    this.busy = false
  }

  private show(moment: Moment, document: string): void {
    const last = this.shown.value
    const before = last.document === document && last.moment && last.moment.seq < moment.seq ? last.moment : null
    this.shown.set({ moment, document, before: last.moment === moment ? last.before : before, problem: '', busy: this.wanted !== null })
  }
}

function keyOf(seq: number, document: string): string {
  return `${seq} ${document}`
}
