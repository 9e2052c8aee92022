/**
 * Lanes: which record stands on which of them, and how long each run, call and wait was.
 *
 * People and tools have a lane each. Runs share lanes as far as they do not overlap, so a thousand runs one after the
 * other take one, and a run that another run asked for stands under it. What is laid out is what is known of the log;
 * laying out costs a pass over it, which is 10 ms for 100,000 records, and is done again only when more came.
 */

import { KINDS } from '../wire/records'
import type { Outline } from './outline'

export type Group = 'people' | 'runs' | 'tools'

export interface Lane {
  readonly group: Group
  readonly name: string
}

/** A run or a call, from one record to another; `open` if its end is not known. */
export interface Bar {
  readonly row: number
  readonly from: number
  to: number
  readonly run: number
  label: string
  parent: number
  end: 'open' | 'done' | 'failed' | 'stopped'
  /** From where to where it waited for somebody. */
  readonly waits: [number, number][]
}

export interface Layout {
  readonly lanes: readonly Lane[]
  readonly runs: readonly Bar[]
  readonly calls: readonly Bar[]
  /** Lane of each record's author, run and tool, by its index; NONE where it has none. */
  readonly person: Uint8Array
  readonly run: Uint8Array
  readonly tool: Uint8Array
}

export const NONE = 255
/** Lanes of each group at most; what is beyond shares the last one. */
const PEOPLE = 12
const RUNS = 10
const TOOLS = 14

const ENDS: Readonly<Record<string, Bar['end']>> = { 'run-finished': 'done', 'run-failed': 'failed', 'run-stopped': 'stopped' }
const CALL_BEGINS = new Set(['approval-requested', 'question-asked', 'tool-started', 'tool-awaited', 'tool-assigned', 'tool-delegated', 'tool-refused'])
const CALL_ENDS: Readonly<Record<string, Bar['end']>> = { 'tool-returned': 'done', 'tool-failed': 'failed', 'tool-refused': 'failed', 'approval-denied': 'stopped', 'decision-expired': 'stopped', 'question-answered': 'done', 'tool-not-started': 'stopped' }
const WAIT_BEGINS = new Set(['approval-requested', 'question-asked', 'tool-awaited', 'tool-outcome-unknown'])

/** Whether records of that author are a person's: agents and the room itself have their runs. */
export function isPerson(author: string): boolean {
  return author !== '' && author !== 'plait' && !author.startsWith('agent:')
}

/** A group's lanes by name, in the order in which they came; those beyond the last share it. */
class Names {
  readonly list: string[] = []
  private readonly rows = new Map<string, number>()

  constructor(private readonly most: number) {}

  row(name: string): number {
    let row = this.rows.get(name)
    if (row === undefined) {
      row = Math.min(this.rows.size, this.most - 1)
      this.rows.set(name, row)
      if (this.list.length <= row) this.list.push(name)
      else this.list[row] = 'others'
    }
    return row
  }
}

/** Lay out what is known of a log. */
export function layOut(log: Outline): Layout {
  const people = new Names(PEOPLE)
  const tools = new Names(TOOLS)
  const runs = new Map<number, Bar>()
  const calls = new Map<string, Bar>()
  const all: Bar[] = []
  const known = log.stretches()
  const length = known.at(-1)?.[1] ?? 0
  const [person, run, tool] = [0, 1, 2].map(() => new Uint8Array(length).fill(NONE)) as [Uint8Array, Uint8Array, Uint8Array]
  for (const [first, last] of known) {
    for (let seq = first; seq <= last; seq++) {
      const index = seq - 1
      const author = log.words[log.author[index]!]!
      if (isPerson(author)) person[index] = people.row(author)
      const number = log.run[index]!
      if (!number) continue
      const type = log.words[log.type[index]!]!
      follow(runs, log, index, number, type)
      const step = log.step[index]!
      if (step === 0) continue
      const key = `${number}/${step}`
      let call = calls.get(key)
      if (CALL_BEGINS.has(type) && (!call || call.end !== 'open')) {
        const name = log.words[log.name[index]!] || 'tool'
        call = { row: tools.row(name), from: seq, to: seq, run: number, label: name, parent: 0, end: 'open', waits: [] }
        calls.set(key, call)
        all.push(call)
      }
      if (!call) continue
      tool[index] = call.row
      call.to = seq
      wait(call, type, seq)
      call.end = CALL_ENDS[type] ?? call.end
    }
  }
  for (const call of all) if (call.end === 'open') call.to = delegated(call, runs) ?? call.to
  const placed = place([...runs.values()].sort((a, b) => a.from - b.from), log.head)
  const rows = new Map(placed.map((bar) => [bar.run, bar.row]))
  const depth = placed.reduce((most, { row }) => Math.max(most, row + 1), 0)
  const [behindPeople, behindRuns] = [people.list.length, people.list.length + depth]
  for (const [first, last] of known) {
    for (let index = first - 1; index < last; index++) {
      if (log.run[index]) run[index] = behindPeople + (rows.get(log.run[index]!) ?? 0)
      if (tool[index] !== NONE) tool[index] = tool[index]! + behindRuns
    }
  }
  return {
    lanes: [
      ...people.list.map((name) => ({ group: 'people' as const, name: name === 'anonymous' ? 'someone' : name })),
      ...Array.from({ length: depth }, (_, row) => ({ group: 'runs' as const, name: row === 0 ? 'runs' : '' })),
      ...tools.list.map((name) => ({ group: 'tools' as const, name }))
    ],
    runs: placed.map((bar) => ({ ...bar, row: bar.row + behindPeople })),
    calls: all.map((bar) => ({ ...bar, row: bar.row + behindRuns })),
    person, run, tool
  }
}

/** What that record says of its run: where it begins (its number says that), how long it is, and how it ended. */
function follow(runs: Map<number, Bar>, log: Outline, index: number, number: number, type: string): void {
  let bar = runs.get(number)
  if (!bar) {
    bar = { row: 0, from: number, to: index + 1, run: number, label: '', parent: 0, end: 'open', waits: [] }
    runs.set(number, bar)
  }
  if (type === 'run-requested') {
    bar.label = log.words[log.name[index]!]!
    bar.parent = log.parent[index]!
  }
  // What is told of a run after its end (it was archived, its edits were undone) does not make it longer.
  if (bar.end !== 'open') return
  bar.to = index + 1
  bar.end = ENDS[type] ?? 'open'
}

/** A call that was given to another agent ends with that agent's run, of which its own records say nothing. */
function delegated(call: Bar, runs: ReadonlyMap<number, Bar>): number | undefined {
  for (const run of runs.values()) {
    if (run.parent !== call.run || run.from < call.from || run.from > call.from + BEGUN_BEHIND) continue
    call.end = run.end
    return run.to
  }
  return undefined
}

/** So many records may come between a call to another agent and the beginning of its run. */
const BEGUN_BEHIND = 8

function wait(call: Bar, type: string, seq: number): void {
  const last = call.waits.at(-1)
  if (WAIT_BEGINS.has(type)) call.waits.push([seq, seq])
  else if (last && last[1] === last[0]) last[1] = seq
}

/** Give each run the first lane that is free where it begins; a run that is not over takes its lane to the end. */
function place(bars: readonly Bar[], head: number): Bar[] {
  const ends: number[] = []
  return bars.map((bar) => {
    let row = ends.findIndex((end) => end < bar.from)
    if (row < 0) row = Math.min(ends.length, RUNS - 1)
    ends[row] = bar.end === 'open' ? Math.max(bar.to, head) : bar.to
    return { ...bar, row }
  })
}

/** What is drawn first where many records share a pixel: the rare before the many. */
const RANK = (['error', 'people', 'tool', 'edit', 'model', 'text', 'reasoning', 'house'] as const).map((kind) => KINDS.indexOf(kind))
const RANKS = Uint8Array.from(KINDS, (_, kind) => RANK.indexOf(kind))

/** Each lane's pixel columns: the kind that counts most there (NONE where nothing is), and how much there is, 0 to 255. */
export interface Buckets {
  readonly width: number
  readonly kind: Uint8Array
  readonly level: Uint8Array
}

/** Records from `from` on, `perPixel` of them in a column, gathered lane by lane; costs the records that are in sight. */
export function gather(log: Outline, layout: Layout, from: number, perPixel: number, width: number): Buckets {
  const kind = new Uint8Array(layout.lanes.length * width).fill(NONE)
  const count = new Float32Array(kind.length)
  const put = (row: number, column: number, what: number, size: number): void => {
    if (row === NONE) return
    const at = row * width + column
    if (kind[at] === NONE || RANKS[what]! < RANKS[kind[at]!]!) kind[at] = what
    count[at]! += 1 + size / 4
  }
  const last = Math.min(layout.run.length, Math.ceil(from + perPixel * width))
  for (const [begin, end] of log.stretches()) {
    for (let seq = Math.max(begin, Math.floor(from)); seq <= Math.min(end, last); seq++) {
      const column = Math.floor((seq - from) / perPixel)
      if (column < 0 || column >= width) continue
      const index = seq - 1
      const [what, size] = [log.kind[index]!, log.size[index]!]
      put(layout.person[index]!, column, what, size)
      put(layout.run[index]!, column, what, size)
      put(layout.tool[index]!, column, what, size)
    }
  }
  const most = Math.log2(1 + Math.max(1, perPixel) * 4)
  return { width, kind, level: Uint8Array.from(count, (n) => (n ? Math.min(255, 70 + (185 * Math.log2(1 + n)) / most) : 0)) }
}

/** The record nearest to `seq` on that lane, at most `reach` records away, or null. */
export function nearest(layout: Layout, row: number, seq: number, reach: number): number | null {
  const on = (one: number): boolean => {
    const index = one - 1
    return layout.person[index] === row || layout.run[index] === row || layout.tool[index] === row
  }
  for (let away = 0; away <= reach; away++) {
    if (on(seq - away)) return seq - away
    if (on(seq + away)) return seq + away
  }
  return null
}

/** The first record of the run after, or before, the one that `seq` is in; null if there is none. */
export function runBeside(layout: Layout, seq: number, by: 1 | -1): number | null {
  const starts = layout.runs.map(({ from }) => from)
  return (by > 0 ? starts.find((from) => from > seq) : starts.findLast((from) => from < seq)) ?? null
}
