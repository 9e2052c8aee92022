/**
 * The requests that are not a socket: rooms, past records, past runs, health.
 *
 * All go to this server and nowhere else. A failure is an `ApiError` with the server's own code and sentence.
 */

export interface RoomLine {
  readonly name: string
  readonly title?: string
  readonly time?: string
  readonly open_runs?: number
}

export class ApiError extends Error {
  constructor(readonly code: string, message: string) {
    super(message)
  }
}

async function get(path: string, query: Record<string, string | number | undefined> = {}): Promise<Response> {
  const asked = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== '') asked.set(key, String(value))
  const tail = asked.toString()
  let response: Response
  try {
    response = await fetch(path + (tail ? '?' + tail : ''))
  } catch {
    throw new ApiError('unreachable', 'The server does not answer.')
  }
  if (response.ok) return response
  const said = await response.json().catch(() => ({}))
  throw new ApiError(said.code ?? `http-${response.status}`, said.message ?? `The server answered ${response.status}.`)
}

/** One page of the rooms whose names contain `query`, the latest active first; `cursor` begins the next page. */
export async function rooms(query: string, cursor?: string): Promise<{ rooms: RoomLine[]; cursor?: string }> {
  const page = await (await get('/api/rooms', { query, cursor })).json()
  return { ...page, rooms: newestFirst(page.rooms) }
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

/** Runs that left the document, newest first or oldest first as the server likes, in the document's shape. */
export async function pastRuns(room: string, before: string): Promise<{ runs: PastRun[]; before?: string }> {
  return (await get(`/api/rooms/${encodeURIComponent(room)}/runs`, { before })).json()
}

export interface PastRun {
  readonly id?: string
  readonly run?: string
  readonly [key: string]: unknown
}

/** What runs here: used for the prompts that an empty room suggests. */
export async function health(): Promise<{ models: string[] }> {
  const said = await (await get('/health')).json()
  return { models: modelNames(said) }
}

/** Names of models wherever the health page keeps them: a list, or agents with a model each. */
function modelNames(said: any): string[] {
  const agents = Array.isArray(said.agents) ? said.agents : Object.values(said.agents ?? {})
  const listed = [...[said.models ?? []].flat(), ...agents.map((agent: any) => agent?.model ?? agent)]
  return listed.filter((name): name is string => typeof name === 'string')
}
