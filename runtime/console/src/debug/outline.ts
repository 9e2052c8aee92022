/**
 * The log without what was said, as columns: when each record was, whose, in which run and of what kind.
 *
 * Lanes are drawn from it. A room of 100,000 records is 3 MB here, and only the pages that somebody looks at are fetched;
 * of the others it is known that there are some, and they are drawn as such. A record `seq` stands at index `seq - 1`.
 */

import type { OutlinePage } from '../wire/past'
import { KINDS, kindOf } from '../wire/records'

/** As the server's OUTLINE_RECORDS. */
export const PAGE = 5_000
const AT_ONCE = 2
const KIND_NUMBERS = new Map(KINDS.map((kind, number) => [kind as string, number]))

export interface Facts {
  readonly seq: number
  readonly time: number
  readonly type: string
  readonly author: string
  readonly run: number
  readonly step: string
  readonly name: string
  readonly document: string
}

export class Outline {
  /** The seq of the newest record that is known to be. */
  head = 0
  time = new Float64Array(0)
  kind = new Uint8Array(0)
  type = new Uint32Array(0)
  author = new Uint32Array(0)
  run = new Uint32Array(0)
  parent = new Uint32Array(0)
  step = new Uint32Array(0)
  name = new Uint32Array(0)
  document = new Uint32Array(0)
  size = new Uint8Array(0)
  /** What the columns' numbers mean; 0 is nothing. */
  readonly words: string[] = ['']
  /** How often something came: who drew before it has to draw again. */
  version = 0
  /** Why the last page did not come, if it did not. */
  problem = ''
  private readonly numbers = new Map<string, number>([['', 0]])
  /** Page -> how many of its records are here. */
  private readonly held = new Map<number, number>()
  private readonly asked = new Set<number>()
  private wanted: number[] = []
  private watchers = new Set<() => void>()

  constructor(private readonly fetch: (after: number) => Promise<OutlinePage>) {}

  /** Whether that record is here. */
  has(seq: number): boolean {
    const index = seq - 1
    return seq >= 1 && index % PAGE < (this.held.get(Math.floor(index / PAGE)) ?? 0)
  }

  /** The records that are here, as stretches of seqs, first and last included. */
  stretches(): [number, number][] {
    const found: [number, number][] = []
    for (const [page, count] of [...this.held].sort(([a], [b]) => a - b)) {
      const first = page * PAGE + 1
      const last = found.at(-1)
      if (!count) continue
      if (last && last[1] === first - 1) last[1] = first + count - 1
      else found.push([first, first + count - 1])
    }
    return found
  }

  /** How many records are on their way. */
  get loading(): boolean {
    return this.asked.size > 0
  }

  at(seq: number): Facts | null {
    if (!this.has(seq)) return null
    const index = seq - 1
    const word = (column: Uint32Array): string => this.words[column[index]!]!
    return { seq, time: this.time[index]!, type: word(this.type), author: word(this.author), run: this.run[index]!, step: word(this.step), name: word(this.name), document: word(this.document) }
  }

  /** Have the records from `first` to `last`, those near `near` first; what was asked for and is not begun is forgotten. */
  need(first: number, last: number, near: number): void {
    const pages: number[] = []
    const end = Math.floor((Math.max(1, this.head ? Math.min(last, this.head) : last) - 1) / PAGE)
    for (let page = Math.floor((Math.max(1, first) - 1) / PAGE); page <= end; page++) {
      const whole = Math.min(PAGE, Math.max(0, this.head - page * PAGE))
      if (!this.asked.has(page) && (this.held.get(page) ?? 0) < (this.head ? whole : 1)) pages.push(page)
    }
    const middle = (near - 1) / PAGE
    this.wanted = pages.sort((a, b) => Math.abs(a + 0.5 - middle) - Math.abs(b + 0.5 - middle))
    this.go()
  }

  /** The log has grown to there. */
  grow(head: number): void {
    if (head <= this.head) return
    this.head = head
    this.wake()
  }

  /** Take in a page of records, whose first one follows what is here of its page. */
  take(page: OutlinePage): void {
    const { first, time } = page
    this.head = Math.max(this.head, page.head)
    this.room(first - 1 + time.length)
    const numbers = page.words.map((word) => this.number(word))
    for (let nth = 0; nth < time.length; nth++) {
      const index = first - 1 + nth
      this.time[index] = time[nth]!
      this.type[index] = numbers[page.type[nth]!]!
      // What an agent asks another one for is a call of its, and nothing that people did.
      this.kind[index] = page.parent[nth] ? KIND_NUMBERS.get('tool')! : KIND_NUMBERS.get(kindOf(page.words[page.type[nth]!]!))!
      this.author[index] = numbers[page.author[nth]!]!
      this.run[index] = page.run[nth]!
      this.parent[index] = page.parent[nth]!
      this.step[index] = numbers[page.step[nth]!]!
      this.name[index] = numbers[page.name[nth]!]!
      this.document[index] = numbers[page.document[nth]!]!
      this.size[index] = page.size[nth]!
    }
    for (let at = first - 1; at < first - 1 + time.length; ) {
      const number = Math.floor(at / PAGE)
      const end = Math.min((number + 1) * PAGE, first - 1 + time.length)
      // A page is filled from its beginning on; what would leave a gap is not believed to be here.
      if (at % PAGE <= (this.held.get(number) ?? 0)) this.held.set(number, Math.max(this.held.get(number) ?? 0, end - number * PAGE))
      at = end
    }
    this.wake()
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  private go(): void {
    while (this.asked.size < AT_ONCE && this.wanted.length) {
      const page = this.wanted.shift()!
      if (this.asked.has(page)) continue
      this.asked.add(page)
      const after = page * PAGE + (this.held.get(page) ?? 0)
      this.fetch(after).then((came) => {
        this.problem = ''
        this.asked.delete(page)
        this.take(came)
      }, (error: Error) => {
        this.asked.delete(page)
        this.wanted = []
        this.problem = error.message
        this.wake()
      }).finally(() => this.go())
    }
  }

  private number(word: string): number {
    let found = this.numbers.get(word)
    if (found === undefined) {
      found = this.words.length
      this.words.push(word)
      this.numbers.set(word, found)
    }
    return found
  }

  /** Make room for so many records, twice as many at a time. */
  private room(records: number): void {
    if (records <= this.time.length) return
    const length = Math.max(records, this.head, Math.min(2 * this.time.length, this.time.length + 1_000_000))
    const grown = <T extends Float64Array | Uint8Array | Uint32Array>(column: T): T => {
      const longer = new (column.constructor as new (length: number) => T)(length)
      longer.set(column)
      return longer
    }
    this.time = grown(this.time)
    this.kind = grown(this.kind)
    this.type = grown(this.type)
    this.author = grown(this.author)
    this.run = grown(this.run)
    this.parent = grown(this.parent)
    this.step = grown(this.step)
    this.name = grown(this.name)
    this.document = grown(this.document)
    this.size = grown(this.size)
  }

  private wake(): void {
    this.version++
    for (const watcher of [...this.watchers]) watcher()
  }
}
