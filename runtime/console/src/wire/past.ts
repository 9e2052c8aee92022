/**
 * The requests of the debugger: a room's past as the server tells it, and what can be made of it.
 *
 * Some of them came later than others, and a page may be newer than its server: `missing` says of an error that the
 * server does not know the request at all, and then what needs it is not offered.
 */

import * as api from './api'

/** Columns of the log behind a seq (runtime/server/outline); `words` is what all but time, run, parent and size mean. */
export interface OutlinePage {
  readonly first: number
  readonly head: number
  readonly words: readonly string[]
  readonly time: readonly number[]
  readonly type: readonly number[]
  readonly author: readonly number[]
  readonly run: readonly number[]
  readonly step: readonly number[]
  readonly name: readonly number[]
  readonly document: readonly number[]
  readonly parent: readonly number[]
  readonly size: readonly number[]
}

export interface Hit {
  readonly seq: number
  readonly time: string
  readonly author: string
  readonly run: string | null
  readonly type: string
  readonly document: string
  readonly line: string
}

export interface Hits {
  readonly hits: readonly Hit[]
  /** How far was looked. */
  readonly looked: number
  readonly head: number
}

/** What a search asks; whatever is left out is not asked. */
export type Sought = Readonly<Partial<Record<'text' | 'type' | 'author' | 'run' | 'document', string>>>

export interface Lineage {
  readonly room: string
  readonly of: { readonly room: string; readonly at: number } | null
  readonly forks: readonly { readonly room: string; readonly at: number; readonly when?: string; readonly by?: string }[]
}

/** One place that a record changed (specs/replay.md). */
export interface Effect {
  /** A shared document's name, null for the room document. */
  readonly document: string | null
  readonly did: 'inserted' | 'deleted'
  /** A JSON Pointer to where it was done. */
  readonly path: string
  readonly units?: readonly [number, number]
  readonly text?: string
  readonly value?: unknown
  readonly was?: unknown
  readonly mark?: unknown
  readonly cut?: boolean
  readonly still: boolean
  readonly now?: { readonly path: string; readonly units?: readonly [number, number] }
  readonly deleted_by?: number
}

/** A run or a step that a record began, ended or moved on. */
export interface Turned {
  readonly run: string
  readonly step: string
  readonly name: string
  readonly was: string | null
  readonly now: string
}

/** A record that happened because of another one, or neighbours of one kind. */
export interface Caused {
  readonly seq: number
  readonly last: number
  readonly event: string
  readonly run?: string
  readonly step?: string
}

export interface Effects {
  readonly seq: number
  readonly changed: readonly Effect[]
  readonly steps: readonly Turned[]
  readonly caused: readonly Caused[]
  /** Up to where what it caused was looked for. */
  readonly looked?: number
  /** How many further places are not told. */
  readonly more?: number
}

export interface Forking {
  readonly at: number
  readonly as?: string
  readonly change?: unknown
  readonly writes: boolean
  /** How runs that were open go on: `live` or `paused`. */
  readonly going?: string
}

/** A condition on a moment: an expression, a pattern in a document, a tool that failed. */
export type Condition = Readonly<Partial<Record<'when' | 'matches' | 'document' | 'tool-error', string>>>

const of = (room: string, what: string): string => `/api/rooms/${encodeURIComponent(room)}/${what}`

/** Whether the server does not know such a request. */
export function missing(error: unknown): boolean {
  return error instanceof api.ApiError && (error.status === 405 || (error.status === 404 && (error.code === 'bad-request' || error.code.startsWith('http-'))))
}

export async function outline(room: string, after: number): Promise<OutlinePage> {
  return (await api.get(of(room, 'outline'), { after: String(after) })).json()
}

export async function search(room: string, sought: Sought, after: number): Promise<Hits> {
  return (await api.get(of(room, 'search'), { ...sought, after: String(after) })).json()
}

/** What the model was sent in the request of that record. */
export async function request(room: string, at: number): Promise<Record<string, unknown>> {
  return (await api.get(of(room, 'request'), { at })).json()
}

export async function effects(room: string, seq: number): Promise<Effects> {
  return (await api.get(of(room, 'effects'), { seq })).json()
}

/** How one tab stood towards a record: whether it had been shown it, and if not, why. */
export interface TabView {
  readonly tab: string
  readonly subject: string
  readonly document: string
  readonly state: string
  readonly sentence: string
  readonly sent?: number
  readonly acked?: number
}

export async function view(room: string, at: number): Promise<{ readonly tabs: readonly TabView[] }> {
  return (await api.get(of(room, 'view'), { at: String(at) })).json()
}

/** What a walk through the log for a condition found. */
export interface Sight {
  readonly seq: number | null
  /** How far it came, and from where to ask again if there is more. */
  readonly looked: number
  readonly rest?: number
  /** Whether it held already where the walk began. */
  readonly held?: boolean
}

/** The first record behind `after` at which the condition begins to hold, as far as the server looks at once. */
export async function find(room: string, condition: Condition, after: number): Promise<Sight> {
  return (await api.get(of(room, 'find'), { ...condition, after: String(after) })).json()
}

/** A hit of a breakpoint that is waited for; `paused` says whether the runs were stopped by it. */
export interface Caught {
  readonly seq: number
  readonly paused?: boolean
}

/** Tell of each record from now on at which the condition begins to hold, until `signal`; or pause the runs there. */
export async function watch(room: string, condition: Condition, pauses: boolean, after: number, signal: AbortSignal, tell: (caught: Caught | null) => void): Promise<void> {
  const query: Record<string, string> = { ...condition, ...(pauses ? {} : { live: '1', after: String(after) }) }
  for await (const line of api.lines(of(room, pauses ? 'break' : 'find'), query, pauses, signal)) {
    const said = line as { seq?: number; paused?: boolean }
    tell(said.seq === undefined ? null : { seq: said.seq, ...(said.paused === undefined ? {} : { paused: said.paused }) })
  }
}

/** Where a call of a tool comes from, by seqs of records. */
export interface CalledBy {
  readonly run: string
  readonly step: string
  readonly author: string
  readonly prompt: number
  readonly request: number | null
  readonly answer: number | null
  readonly records: readonly { readonly seq: number; readonly event: string; readonly author: string }[]
}

export async function calledBy(room: string, call: string, run: string): Promise<CalledBy> {
  return (await api.get(of(room, 'blame'), { call, run })).json()
}

export async function lineage(room: string): Promise<Lineage> {
  return (await api.get(of(room, 'lineage'))).json()
}

/** A new room from that record on; its name. */
export async function fork(room: string, forking: Forking): Promise<string> {
  return (await (await api.post(of(room, 'fork'), JSON.stringify(forking), 'application/json')).json()).room
}

/** What a fork's documents give back to the room that it comes from, by document; with `preview` nothing is written. */
export interface Merged {
  readonly room: string
  readonly seq: number
  readonly documents: Readonly<Record<string, { readonly edits: number; readonly authors: readonly string[]; readonly changes: readonly unknown[] }>>
}

export async function merge(fork: string, preview: boolean): Promise<Merged> {
  return (await api.post(of(fork, 'merge'), JSON.stringify({ preview }), 'application/json')).json()
}

/** The room as a file that another machine opens. */
export async function bundle(room: string): Promise<Blob> {
  return (await api.get(of(room, 'export'))).blob()
}

/** Whether the server gives rooms as files. */
export async function exports(room: string): Promise<boolean> {
  return api.look(of(room, 'export')).then(() => true, () => false)
}

/** Open a bundle as a room of this server, under another name where its own is taken; that name. */
export async function importBundle(file: File): Promise<string> {
  const open = async (query: string): Promise<string> => (await (await api.post('/api/import' + query, file, 'application/zip')).json()).room
  try {
    return await open('')
  } catch (error) {
    if (!(error instanceof api.ApiError) || error.code !== 'room-taken') throw error
    const base = file.name.replace(/\.zip$/i, '').replace(/[^A-Za-z0-9._~:@-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'room'
    return open(`?as=${encodeURIComponent(`${base.slice(0, 180)}-${Date.now().toString(36)}`)}`)
  }
}
