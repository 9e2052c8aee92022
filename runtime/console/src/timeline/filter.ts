/**
 * Which records the timeline shows: of some kinds, of one run, by one author, or all.
 *
 * The records that pass stand in a list of their own, which grows with the log: a filtered timeline is a shorter one and
 * not a dimmed one, or three errors among 100,000 tokens could not be found. Without a filter the list is the log's own.
 */

import { Cell } from '../page/cell'
import { type Kind, kindOf, type LogRecord, type Records } from '../wire/records'

export interface Filter {
  /** Empty means all. */
  readonly kinds: ReadonlySet<Kind>
  readonly run: string | null
  readonly author: string | null
}

export const EVERYTHING: Filter = { kinds: new Set(), run: null, author: null }

/** What the reader chose in the room that is open. */
export const filter = new Cell<Filter>(EVERYTHING)

export function isFiltered({ kinds, run, author }: Filter): boolean {
  return kinds.size > 0 || run !== null || author !== null
}

/** The filter with that kind also shown, or no longer. */
export function withKind(now: Filter, kind: Kind): Filter {
  const kinds = new Set(now.kinds)
  if (!kinds.delete(kind)) kinds.add(kind)
  return { ...now, kinds }
}

function passes(record: LogRecord, { kinds, run, author }: Filter): boolean {
  return (run === null || record.run === run) && (author === null || record.author === author) && (kinds.size === 0 || kinds.has(kindOf(record.event.type)))
}

/** Sieves a room's records as they come; who wrote any of them and in which runs is known on the way. */
export class Sieve {
  readonly authors = new Set<string>()
  readonly runs = new Set<string>()
  private passed: LogRecord[] = []
  private by: Filter = EVERYTHING
  /** The seqs that were looked at, and the first and last of them. */
  private first = 0
  private last = -1

  /** The records that pass, oldest first; costs what came since the last time. */
  take(records: Records, by: Filter): readonly LogRecord[] {
    const { list, first, head } = records
    const known = by === this.by && this.last >= first && this.first <= head
    if (!known) this.begin(by, head)
    const older = known ? list.slice(0, Math.max(0, this.first - first)) : []
    const newer = list.slice(known ? Math.max(0, this.last + 1 - first) : 0)
    for (const record of [...older, ...newer]) this.learn(record)
    if (!isFiltered(by)) {
      this.first = first
      this.last = head
      return list
    }
    if (older.length) this.passed = [...older.filter((record) => passes(record, by)), ...this.passed]
    // What left the window is gone from here as well, or a page that stays open for days would hold its whole log.
    const gone = known && first > this.first ? this.passed.findIndex(({ seq }) => seq >= first) : 0
    if (gone !== 0) this.passed = gone < 0 ? [] : this.passed.slice(gone)
    for (const record of newer) if (passes(record, by)) this.passed.push(record)
    this.first = first
    this.last = head
    return this.passed
  }

  private begin(by: Filter, head: number): void {
    this.by = by
    this.passed = []
    this.first = head + 1
    this.last = head
  }

  private learn({ author, run }: LogRecord): void {
    if (author) this.authors.add(author)
    if (run) this.runs.add(run)
  }
}

/** Where the record `seq` stands in a list in order of seq, or the place of the next one. */
export function placeOf(list: readonly LogRecord[], seq: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (list[middle]!.seq < seq) low = middle + 1
    else high = middle
  }
  return low
}
