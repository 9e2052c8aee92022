/**
 * The room's log, record by record, for any number of readers over one stream.
 *
 * A control channel has one stream of records at a time; one that begins further back takes its place, and who has
 * those records passes over them. Rules (specs/browser.md):
 *
 * - A reader gets every record behind its cursor once and in order, over any number of sockets.
 * - A reader that does not read is not waited for: beyond `AHEAD` records it is left behind, and what it missed is
 *   asked for again once it has read what it has.
 */

import type { Cell } from './cell'
import type { Mouth } from './commands'
import { newId } from './ids'
import { passes, Refused, sentence } from './refused'
import type { LogRecord, RecordsOptions } from './types'

const AHEAD = 2_000
const AGAIN_MS = 2_000

export class Following {
  private readonly readers = new Set<Reader>()
  /** Where the stream of this socket is: every record up to here has come, or was not asked for. Null without a stream. */
  private at: number | null = null
  private caughtUp = false
  private asked = ''

  /** `head`: the newest record of the log that is known. */
  constructor(private readonly mouth: Mouth, private readonly head: Cell<number>) {}

  records({ after = 0, live = true, signal }: RecordsOptions): AsyncIterableIterator<LogRecord> {
    const reader = new Reader(after, live, (gone) => this.readers.delete(gone), () => this.look())
    this.readers.add(reader)
    signal?.addEventListener('abort', () => void reader.return())
    this.look()
    return reader
  }

  begun(): void {
    this.look()
  }

  lost(): void {
    this.at = null
    this.caughtUp = false
    this.asked = ''
  }

  /** A record, the end of a catch-up, or an answer to what was asked here; whether it was one of these. */
  heard(said: Readonly<Record<string, any>>): boolean {
    if (said.record) this.came(said.record as LogRecord)
    else if (typeof said.caught_up === 'number') this.ends()
    else if (typeof said.id === 'string' && said.id === this.asked) this.answered(said)
    else return false
    return true
  }

  close(): void {
    for (const reader of [...this.readers]) void reader.return()
  }

  /** Ask for a stream, or for one that begins further back, if somebody needs it. */
  private look(): void {
    const eager = [...this.readers].filter((reader) => !reader.behind)
    if (!this.mouth.open || !eager.length) return
    const from = Math.min(...eager.map((reader) => reader.cursor))
    if (this.at === null || from < this.at) this.follow(from)
    else if (this.caughtUp) for (const reader of eager) reader.ended()
  }

  private follow(after: number): void {
    this.at = after
    this.caughtUp = false
    this.asked = newId()
    this.mouth.say({ id: this.asked, do: 'follow', after })
  }

  private came(record: LogRecord): void {
    if (this.at !== null && record.seq > this.at) this.at = record.seq
    if (record.seq > this.head.value) this.head.set(record.seq)
    for (const reader of [...this.readers]) reader.take(record)
  }

  private ends(): void {
    this.caughtUp = true
    for (const reader of [...this.readers]) reader.ended()
  }

  /** The log's head. One that is shorter than what a reader has is another log. */
  private begins(head: number): void {
    this.head.set(Math.max(this.head.value, head))
    for (const reader of [...this.readers]) {
      if (reader.cursor > head) reader.fail(new Refused('lineage-changed', sentence('lineage-changed')))
    }
  }

  private answered(said: Readonly<Record<string, any>>): void {
    const refused = said.refused ?? said.unknown
    this.asked = ''
    if (!refused) return this.begins(Number(said.ok?.seq) || 0)
    this.at = null
    if (passes(refused.code)) setTimeout(() => { if (this.at === null) this.look() }, AGAIN_MS)
    else for (const reader of [...this.readers]) reader.fail(new Refused(refused.code, refused.message ?? ''))
  }
}

type Next = IteratorResult<LogRecord, undefined>

class Reader implements AsyncIterableIterator<LogRecord> {
  /** More came than it read: the rest is asked for again. */
  behind = false
  private queue: LogRecord[] = []
  private read = 0
  private over: Refused | true | null = null
  private wanted: { give: (next: Next) => void; fail: (refused: Refused) => void }[] = []

  constructor(
    /** The newest record that is in the queue, or was. */
    public cursor: number,
    private readonly live: boolean,
    private readonly gone: (reader: Reader) => void,
    private readonly look: () => void
  ) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  take(record: LogRecord): void {
    if (this.over || this.behind || record.seq !== this.cursor + 1) return
    if (this.queue.length - this.read >= AHEAD) {
      this.behind = true
      return
    }
    this.cursor = record.seq
    const waiting = this.wanted.shift()
    if (waiting) waiting.give({ done: false, value: record })
    else this.queue.push(record)
  }

  /** Everything was given that was there. */
  ended(): void {
    if (!this.live && !this.behind) this.end(true)
  }

  fail(refused: Refused): void {
    this.end(refused)
  }

  next(): Promise<Next> {
    if (this.read < this.queue.length) return Promise.resolve({ done: false, value: this.shift() })
    if (this.over === true) return Promise.resolve(DONE)
    if (this.over) return Promise.reject(this.over)
    return new Promise((give, fail) => {
      this.wanted.push({ give, fail })
      if (this.behind) {
        this.behind = false
        this.look()
      }
    })
  }

  async return(): Promise<Next> {
    this.queue = []
    this.read = 0
    this.end(true)
    return DONE
  }

  private shift(): LogRecord {
    const record = this.queue[this.read++]!
    if (this.read === this.queue.length) [this.queue, this.read] = [[], 0]
    return record
  }

  private end(how: Refused | true): void {
    if (this.over) return
    this.over = how
    this.gone(this)
    for (const { give, fail } of this.wanted.splice(0)) how === true ? give(DONE) : fail(how)
  }
}

const DONE: Next = { done: true, value: undefined }
