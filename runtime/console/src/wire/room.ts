/**
 * One open room: its document, its control channel and its records, from the moment it is opened until it is left.
 */

import * as Y from 'yjs'

import { tabName } from '../tools/name'
import { ownTools } from '../tools/own'
import { type Call, Serving } from '../tools/serving'
import * as api from './api'
import { Control, controlSocket } from './control'
import { Line } from './provider'
import { type LogRecord, Records } from './records'

/** A run's or a part's map; specs/document.md names the keys. */
export type Shown = Y.Map<any>

/** How many of the newest runs the timeline begins with, and at most how many records; older ones are read on demand. */
const RUNS_FOLLOWED = 4
const RECORDS_FOLLOWED = 4_000

export class Room {
  readonly control: Control
  readonly line: Line
  readonly records = new Records()
  readonly runs: Y.Map<Shown>
  /** What concerns the room itself: its title, its branch, what it cost. */
  readonly about: Y.Map<any>
  /** Drafts of shared documents, by their names. */
  readonly drafts: Y.Map<Shown>
  readonly serving: Serving
  private behindUntil = 0
  /** The seq behind which the records are followed. */
  private begin = 0

  constructor(readonly name: string) {
    this.control = new Control(name)
    this.line = new Line('rooms', name, controlSocket(this.control))
    this.runs = this.line.doc.getMap('runs')
    this.control.onRecord = (record) => this.took(record as LogRecord)
    this.control.onHead = (head) => this.heard(head)
    this.control.onCaughtUp = () => {
      this.behindUntil = 0
      this.line.signal({ it: 'behind', records: 0 })
    }
    this.about = this.line.doc.getMap('room')
    this.drafts = this.line.doc.getMap('drafts')
    this.serving = new Serving(tabName(), name, ownTools, () => this.calls(), this.control)
    this.control.hello = () => this.serving.hello()
    this.control.beforeRun = () => this.serving.lend()
    this.line.awareness.setLocalStateField('tab', tabName())
    this.runs.observeDeep((events) => {
      // A token changes a text; what a call's tab must know is a key of a map.
      if (events.some(({ target }) => target instanceof Y.Map)) this.serving.look()
    })
    this.line.loaded.watch(() => void this.follow())
  }

  /** Ids of the runs in the document, oldest first. */
  ids(): string[] {
    return [...this.runs.keys()].sort()
  }

  /** Runs that are not over, oldest first; those of sub-agents are part of the run that waits for them. */
  open(inner = false): string[] {
    return this.ids().filter((id) => {
      const run = this.runs.get(id)!
      return isOpen(run.get('status')) && (inner || !run.get('parent'))
    })
  }

  /** Whether a run, or one that it asked for, waits for somebody's word. */
  waits(): boolean {
    return this.ids().some((id) => waitsForPerson(this.runs.get(id)!))
  }

  /** The run that can be told something: the first open one, as the others wait for it. */
  atWork(): string | undefined {
    return this.open()[0]
  }

  leave(): void {
    this.serving.leave()
    this.line.end()
  }

  /** The calls of open runs that are a tab's, or wait for one. */
  private calls(): Call[] {
    const found: Call[] = []
    for (const run of this.open(true)) {
      for (const part of (this.runs.get(run)?.get('parts') as Y.Array<Shown> | undefined) ?? []) {
        const state = part.get('state')
        if (state !== 'awaiting' && (part.get('tab') === undefined || (state !== 'assigned' && state !== 'running'))) continue
        const [step, name, args, tab, number] = ['call', 'name', 'args', 'tab', 'number'].map((key) => part.get(key))
        found.push({ run, step: String(step), name: String(name), args: String(args ?? ''), state, tab: String(tab ?? ''), number: Number(number ?? 0) })
      }
    }
    return found
  }

  /**
   * Have the records from where the newest runs begin: a run's id is the seq of its first record. Who comes to a run of
   * 100,000 records waits for the last of them only; how many there are is asked if they may be that many.
   */
  private async follow(): Promise<void> {
    const from = this.ids().at(-RUNS_FOLLOWED)
    const runs = from === undefined ? 0 : Math.max(0, Number(from) - 1)
    const head = await api.head(this.name).catch(() => 0)
    this.begin = Math.max(runs, head - RECORDS_FOLLOWED)
    this.control.follow(this.begin)
  }

  private heard(head: number): void {
    const behind = head - Math.max(this.records.head, this.begin)
    this.behindUntil = head
    if (behind > 500) this.line.signal({ it: 'behind', records: behind })
  }

  private took(record: LogRecord): void {
    this.records.add(record)
    this.control.came(record.seq)
    const behind = this.behindUntil - record.seq
    if (behind > 0 && behind % 500 === 0) this.line.signal({ it: 'behind', records: behind })
  }
}

/** Whether a run of this status may still change. */
export function isOpen(status: unknown): boolean {
  return status === 'queued' || status === 'running' || status === 'waiting'
}

/** Whether a waiting run waits for somebody's word, and not for a time or for a page. */
export function waitsForPerson(run: Shown): boolean {
  if (run.get('status') !== 'waiting' || run.get('wakes_at')) return false
  const states = ((run.get('parts') as Y.Array<Shown> | undefined)?.map((part) => part.get('state')) ?? []) as unknown[]
  return states.some((state) => state === 'asking' || state === 'unknown') || !states.includes('awaiting')
}
