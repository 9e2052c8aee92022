// Generated from specs/schema/events.json by generate.mjs; a test holds both equal.
// sha256 8f2924a7092200677fefea758de419480edbc19a50a5f835a4c4445fbfdd5edb

export type Event =
  | RunRequested
  | RunStarted
  | StopRequested
  | RunFinished
  | RunStopped
  | RunFailed
  | RunArchived
  | TimerSet
  | TimerFired
  | ValueNoted
  | ModelRequested
  | TextStreamed
  | ReasoningStreamed
  | ArgumentsStreamed
  | ModelAnswered
  | ModelFailed
  | ModelInterrupted
  | PartShown
  | ToolStarted
  | ToolDelegated
  | ToolProgressed
  | ToolNotStarted
  | ToolReturned
  | ToolFailed
  | ToolRefused
  | ToolInterrupted
  | ToolOutcomeUnknown
  | ApprovalRequested
  | ApprovalGranted
  | ApprovalDenied
  | QuestionAsked
  | QuestionAnswered
  | DecisionExpired
  | ToolResolved
  | RunSteered
  | SteerConsumed
  | ToolsRegistered
  | TabLeft
  | ToolAwaited
  | ToolAssigned
  | ToolClaimed
  | ToolHolderLost
  | ToolLeaseExpired
  | ToolAnsweredLate
  | RoomChanged
  | TitleProposed
  | BranchChosen
  | ContextProvided
  | EpochClosed
  | SubjectErased
  | RoomImported
  | RunsPaused
  | RunsResumed
  | RoomShaped
  | Forked
  | ForkResumed
  | ForkMerged
  | DocumentEdited
  | EditsUndone
  | DocumentCopied
  | HunksAccepted
  | HunksRejected
  | DocumentSeeded
  | EditMerged
  | DraftOpened
  | DraftAccepted
  | DraftRejected

/** A record as outsiders see it: `run` and `update` are null where there is none, `update` is base64; `grant` is missing where it was written under none. */
export interface Record {
  readonly seq: number
  readonly time: string
  readonly author: string
  readonly run: string | null
  readonly epoch: number
  readonly event: Event
  readonly document: string
  readonly update: string | null
  readonly grant?: string
}

/** Somebody prompted, or a run asked for another: the run exists and is queued. Its id is this record's seq, zero-padded to 12 digits. `tab` is the tab that prompted, if it has tools of its own. `after` is the run that the conversation goes on from, empty for its beginning; logs from before branches say None, which means the run before. `instead` is the run of which this one is another version. `parent` and `step` are the run and its step that wait for this one as a sub-agent's. `context` are facts for this prompt alone. `options` is JSON text of what the prompt overrides of its agent's. `on_behalf_of` is whom its author acts for. `mandate` is what its tools may do; None where nobody was asked for a grant, and in logs from before there were any. */
export interface RunRequested {
  readonly type: 'run-requested'
  readonly agent: string
  readonly prompt: string
  readonly tab?: string
  readonly after?: string | null
  readonly instead?: string
  readonly parent?: string
  readonly step?: string
  readonly context?: {
    readonly [key: string]: string
  }
  readonly attachments?: readonly Attachment[]
  readonly options?: string
  readonly on_behalf_of?: string
  readonly mandate?: Mandate | null
}

/** A file that belongs to a prompt or a result: `blob` is the SHA-256 of its bytes, which the store keeps. */
export interface Attachment {
  readonly blob: string
  readonly media_type: string
  readonly name: string
  readonly bytes: number
}

/** What the grant of whoever asked for a run allows that run: it is written down once and never widened. `subject` is whose grant it was, `grant` that one's id and `issued` since when it is good (µs since 1970), by which a revocation finds it. `rights` are those that bear on an agent's tools (`read`, `write`, `tools`); `rooms`, `documents`, `forbid_tools` and `ask_tools` are patterns. */
export interface Mandate {
  readonly subject: string
  readonly grant?: string
  readonly issued?: number
  readonly on_behalf_of?: string
  readonly rights?: readonly string[]
  readonly rooms?: readonly string[]
  readonly documents?: readonly string[]
  readonly forbid_tools?: readonly string[]
  readonly ask_tools?: readonly string[]
}

/** The run's turn came; its agent is at work. At `deadline` (µs since 1970) its time is over. `code` names the version of the agent's code, as far as that can be told: another name is other code. */
export interface RunStarted {
  readonly type: 'run-started'
  readonly deadline?: number | null
  readonly code?: string
}

/** Somebody asked that the run end; what streams is cut where it is and kept. The house gives a `code` where the run may not go on. */
export interface StopRequested {
  readonly type: 'stop-requested'
  readonly code?: string
}

/** Terminal: the agent's flow returned. `result` is JSON text of what, unless it is the text of the last answer. */
export interface RunFinished {
  readonly type: 'run-finished'
  readonly result?: string
}

/** Terminal: a `StopRequested` was carried out. */
export interface RunStopped {
  readonly type: 'run-stopped'
}

/** Terminal: the run could not go on; `code` is stable, `message` is for people. */
export interface RunFailed {
  readonly type: 'run-failed'
  readonly code: string
  readonly message: string
}

/** A finished run left the room document for a younger one; it is read from the log from now on. */
export interface RunArchived {
  readonly type: 'run-archived'
}

/** The run sleeps until `at` (µs since 1970). */
export interface TimerSet {
  readonly type: 'timer-set'
  readonly step: string
  readonly at: number
}

/** The time that the run slept for has come. */
export interface TimerFired {
  readonly type: 'timer-fired'
  readonly step: string
}

/** What the run saw of the world outside: the time, a random number. `value` is JSON text. */
export interface ValueNoted {
  readonly type: 'value-noted'
  readonly step: string
  readonly value: string
}

/** An attempt at a model step began: exactly what the model is about to see. The request is one JSON object with a list of `messages`. `head` is the canonical JSON text of the object with that list empty (the model's name, sampling, tools), or empty if it equals that of the request in record `base`. The messages are `keep` of `base`'s, those after its first `skip`, then `added`, each the canonical JSON text of one message. `sha256` is that of the whole request in canonical JSON, so a reader can prove that what was put together from the log is byte for byte what was sent. `base` 0 means none. */
export interface ModelRequested {
  readonly type: 'model-requested'
  readonly step: string
  readonly attempt: number
  readonly model: string
  readonly sha256: string
  readonly added?: readonly string[]
  readonly keep?: number
  readonly base?: number
  readonly head?: string
  readonly skip?: number
}

/** Some of the answer's text arrived; `part` counts the answer's parts from 0. */
export interface TextStreamed {
  readonly type: 'text-streamed'
  readonly step: string
  readonly attempt: number
  readonly part: number
  readonly text: string
}

/** Some of the model's reasoning arrived. */
export interface ReasoningStreamed {
  readonly type: 'reasoning-streamed'
  readonly step: string
  readonly attempt: number
  readonly part: number
  readonly text: string
}

/** Some of a tool call's JSON arguments arrived; the first one of a part names the call and the tool. */
export interface ArgumentsStreamed {
  readonly type: 'arguments-streamed'
  readonly step: string
  readonly attempt: number
  readonly part: number
  readonly call: string
  readonly name: string
  readonly text: string
}

/** The attempt ended, by the vendor's own word. `finish`: stop, tool-calls, length or content-filter. `cost` is in millionths of the agent's currency, by the agent's prices; 0 where it has none. */
export interface ModelAnswered {
  readonly type: 'model-answered'
  readonly step: string
  readonly attempt: number
  readonly finish: string
  readonly calls?: readonly ToolCall[]
  readonly usage?: Usage
  readonly cost?: number
}

/** One call that a model asked for: the vendor's id, the tool's name, its arguments as JSON text. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly args: string
}

/** Tokens that one model answer took, as the vendor counted them; `cached` is part of `input`, `reasoning` of `output`. */
export interface Usage {
  readonly input?: number
  readonly output?: number
  readonly cached?: number
  readonly reasoning?: number
}

/** The attempt failed. With `retry_at` (µs since 1970) another one follows and this one leaves the document. */
export interface ModelFailed {
  readonly type: 'model-failed'
  readonly step: string
  readonly attempt: number
  readonly code: string
  readonly message: string
  readonly retry_at?: number | null
}

/** The process that made the attempt is gone (a crash or a deploy); what it streamed leaves the document. */
export interface ModelInterrupted {
  readonly type: 'model-interrupted'
  readonly step: string
  readonly attempt: number
}

/** A step shows something beside its text or its result: `kind` is source, file or data, `value` JSON text of it. source: `{"url", "title", "excerpt"}`. file: an Attachment. data: whatever the host's page can render, under `name`. */
export interface PartShown {
  readonly type: 'part-shown'
  readonly step: string
  readonly attempt: number
  readonly kind: string
  readonly value: string
  readonly name?: string
}

/** The intent, durable before the tool's body runs (law 7). `effect`: read, idempotent or write. `shows` is `retrieval` for a search in the agent's knowledge, which people see as such. `args` is JSON text of the arguments where no model's answer holds them, because the flow itself asked. */
export interface ToolStarted {
  readonly type: 'tool-started'
  readonly step: string
  readonly attempt: number
  readonly call: string
  readonly name: string
  readonly effect: string
  readonly shows?: string
  readonly args?: string
}

/** The call is another agent's to carry out: a run of its own, whose end is the call's outcome. */
export interface ToolDelegated {
  readonly type: 'tool-delegated'
  readonly step: string
  readonly attempt: number
  readonly call: string
  readonly name: string
  readonly agent: string
  readonly prompt: string
}

/** The tool says how far it is: in words, and with `done` from 0 to 1 if it knows. */
export interface ToolProgressed {
  readonly type: 'tool-progressed'
  readonly step: string
  readonly attempt: number
  readonly text?: string
  readonly done?: number | null
}

/** After the intent was durable the step was cancelled: the body did not run. */
export interface ToolNotStarted {
  readonly type: 'tool-not-started'
  readonly step: string
  readonly attempt: number
}

/** The tool answered; `result` is JSON text. A large one is in `blob`, and `result` tells the model so; `files` are what the model may be shown beside it. */
export interface ToolReturned {
  readonly type: 'tool-returned'
  readonly step: string
  readonly attempt: number
  readonly result: string
  readonly blob?: string
  readonly files?: readonly Attachment[]
}

/** The tool raised, or could not be called; the model is told `message`. */
export interface ToolFailed {
  readonly type: 'tool-failed'
  readonly step: string
  readonly attempt: number
  readonly code: string
  readonly message: string
}

/** The call may not be made: `code` is stable, the model is told `message`. `args` is JSON text of the arguments where no model's answer holds them. */
export interface ToolRefused {
  readonly type: 'tool-refused'
  readonly step: string
  readonly call: string
  readonly name: string
  readonly code: string
  readonly message: string
  readonly args?: string
}

/** The process that ran a `read` or `idempotent` tool is gone: the tool runs again under the next attempt. */
export interface ToolInterrupted {
  readonly type: 'tool-interrupted'
  readonly step: string
  readonly attempt: number
}

/** The process that ran a `write` tool is gone: whether it acted is for a person to say. */
export interface ToolOutcomeUnknown {
  readonly type: 'tool-outcome-unknown'
  readonly step: string
  readonly attempt: number
}

/** A call waits for somebody's yes; `args` is JSON text, `expires_at` in µs since 1970. `schema` is the JSON Schema text of the arguments, where the tool is the host's own. */
export interface ApprovalRequested {
  readonly type: 'approval-requested'
  readonly step: string
  readonly call: string
  readonly name: string
  readonly args: string
  readonly reason?: string
  readonly expires_at?: number | null
  readonly schema?: string
}

/** Somebody said yes, once; with other arguments than were asked for if `args` is not empty. `digest` is that of what may be called now, `shown` that of what they say they were shown; logs from before digests have none. */
export interface ApprovalGranted {
  readonly type: 'approval-granted'
  readonly step: string
  readonly args?: string
  readonly digest?: string
  readonly shown?: string
}

/** Somebody said no; the model is told `reason`. `shown` is the digest of what they say they were shown. */
export interface ApprovalDenied {
  readonly type: 'approval-denied'
  readonly step: string
  readonly reason?: string
  readonly shown?: string
}

/** The agent asks a person for something; `schema` is the JSON Schema text of the answer. */
export interface QuestionAsked {
  readonly type: 'question-asked'
  readonly step: string
  readonly call: string
  readonly name: string
  readonly question: string
  readonly schema: string
  readonly expires_at?: number | null
}

/** Somebody answered; `answer` is JSON text. */
export interface QuestionAnswered {
  readonly type: 'question-answered'
  readonly step: string
  readonly answer: string
}

/** Nobody decided or answered in time; for the agent it is a no. */
export interface DecisionExpired {
  readonly type: 'decision-expired'
  readonly step: string
}

/** A person says what became of a call whose outcome nobody knew: happened, did-not-happen or retry. */
export interface ToolResolved {
  readonly type: 'tool-resolved'
  readonly step: string
  readonly verdict: string
  readonly result?: string
}

/** Somebody said something to a run at work; its next model request holds it. */
export interface RunSteered {
  readonly type: 'run-steered'
  readonly text: string
}

/** What was said in record `steer` is in the model request of the record after this one, or was given to the flow that waited for it at `step`. */
export interface SteerConsumed {
  readonly type: 'steer-consumed'
  readonly steer: number
  readonly step?: string
}

/** A tab says which tools it has, instead of those that it had; `running` are steps that it still carries out. */
export interface ToolsRegistered {
  readonly type: 'tools-registered'
  readonly tab: string
  readonly tools: readonly TabTool[]
  readonly running?: readonly string[]
}

/** A tool that a tab carries out. `parameters` is JSON Schema text; `lasting`: offered also while no tab is here. */
export interface TabTool {
  readonly name: string
  readonly description: string
  readonly parameters: string
  readonly effect?: string
  readonly lasting?: boolean
}

/** A tab with tools closed its socket; what it held is under its lease. */
export interface TabLeft {
  readonly type: 'tab-left'
  readonly tab: string
}

/** No tab has the tool now: the run waits for one, for days if need be. `args` as in `ToolStarted`. */
export interface ToolAwaited {
  readonly type: 'tool-awaited'
  readonly step: string
  readonly call: string
  readonly name: string
  readonly args?: string
}

/** The call is this tab's to carry out, under a rising number; nobody else may. `args` as in `ToolStarted`. */
export interface ToolAssigned {
  readonly type: 'tool-assigned'
  readonly step: string
  readonly call: string
  readonly name: string
  readonly effect: string
  readonly tab: string
  readonly number: number
  readonly args?: string
}

/** The intent: the tab begins to carry the call out. */
export interface ToolClaimed {
  readonly type: 'tool-claimed'
  readonly step: string
  readonly number: number
}

/** The tab is not here any more; at `until` (µs since 1970) its lease ends. */
export interface ToolHolderLost {
  readonly type: 'tool-holder-lost'
  readonly step: string
  readonly until: number
}

/** The lease of a call that was not begun, or that may be repeated, ended: it is to be assigned anew. */
export interface ToolLeaseExpired {
  readonly type: 'tool-lease-expired'
  readonly step: string
  readonly number: number
}

/** A result came under a number that does not count any more; it changes nothing. */
export interface ToolAnsweredLate {
  readonly type: 'tool-answered-late'
  readonly step: string
  readonly number: number
  readonly result: string
}

/** Somebody named the room or described it: None leaves the title, and takes the key of a metadata value away. */
export interface RoomChanged {
  readonly type: 'room-changed'
  readonly title?: string | null
  readonly metadata?: {
    readonly [key: string]: string | null
  }
}

/** An agent's proposal for a room that nobody has named. */
export interface TitleProposed {
  readonly type: 'title-proposed'
  readonly title: string
}

/** The conversation goes on from that run, until somebody chooses again or prompts elsewhere. */
export interface BranchChosen {
  readonly type: 'branch-chosen'
  readonly run: string
}

/** Facts that agents should know, by key, the last one of a key counts and None takes it away. With `tab` they are that tab's and go with it: what is selected, what is on the screen. Without they are the room's. */
export interface ContextProvided {
  readonly type: 'context-provided'
  readonly facts: {
    readonly [key: string]: string | null
  }
  readonly tab?: string
}

/** A process left the room in good order: the CRDT client id it wrote under, and that id's clock per document. The room document's name is the empty string. If this is still the head, the next epoch goes on with the id. */
export interface EpochClosed {
  readonly type: 'epoch-closed'
  readonly client: number
  readonly clocks: {
    readonly [key: string]: number
  }
}

/** What one person said was erased from the log before this record: `by` asked for it. `subject` is the SHA-256 of `salt` and the person's name, so that the log says who was erased only to those who know already. `records` are the ranges of seqs of all records that were ever erased here, from first to last; `digest` is the SHA-256 of what their bodies hash to now, one behind the other. `lineage` is what the history was called before. */
export interface SubjectErased {
  readonly type: 'subject-erased'
  readonly subject: string
  readonly salt: string
  readonly by: string
  readonly records: readonly [number, number][]
  readonly digest: string
  readonly lineage: string
}

/** The log before this record was written elsewhere, and came in a bundle. There it was that `room`, its history was called `lineage`, and `hash` was the chain's of its last record. Every run that was open is stopped, unless whoever imported it said that they go on (`resumed`). */
export interface RoomImported {
  readonly type: 'room-imported'
  readonly room: string
  readonly lineage: string
  readonly hash: string
  readonly resumed?: boolean
}

/** The room's runs take no further step until somebody resumes them; what is in progress comes to its end. `at` is the record at which a breakpoint stopped them, 0 if none did; `reason` is for people. */
export interface RunsPaused {
  readonly type: 'runs-paused'
  readonly at?: number
  readonly reason?: string
}

/** The runs that were paused go on; those that a fork began with `going` so. */
export interface RunsResumed {
  readonly type: 'runs-resumed'
  readonly going?: 'live' | 'recorded' | 'recorded-live'
}

/** From here on the room document has the shape of that version (protocol/shape): this record's update made what stood there into what that version's code makes of the log. Rooms that never say so are of version 1. The history was called `lineage` before, which is empty for a room that begins. Whoever holds the document as it is now has `clock` of the CRDT id `client`. `before` and `after` are the SHA-256 of what the document said as JSON, if it was made into something else; `by` asked for it, empty if nobody did. */
export interface RoomShaped {
  readonly type: 'room-shaped'
  readonly shape: number
  readonly lineage?: string
  readonly client?: number
  readonly clock?: number
  readonly before?: string
  readonly after?: string
  readonly by?: string
}

/** This room began as a copy of the records up to `at` of the room `of`, whose history was called `lineage` then. `change` says what is otherwise than there, empty for nothing: the record that stood there next has another `prompt`, `options`, `result`, `decision` or `answer` in the record between `at` and this one, by whoever forked. `writes`: tools may change the world outside, as they may not in other forks. `command` is the id under which it was asked for, if it had one. */
export interface Forked {
  readonly type: 'forked'
  readonly of: string
  readonly lineage: string
  readonly at: number
  readonly change?: string
  readonly writes?: boolean
  readonly going?: 'live' | 'paused' | 'recorded' | 'recorded-live'
  readonly command?: string
}

/** The runs that the fork began with go on. Where the house says so, the record's run asked at `step` for `what`, which is not in the parent's log. */
export interface ForkResumed {
  readonly type: 'fork-resumed'
  readonly going?: 'live' | 'paused' | 'recorded' | 'recorded-live'
  readonly step?: string
  readonly what?: string
}

/** What was edited in `documents` of a fork, up to its record `until`, came back: the records behind this one say what, by whom. `lineage` is what the fork's history was called then; `kin` are rooms whose server wrote some of it, the fork among them; `edits` says how many there were in each of the documents. */
export interface ForkMerged {
  readonly type: 'fork-merged'
  readonly fork: string
  readonly lineage: string
  readonly until: number
  readonly documents: readonly string[]
  readonly kin?: readonly string[]
  readonly edits?: readonly number[]
}

/** Somebody edited a shared document: a person, in which case nothing more is said; or an agent, whose run is the record's, in attempt `attempt` at `step`. `result` is the JSON text of what that edit gave: the next attempt at a call that a crash cut is given it, and does not edit again; `nth` is which of the call's edits it is, from 0. `call` is set where a model's answer is written while it streams: the call in whose arguments it is. `step` is then the model's, and `result` says how far it came (`Came`); empty, all that came is taken out again. */
export interface DocumentEdited {
  readonly type: 'document-edited'
  readonly step?: string
  readonly attempt?: number
  readonly call?: string
  readonly result?: string
  readonly nth?: number | null
}

/** Edits of the record's document were undone: those of the records `records`, as far as nobody had changed the same since. `kept` is the JSON text of what was left alone. One command's first record also tells of its other documents. */
export interface EditsUndone {
  readonly type: 'edits-undone'
  readonly records: readonly number[]
  readonly kept?: string
}

/** A document begins as what another one was then, ids and all; the update is its whole content. */
export interface DocumentCopied {
  readonly type: 'document-copied'
  readonly of: string
}

/** Some changes of a draft were made in the record's document, which is its base. `hunks` are those that were meant, and of them `kept` are those that the base has changed in since, where it stays as it is. `moved` says which units of the draft the update's new ones are copies of; `gone` are units of the draft that were deleted from the base. */
export interface HunksAccepted {
  readonly type: 'hunks-accepted'
  readonly draft: string
  readonly hunks?: readonly string[]
  readonly kept?: readonly string[]
  readonly moved?: readonly [number, number, number, number, number][]
  readonly gone?: readonly [number, number, number][]
}

/** Some changes were taken back in the record's document, which is the draft. `moved` says of which units the update's new ones, which bring back what was deleted, are copies. */
export interface HunksRejected {
  readonly type: 'hunks-rejected'
  readonly hunks?: readonly string[]
  readonly moved?: readonly [number, number, number, number, number][]
}

/** The record's document, in which nobody had written, began with a file: its format, the SHA-256 of its bytes in hex, and the root that it went into (empty for a Yjs update, which brings its own). A document has at most one. */
export interface DocumentSeeded {
  readonly type: 'document-seeded'
  readonly format: string
  readonly digest: string
  readonly root?: string
}

/** An edit that was made in the room `fork`, in its records from `first` to `last`, by the author of this record; in `run`, at `step`, if an agent made it there. */
export interface EditMerged {
  readonly type: 'edit-merged'
  readonly fork: string
  readonly first: number
  readonly last: number
  readonly run?: string
  readonly step?: string
}

/** Somebody proposes changes of the shared document `of`: `draft` is a shared document that begins as that one. */
export interface DraftOpened {
  readonly type: 'draft-opened'
  readonly draft: string
  readonly of: string
  readonly title?: string
}

/** Somebody accepted all that was left of a draft; it is closed. */
export interface DraftAccepted {
  readonly type: 'draft-accepted'
  readonly draft: string
}

/** Somebody rejected all that was left of a draft; it is closed. */
export interface DraftRejected {
  readonly type: 'draft-rejected'
  readonly draft: string
}
