/**
 * One open room: its document, its control channel and its records, from the moment it is opened until it is left.
 */

import { connect, type Room as Client } from 'plait-client'
import * as Y from 'yjs'

import { person } from '../page/settings'
import { Lending } from '../tools/lending'
import { ownTools } from '../tools/own'
import * as api from './api'
import { Control } from './control'
import { grant, heard, may, shown } from './grant'
import { Line } from './provider'
import { type LogRecord, Records } from './records'

/** A run's or a part's map; specs/document.md names the keys. */
export type Shown = Y.Map<any>

/** How many of the newest runs the timeline begins with, and at most how many records; older ones are read on demand. */
const RUNS_FOLLOWED = 4
const RECORDS_FOLLOWED = 4_000
/** So many records behind is worth a word. */
const LAG_GRAIN = 500

export class Room {
  /** Whether it is a moment of the past, in which nobody can do anything (debug/then). */
  readonly past: boolean = false
  readonly control: Control
  readonly line: Line
  readonly records = new Records()
  readonly runs: Y.Map<Shown>
  /** What concerns the room itself: its title, its branch, what it cost. */
  readonly about: Y.Map<any>
  /** Drafts of shared documents, by their names. */
  readonly drafts: Y.Map<Shown>
  readonly lending: Lending
  /** The seq behind which the records are followed. */
  private begin = 0
  private readonly client: Client
  private readonly farewells: (() => void)[]

  constructor(readonly name: string) {
    const client = connect('', { room: name, grant: shown, account: grant.value?.account })
    this.client = client
    this.control = new Control(client)
    this.line = new Line(client)
    this.runs = client.doc.getMap('runs')
    this.about = client.doc.getMap('room')
    this.drafts = client.doc.getMap('drafts')
    this.lending = new Lending(client, () => (may('tools') ? ownTools() : []))
    this.control.beforeRun = () => this.lending.lend()
    this.control.begin()
    this.runs.observeDeep((events) => {
      // A token changes a text; what a call waits for is a key of a map, or a part that is new in a list.
      if (events.some(({ target }) => !(target instanceof Y.Text))) this.look()
    })
    const announce = (): void => client.setUser({ ...person.value, name: grant.value?.claims?.name || person.value.name })
    announce()
    this.farewells = [
      person.watch(announce),
      grant.watch(() => { if (grant.value?.token) client.retry() }),
      client.status.subscribe(() => heard(client.status.value)),
      client.loaded.subscribe(() => void this.follow()),
      client.head.subscribe(() => this.lag())
    ]
  }

  /** This tab's own name, as the part of a call has it. */
  get tab(): string {
    return this.client.tab.value
  }

  /** A shared document of the room; its line is to be ended. */
  document(name: string): Line {
    return new Line(this.client.document(name))
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
    for (const farewell of this.farewells) farewell()
    this.line.end()
  }

  /** Lend tools to a run that waits for a page. */
  private look(): void {
    for (const run of this.open(true)) {
      for (const part of (this.runs.get(run)?.get('parts') as Y.Array<Shown> | undefined) ?? []) {
        if (part.get('state') === 'awaiting') this.lending.awaited(String(part.get('name')))
      }
    }
  }

  /**
   * Have the records from where the newest runs begin, and every further one for as long as the room is open: a run's id
   * is the seq of its first record. Who comes to a run of 100,000 records waits for the last of them only; how many there
   * are is asked if they may be that many.
   */
  private async follow(): Promise<void> {
    const from = this.ids().at(-RUNS_FOLLOWED)
    const runs = from === undefined ? 0 : Math.max(0, Number(from) - 1)
    const head = await api.head(this.name).catch(() => 0)
    this.begin = Math.max(runs, head - RECORDS_FOLLOWED)
    try {
      for await (const record of this.client.records({ after: this.begin })) {
        this.records.add(record as LogRecord)
        if (record.seq % LAG_GRAIN === 0 || record.seq === this.client.head.value) this.lag()
      }
    } catch (error) {
      // Of a room that is refused the status says so; what else is not allowed the timeline tells.
      this.records.problem.set(error instanceof Error ? error.message : String(error))
    }
  }

  /** Say how far the timeline is behind, if it is far. */
  private lag(): void {
    const behind = this.client.head.value - Math.max(this.records.head, this.begin)
    this.line.lag(behind > LAG_GRAIN ? behind : 0)
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
