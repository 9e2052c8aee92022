/**
 * The requests that are not a socket: rooms, files, past records, past runs, health.
 *
 * All go to this server and nowhere else. A failure is an `ApiError` with the server's own code and sentence.
 */

import type { Attached } from './control'
import { authorization, grant, refused, took } from './grant'

export interface RoomLine {
  readonly name: string
  readonly title?: string
  readonly time?: string
  readonly open_runs?: number
  /** How many of them wait for somebody. */
  readonly waiting_runs?: number
}

export class ApiError extends Error {
  /** `status` is HTTP's, 0 where nobody answered. */
  constructor(readonly code: string, message: string, readonly status = 0) {
    super(message)
  }
}

export async function get(path: string, query: Record<string, string | number | undefined> = {}): Promise<Response> {
  const asked = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== '') asked.set(key, String(value))
  const tail = asked.toString()
  return fetched(path + (tail ? '?' + tail : ''))
}

async function fetched(address: string, how: RequestInit = {}): Promise<Response> {
  let response: Response
  const token = grant.value?.token ?? ''
  try {
    response = await fetch(address, { ...how, headers: { ...how.headers, ...authorization() } })
  } catch {
    throw unreachable()
  }
  if (response.ok) return response
  if (response.status === UNAUTHORIZED) refused(token)
  throw refusal(response.status, await response.json().catch(() => ({})))
}

export async function post(path: string, body: BodyInit, type: string): Promise<Response> {
  return fetched(path, { method: 'POST', body, headers: { 'content-type': type } })
}

/** What a response says line by line, for as long as it goes on, or until `signal`. */
export async function* lines(path: string, query: Record<string, string>, posts: boolean, signal: AbortSignal): AsyncGenerator<unknown> {
  const response = await fetched(`${path}?${new URLSearchParams(query)}`, { method: posts ? 'POST' : 'GET', signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const whole = (rest + value).split('\n')
    rest = whole.pop()!
    for (const line of whole) if (line) yield JSON.parse(line)
  }
}

/** Whether there is something at that address, without it. */
export async function look(path: string): Promise<void> {
  await fetched(path, { method: 'HEAD' })
}

/** The request needs a grant that counts. */
const UNAUTHORIZED = 401

function unreachable(): ApiError {
  return new ApiError('unreachable', 'The server does not answer.')
}

function refusal(status: number, said: any): ApiError {
  return new ApiError(said?.code ?? `http-${status}`, said?.message ?? `The server answered ${status}.`, status)
}

/** Delete a room, its log and its documents, for everybody and for good. */
export async function deleteRoom(room: string): Promise<void> {
  await fetched(`/api/rooms/${encodeURIComponent(room)}`, { method: 'DELETE' })
}

/** Put a file where prompts can name it. `told` hears how far it is, from 0 to 1; fetch cannot tell that, so it is XHR. */
export function putFile(file: File, told: (done: number) => void, signal: AbortSignal): Promise<Attached> {
  return new Promise((settle, fail) => {
    const request = new XMLHttpRequest()
    const media_type = file.type || 'application/octet-stream'
    request.open('PUT', '/api/blobs')
    request.setRequestHeader('content-type', media_type)
    const token = grant.value?.token ?? ''
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value)
    request.responseType = 'json'
    request.upload.onprogress = (event) => { if (event.lengthComputable) told(event.loaded / event.total) }
    request.onerror = () => fail(unreachable())
    request.onload = () => {
      const said = request.response
      if (request.status === UNAUTHORIZED) refused(token)
      if (request.status >= 300) fail(refusal(request.status, said))
      else settle({ blob: String(said?.blob ?? ''), media_type: String(said?.media_type ?? media_type), name: file.name.slice(0, LONGEST_NAME) || 'file', bytes: file.size })
    }
    signal.addEventListener('abort', () => request.abort())
    request.send(file)
  })
}

/** The bytes of a file that the server keeps. */
export async function blob(hash: string): Promise<Blob> {
  return (await fetched(`/api/blobs/${hash}`)).blob()
}

/** As the server's limit for a file's name. */
const LONGEST_NAME = 200

/** One page of the rooms whose names contain `query`, the latest active first; `cursor` begins the next page. */
export async function rooms(query: string, cursor?: string): Promise<{ rooms: RoomLine[]; cursor?: string }> {
  const page = await (await get('/api/rooms', { query, cursor })).json()
  took()
  return { ...page, rooms: newestFirst(page.rooms) }
}

/** The seq of a room's newest record, 0 if there is none. */
export async function head(room: string): Promise<number> {
  const { rooms } = (await (await get('/api/rooms', { query: room })).json()) as { rooms: readonly (RoomLine & { seq?: number })[] }
  return rooms.find(({ name }) => name === room)?.seq ?? 0
}

/** The server pages by name, which a room keeps; people look for what happened last. */
export function newestFirst(lines: readonly RoomLine[]): RoomLine[] {
  return [...lines].sort((a, b) => (b.time ?? '').localeCompare(a.time ?? '') || a.name.localeCompare(b.name))
}

/** Records after a seq, as they stand in the log. */
export async function records(room: string, after: number, limit: number): Promise<unknown[]> {
  const lines = await (await get(`/api/rooms/${encodeURIComponent(room)}/records`, { after, limit })).text()
  return lines.split('\n').filter(Boolean).map((line) => JSON.parse(line))
}

export interface RunThen {
  readonly agent: string
  readonly status: string
  readonly prompt: string
  readonly parent?: string
  readonly after?: string
  /** How many parts it has that were not asked for. */
  readonly parts_left?: number
  readonly [key: string]: unknown
  readonly parts: readonly { readonly type: string; readonly text?: unknown; readonly name?: string; readonly state?: string }[]
}

export interface Pending {
  readonly run: string
  readonly step: string
  readonly kind?: string
  readonly name: string
  readonly status?: string
  readonly waits_for: string
  /** Until when, in µs since 1970. */
  readonly due?: number
}

/** What the next process would have done about what was at work, had this one died then. */
export interface Recovery {
  readonly run: string
  readonly name: string
  readonly event: { readonly type?: string; readonly step?: string; readonly attempt?: number }
  readonly follows: string
}

/** A room as it stood after record `seq`; `roots` is what the asked document held. */
export interface Moment {
  readonly seq: number
  readonly runs: Readonly<Record<string, RunThen>>
  readonly documents: readonly string[]
  readonly pending: readonly Pending[]
  readonly recovery?: readonly Recovery[]
  readonly spent?: Readonly<Record<string, unknown>>
  readonly room?: Readonly<Record<string, unknown>>
  readonly drafts?: Readonly<Record<string, unknown>>
  readonly roots?: Record<string, unknown>
}

export async function moment(room: string, at: number, document: string): Promise<Moment> {
  return (await get(`/api/rooms/${encodeURIComponent(room)}/moment`, { at, document })).json()
}

/** The same, where of its runs only the open ones and the newest have their parts, and `run`. */
export async function nearMoment(room: string, at: number, document: string, run = ''): Promise<Moment> {
  return (await get(`/api/rooms/${encodeURIComponent(room)}/moment`, { at, document, parts: run ? '0' : PARTS, run })).json()
}

/** So many parts of a conversation are a few screens. */
const PARTS = 240

/** Who did what a record holds; `time` is RFC 3339. What an edit of no run has not is left out or empty. */
export interface Attribution {
  readonly seq: number
  readonly time: string
  readonly author: string
  readonly on_behalf_of?: string
  readonly run?: string
  readonly agent?: string
  readonly model?: string
  readonly tool?: string
  readonly prompt_seq?: number
}

/** A part of a text that one record brought; `accepted` and `restored` are what put it here from a draft or from the past. */
export interface BlamedSpan {
  readonly units: readonly [number, number]
  readonly text?: string
  readonly seq: number
  readonly accepted?: number
  readonly restored?: number
}

export interface Blamed {
  readonly spans: readonly BlamedSpan[]
  readonly records: Readonly<Record<number, Attribution>>
  readonly prompts: Readonly<Record<number, string>>
}

/** Who wrote so many UTF-16 units of a shared text from `at` on (specs/attribution.md). */
export async function blame(room: string, where: { document: string; root: string; at: number; length: number }): Promise<Blamed> {
  return (await get(`/api/rooms/${encodeURIComponent(room)}/blame`, where)).json()
}

/** Neighbours that a draft would put in or take out, at their place in the draft in UTF-16 units (specs/drafts.md). */
export interface DraftSpan {
  readonly units: readonly [number, number]
  readonly text?: string
  readonly values?: readonly unknown[]
  readonly mark?: readonly [string, unknown]
}

/** What one author changed at one place of a draft. */
export interface DraftHunk {
  readonly id: string
  readonly path: readonly (string | number)[]
  readonly key: string | null
  readonly author: string
  readonly run: string
  readonly seq: number
  readonly deleted: readonly DraftSpan[]
  readonly inserted: readonly DraftSpan[]
}

/** What somebody decided about a draft: about so many hunks, of which the document had moved on under `kept`. */
export interface DraftDecision {
  readonly verdict: 'accepted' | 'rejected'
  readonly author: string
  readonly seq: number
  readonly time: string
  readonly hunks: number
  readonly kept: number
  readonly whole: boolean
}

export interface ShownDraft {
  readonly draft: string
  readonly of: string
  readonly status: string
  /** The newest record that was looked at: `seen` of a decision. */
  readonly seq: number
  readonly hunks: readonly DraftHunk[]
  /** How many further hunks are not told. */
  readonly more: number
  readonly decisions: readonly DraftDecision[]
}

/** A draft of a shared document, hunk by hunk, as the log has it now. */
export async function draft(room: string, name: string): Promise<ShownDraft> {
  return (await get(`/api/rooms/${encodeURIComponent(room)}/drafts`, { name })).json()
}

/** The names of the shared documents in which somebody has written, drafts among them. */
export async function documents(room: string): Promise<string[]> {
  const said = await (await get(`/api/rooms/${encodeURIComponent(room)}/documents`)).json()
  return (said.documents as { name: string }[]).map(({ name }) => name)
}

/** Runs that left the document, newest first or oldest first as the server likes, in the document's shape. */
export async function pastRuns(room: string, before: string): Promise<{ runs: PastRun[]; before?: string }> {
  return (await get(`/api/rooms/${encodeURIComponent(room)}/runs`, { before })).json()
}

export interface PastRun {
  readonly id?: string
  readonly run?: string
  readonly [key: string]: unknown
}

/** What runs here: models for the prompts that an empty room suggests, agents to choose from. */
export async function health(): Promise<{ models: string[]; agents: string[] }> {
  const said = await (await get('/health')).json()
  const agents = Array.isArray(said.agents) ? said.agents.map((agent: any) => agent?.name) : []
  return { models: modelNames(said), agents: agents.filter((name: unknown) => typeof name === 'string') }
}

/** Names of models wherever the health page keeps them: a list, or agents with a model each. */
function modelNames(said: any): string[] {
  const agents = Array.isArray(said.agents) ? said.agents : Object.values(said.agents ?? {})
  const listed = [...[said.models ?? []].flat(), ...agents.map((agent: any) => agent?.model ?? agent)]
  return listed.filter((name): name is string => typeof name === 'string')
}
