// Generated from specs/schema/document.json by generate.mjs; a test holds both equal.
// sha256 3be59ae9021038df345a62ae460d4ef7333bf09314939d0f881f3fb3712ad800

export type Part = TextPart | ReasoningPart | ToolPart | RetrievalPart | SourcePart | FilePart | DataPart | SteerPart

/** The whole document. */
export interface RoomDocument {
  readonly room: RoomInfo
  /** drafts that wait and the newest settled ones, by name */
  readonly drafts: {
    readonly [key: string]: Draft
  }
  /** open runs and the newest finished ones, by run id; ids sort by creation */
  readonly runs: {
    readonly [key: string]: Run
  }
}

/** The root map `room`: what concerns the room itself. */
export interface RoomInfo {
  /** its title, once somebody named it or an agent proposed one */
  readonly title?: string
  /** whether a person named it; then no agent proposes a title */
  readonly named?: boolean
  /** whatever its people keep there, a Y.Map */
  readonly metadata?: {
    readonly [key: string]: string
  }
  /** the newest run of the branch that the conversation goes on from */
  readonly branch?: string
  /** the agent that was prompted last: the one for a prompt that names none */
  readonly agent?: string
  /** over all runs that ended */
  readonly input_tokens?: number
  /** over all runs that ended */
  readonly output_tokens?: number
  /** over all runs that ended, in millionths of the agents' currency */
  readonly cost?: number
  readonly fork?: ShownFork
  readonly paused?: ShownPause
  /** the version of this document's shape; 1 where nothing is said */
  readonly shape?: number
}

/** Of which room this one is a fork. */
export interface ShownFork {
  /** the room that it began as a copy of */
  readonly of: string
  /** up to which of that one's records */
  readonly at: number
  /** how the runs go on that it began with; paused: `resume` them */
  readonly going: 'live' | 'paused' | 'recorded' | 'recorded-live'
  /** whether tools may change the world outside from here */
  readonly writes: boolean
  /** what its next record has otherwise: `prompt`, `options`, `result`, `decision` or `answer` */
  readonly change?: string
}

/** That the room's runs wait for somebody to `resume` them. */
export interface ShownPause {
  /** who paused them */
  readonly author: string
  /** the record at which a breakpoint stopped them, 0 if none did */
  readonly at: number
  /** for people; may be empty */
  readonly reason: string
}

/** One draft: an entry of the root map `drafts`, under its name, which is that of the shared document that it is. */
export interface Draft {
  /** the shared document that it proposes changes of */
  readonly of: string
  /** what it is for, in its author's words; may be empty */
  readonly title: string
  /** who opened it, as the record names them */
  readonly author: string
  /** the run in which an agent opened it, or empty */
  readonly run: string
  readonly status: 'accepted' | 'open' | 'rejected'
  /** RFC 3339: when it was opened */
  readonly opened_at: string
  /** who accepted or rejected it */
  readonly decided_by?: string
  /** RFC 3339: when that was */
  readonly decided_at?: string
}

/** One run: an entry of the root map `runs`, under the run's id. */
export interface Run {
  /** the agent's name */
  readonly agent: string
  /** who prompted, as the record names them */
  readonly author: string
  /** the prompt's text */
  readonly prompt: string
  readonly status: 'done' | 'failed' | 'queued' | 'running' | 'stopped' | 'waiting'
  /** RFC 3339: when the prompt was accepted */
  readonly requested_at: string
  /** in order */
  readonly parts: readonly Part[]
  /** the run that the conversation goes on from; empty at its beginning */
  readonly after?: string
  /** the run of which this one is another version: its prompt again, or edited */
  readonly instead?: string
  /** sub-agent: the run that waits for this one */
  readonly parent?: string
  /** sub-agent: the step of the parent that waits for this one */
  readonly step?: string
  /** files of the prompt */
  readonly attachments?: readonly Attachment[]
  /** RFC 3339: when the run's time is over, if it has a limit */
  readonly deadline?: string
  /** RFC 3339: until when the run sleeps, while it does */
  readonly wakes_at?: string
  /** JSON text of what the run gave, if that is not the text of its last answer */
  readonly result?: string
  /** RFC 3339: once done, stopped or failed */
  readonly ended_at?: string
  /** the model asked last */
  readonly model?: string
  /** over all answers so far, once the vendor told */
  readonly input_tokens?: number
  /** over all answers so far, once the vendor told */
  readonly output_tokens?: number
  /** over all answers so far, in millionths of the agent's currency */
  readonly cost?: number
  /** failed: the stable code */
  readonly error_code?: string
  /** failed: for people */
  readonly error_message?: string
}

/** What the agent says. */
export interface TextPart {
  readonly type: 'text'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** what was said so far */
  readonly text: string
}

/** What the model thinks before it says something. */
export interface ReasoningPart {
  readonly type: 'reasoning'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** what was said so far */
  readonly text: string
}

/** A tool's call, from its first streamed argument to its result. */
export interface ToolPart {
  readonly type: 'tool'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** the call's id, as the model gave it */
  readonly id: string
  /** the tool's name */
  readonly name: string
  readonly state:
    | 'asking'
    | 'assigned'
    | 'awaiting'
    | 'cancelled'
    | 'done'
    | 'failed'
    | 'requested'
    | 'running'
    | 'streaming'
    | 'unknown'
  /** the arguments' JSON text as it streams */
  readonly input: string
  /** the arguments' JSON text, once complete */
  readonly args?: string
  /** the step that carries the call out, once it started */
  readonly call?: string
  /** the result's JSON text, once done */
  readonly result?: string
  /** why it failed, for people and for the model */
  readonly error?: string
  /** SHA-256 of the whole of a result that is too large for the log */
  readonly blob?: string
  /** how far it is, in its words */
  readonly progress?: string
  /** how far it is, from 0 to 1, if it knows */
  readonly done?: number
  /** a tool that is an agent: its name */
  readonly agent?: string
  /** a tool that is an agent: its run, to be shown inside this part */
  readonly child?: string
  /** a tool of a tab: the tab that it is assigned to */
  readonly tab?: string
  /** a tool of a tab: the number under which it is assigned; only the newest counts */
  readonly number?: number
  /** a call that asks a person: for a yes or no, perhaps with other arguments; or for input */
  readonly asks?: 'approval' | 'input'
  /** approval: names these arguments of this tool; a decision says it as `shown` */
  readonly digest?: string
  /** approval: why it is asked for */
  readonly reason?: string
  /** input: what is asked */
  readonly question?: string
  /** a call that asks: JSON Schema text of the answer, or of the arguments */
  readonly schema?: string
  /** RFC 3339: when nobody's answer becomes a no */
  readonly expires_at?: string
  /** what became of it, once somebody decided or nobody did */
  readonly decision?: 'answered' | 'approved' | 'denied' | 'did-not-happen' | 'expired' | 'happened' | 'retry'
  /** who decided, as the record names them */
  readonly decided_by?: string
}

/** A search in the agent's knowledge: a tool's call that people see as such. */
export interface RetrievalPart {
  readonly type: 'retrieval'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** the call's id, as the model gave it */
  readonly id: string
  /** the tool's name */
  readonly name: string
  readonly state:
    | 'asking'
    | 'assigned'
    | 'awaiting'
    | 'cancelled'
    | 'done'
    | 'failed'
    | 'requested'
    | 'running'
    | 'streaming'
    | 'unknown'
  /** the arguments' JSON text as it streams */
  readonly input: string
  /** the arguments' JSON text, once complete */
  readonly args?: string
  /** the step that carries the call out, once it started */
  readonly call?: string
  /** the result's JSON text, once done */
  readonly result?: string
  /** why it failed, for people and for the model */
  readonly error?: string
  /** SHA-256 of the whole of a result that is too large for the log */
  readonly blob?: string
  /** how far it is, in its words */
  readonly progress?: string
  /** how far it is, from 0 to 1, if it knows */
  readonly done?: number
  /** a tool that is an agent: its name */
  readonly agent?: string
  /** a tool that is an agent: its run, to be shown inside this part */
  readonly child?: string
  /** a tool of a tab: the tab that it is assigned to */
  readonly tab?: string
  /** a tool of a tab: the number under which it is assigned; only the newest counts */
  readonly number?: number
  /** a call that asks a person: for a yes or no, perhaps with other arguments; or for input */
  readonly asks?: 'approval' | 'input'
  /** approval: names these arguments of this tool; a decision says it as `shown` */
  readonly digest?: string
  /** approval: why it is asked for */
  readonly reason?: string
  /** input: what is asked */
  readonly question?: string
  /** a call that asks: JSON Schema text of the answer, or of the arguments */
  readonly schema?: string
  /** RFC 3339: when nobody's answer becomes a no */
  readonly expires_at?: string
  /** what became of it, once somebody decided or nobody did */
  readonly decision?: 'answered' | 'approved' | 'denied' | 'did-not-happen' | 'expired' | 'happened' | 'retry'
  /** who decided, as the record names them */
  readonly decided_by?: string
}

/** A page or passage that the answer stands on. */
export interface SourcePart {
  readonly type: 'source'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** where it is */
  readonly url: string
  /** its title */
  readonly title: string
  /** what it says, if it was quoted */
  readonly excerpt: string
}

/** A file that a call made; its bytes are at `/api/blobs/{blob}`. */
export interface FilePart {
  readonly type: 'file'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** SHA-256 of its bytes, hexadecimal */
  readonly blob: string
  /** what it is */
  readonly media_type: string
  /** what it is called */
  readonly name: string
  /** how long it is */
  readonly bytes: number
}

/** Data of the host's own. */
export interface DataPart {
  readonly type: 'data'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** of what kind it is, in the host's own words */
  readonly name: string
  /** JSON text for the host's own page to render */
  readonly value: string
}

/** What somebody said to the run while it was at work. */
export interface SteerPart {
  readonly type: 'steer'
  /** the step that produced the part: a model's, or that of the call which shows it */
  readonly step: string
  /** which try at the step, from 1; the parts of a superseded try are deleted */
  readonly attempt: number
  /** which part of the attempt, from 0 */
  readonly part: number
  /** what was said so far */
  readonly text: string
  /** who said it */
  readonly author: string
  /** whether it is in a model request */
  readonly seen: boolean
}

/** A file; its bytes are at `/api/blobs/{blob}`. */
export interface Attachment {
  /** SHA-256 of the bytes, hexadecimal */
  readonly blob: string
  readonly media_type: string
  readonly name: string
  readonly bytes: number
}
