/**
 * The room's records as the timeline holds them: a window of the log, gapless, oldest first.
 *
 * The window is bounded, since a log is not; what left it is read again from the server when it is asked for. A record's
 * kind decides its colour and is read from its event's tag, so an event that this page does not know is still a bar.
 */

import { useLayoutEffect, useState } from 'preact/hooks'

import { Cell, useAgain } from '../page/cell'

export interface LogRecord {
  readonly seq: number
  readonly time: string
  readonly author: string
  readonly run: string | null
  readonly epoch: number
  readonly event: { readonly type: string; readonly [key: string]: unknown }
  readonly document: string
  readonly update: string | null
  readonly grant?: string
}

export const KINDS = ['people', 'text', 'reasoning', 'model', 'tool', 'edit', 'error', 'house'] as const
export type Kind = (typeof KINDS)[number]

const KIND_OF: Record<string, Kind> = {
  'run-requested': 'people',
  'stop-requested': 'people',
  'run-steered': 'people',
  'approval-granted': 'people',
  'approval-denied': 'people',
  'question-answered': 'people',
  'tool-resolved': 'people',
  'approval-requested': 'tool',
  'question-asked': 'tool',
  'decision-expired': 'tool',
  'text-streamed': 'text',
  'reasoning-streamed': 'reasoning',
  'document-edited': 'edit',
  'document-copied': 'edit',
  'document-seeded': 'edit',
  'edits-undone': 'edit',
  'draft-opened': 'people',
  'draft-accepted': 'people',
  'draft-rejected': 'people',
  'hunks-accepted': 'people',
  'hunks-rejected': 'people',
  'run-failed': 'error',
  'model-failed': 'error',
  'tool-failed': 'error',
  'tool-outcome-unknown': 'error'
}

/** What a record is about, for its colour and its word. */
export function kindOf(type: string): Kind {
  if (KIND_OF[type]) return KIND_OF[type]
  if (type.startsWith('model-')) return 'model'
  if (type.startsWith('tool-') || type === 'arguments-streamed') return 'tool'
  return 'house'
}

/** A record in one line: what happened, and the beginning of what was said. */
export function summary(record: LogRecord): string {
  const { type, ...said } = record.event
  const told = said.text ?? said.prompt ?? said.message ?? said.question ?? said.verdict ?? (said.reason || undefined) ?? said.name ?? said.finish ?? said.model ?? record.document
  const text = typeof told === 'string' && told.trim() ? ` “${clip(told.trim(), 60)}”` : ''
  return `${type.replaceAll('-', ' ')}${text}`
}

/** What an edit's update weighs beside the text that it carries, in base64. */
const EDIT_OVERHEAD = 36

/** How tall a bar stands, from 0 to 1: the logarithm of how much was said, and a fixed height where nothing was. */
export function weight(record: LogRecord): number {
  const said = record.event.text ?? record.event.result ?? record.event.prompt ?? record.event.message
  if (typeof said === 'string') return Math.min(1, 0.15 + Math.log2(1 + said.length) / 9)
  if (record.event.type === 'document-edited') {
    return Math.min(1, 0.15 + Math.log2(1 + Math.max(1, (record.update?.length ?? 0) - EDIT_OVERHEAD)) / 9)
  }
  return kindOf(record.event.type) === 'house' ? 0.2 : 0.45
}

function clip(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > length ? line.slice(0, length - 1) + '…' : line
}

const WINDOW = 20_000
const TRIM = 2_000

export class Records {
  /** Held records; `list[i].seq === first + i`. */
  list: LogRecord[] = []
  /** Names of shared documents that the records told of. */
  readonly documents = new Cell<ReadonlySet<string>>(new Set())
  /** Runs whose edits of shared documents the records told of. */
  readonly wrote = new Cell<ReadonlySet<string>>(new Set())
  /** Why there are none, if the server does not give them. */
  readonly problem = new Cell('')
  private watchers = new Set<() => void>()
  private frame = 0

  get first(): number {
    return this.list[0]?.seq ?? 0
  }

  get head(): number {
    return this.list.at(-1)?.seq ?? 0
  }

  at(seq: number): LogRecord | undefined {
    return this.list[seq - this.first]
  }

  /** Take in the next record; one that is already held, or that leaves a gap, begins no second story. */
  add(record: LogRecord): void {
    if (this.list.length && record.seq <= this.head) return
    if (this.list.length && record.seq > this.head + 1) this.list = []
    this.list.push(record)
    if (this.list.length > WINDOW + TRIM) this.list = this.list.slice(-WINDOW)
    this.learn(record)
    this.wake()
  }

  /** Take in older records that end where the window begins. */
  prepend(older: LogRecord[]): void {
    const fitting = older.filter((record) => record.seq < this.first || !this.list.length)
    if (!fitting.length || (this.list.length && fitting.at(-1)!.seq !== this.first - 1)) return
    this.list = [...fitting, ...this.list]
    for (const record of fitting) this.learn(record)
    this.wake()
  }

  /** The record of a run's failure, if it is held: where the error's story stands in the log. */
  failureOf(run: string): LogRecord | undefined {
    return this.list.findLast((record) => record.run === run && record.event.type === 'run-failed')
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  private learn(record: LogRecord): void {
    if (record.document && !this.documents.value.has(record.document)) this.documents.set(new Set([...this.documents.value, record.document]))
    const { run } = record
    if (run && record.event.type === 'document-edited' && !this.wrote.value.has(run)) this.wrote.set(new Set([...this.wrote.value, run]))
  }

  /** Watchers hear of a burst once, in the next frame. */
  private wake(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0
      for (const watcher of [...this.watchers]) watcher()
    })
  }
}

/** The record of a run's failure, as soon as it is there: the document tells of a failure before the records do. */
export function useFailure(records: Records, run: string): LogRecord | undefined {
  const [found, find] = useState(() => records.failureOf(run))
  useLayoutEffect(() => {
    if (found) return
    const look = (): void => {
      const record = records.failureOf(run)
      if (record) stop()
      if (record) find(record)
    }
    const stop = records.watch(look)
    look()
    return stop
  }, [records, run, found])
  return found
}

/** Render again, once a frame, when records came. */
export function useRecords(records: Records): Records {
  const again = useAgain()
  useLayoutEffect(() => records.watch(again), [records])
  return records
}
