/**
 * One open room: its document, its control channel and its records, from the moment it is opened until it is left.
 */

import * as Y from 'yjs'

import { Control, controlSocket } from './control'
import { Line } from './provider'
import { type LogRecord, Records } from './records'

/** A run's or a part's map; specs/document.md names the keys. */
export type Shown = Y.Map<any>

/** How many of the newest runs the timeline begins with; older records are read when somebody goes there. */
const RUNS_FOLLOWED = 4

export class Room {
  readonly control: Control
  readonly line: Line
  readonly records = new Records()
  readonly runs: Y.Map<Shown>
  private behindUntil = 0

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
    this.line.loaded.watch(() => this.control.follow(this.begin()))
  }

  /** Ids of the runs in the document, oldest first. */
  ids(): string[] {
    return [...this.runs.keys()].sort()
  }

  /** Runs that are not over, oldest first. */
  open(): string[] {
    return this.ids().filter((id) => isOpen(this.runs.get(id)?.get('status')))
  }

  /** Whether a run waits for somebody's word. */
  waits(): boolean {
    return this.ids().some((id) => this.runs.get(id)?.get('status') === 'waiting')
  }

  /** The run that can be told something: the first open one, as the others wait for it. */
  atWork(): string | undefined {
    return this.open()[0]
  }

  leave(): void {
    this.line.end()
  }

  /** A run's id is the seq of its first record, so the document itself says where its newest runs begin in the log. */
  private begin(): number {
    const from = this.ids().at(-RUNS_FOLLOWED)
    return from === undefined ? 0 : Math.max(0, Number(from) - 1)
  }

  private heard(head: number): void {
    const behind = head - Math.max(this.records.head, this.begin())
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
