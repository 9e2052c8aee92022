// Generated from specs/schema/commands.json by generate.mjs; a test holds both equal.
// sha256 4b2e330572b030c83092e1a2433e861fa362e8ae1ca8730d0b52342fbd9be76a

export type Command =
  | Prompt
  | Regenerate
  | EditPrompt
  | Stop
  | Steer
  | Pause
  | Resume
  | Approve
  | Deny
  | Answer
  | Resolve
  | RegisterTools
  | ClaimTool
  | ReturnToolResult
  | SetRoom
  | ProvideContext
  | Undo
  | Propose
  | Accept
  | Reject
  | Fork
  | Merge
  | Follow
  | Blame
  | RenewGrant
  | Ping

/** Ask an agent something; a run begins. An empty `agent` is the one that was asked last in the room. The conversation goes on from run `after`: where it stands if null, from its very beginning if empty. */
export interface Prompt {
  readonly do: 'prompt'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly agent?: string
  /** At most 32768 bytes in all. */
  readonly context?: {
    readonly [key: string]: string
  }
  /** @maxItems 16 */
  readonly attachments?: readonly AttachedFile[]
  readonly options?: Overrides
  /** At most 65536 bytes of UTF-8. */
  readonly text: string
  readonly after?: string | null
}

/** A file that was put under `/api/blobs` before. What it is and how long, the store knows better than the asker. */
export interface AttachedFile {
  readonly blob: string
  readonly name?: string
  readonly media_type?: string
  readonly bytes?: number
}

/** What a prompt wants otherwise than its agent is set, as far as that agent allows it. */
export interface Overrides {
  readonly temperature?: number | null
  readonly top_p?: number | null
  readonly max_output_tokens?: number | null
  readonly reasoning?: '' | 'high' | 'low' | 'medium' | 'off'
  readonly seed?: number | null
  /** @maxItems 4 */
  readonly stop?: readonly string[]
  readonly output?: OutputSchema | null
  readonly model?: string
  readonly retries?: number | null
}

/** The JSON Schema that an answer's text follows, under the name that OpenAI wants for it. */
export interface OutputSchema {
  readonly name: string
  readonly schema: {[key: string]: unknown}
}

/** Answer a prompt again: a run beside `run`, in a branch of its own that is chosen from then on. */
export interface Regenerate {
  readonly do: 'regenerate'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly agent?: string
  /** At most 32768 bytes in all. */
  readonly context?: {
    readonly [key: string]: string
  }
  /** @maxItems 16 */
  readonly attachments?: readonly AttachedFile[]
  readonly options?: Overrides
  readonly run: string
}

/** Ask what `run` was asked in other words: a run beside it, in a branch of its own that is chosen from then on. */
export interface EditPrompt {
  readonly do: 'edit-prompt'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly agent?: string
  /** At most 32768 bytes in all. */
  readonly context?: {
    readonly [key: string]: string
  }
  /** @maxItems 16 */
  readonly attachments?: readonly AttachedFile[]
  readonly options?: Overrides
  readonly run: string
  /** At most 65536 bytes of UTF-8. */
  readonly text: string
}

/** End a run; without `run`, every open run of the room. */
export interface Stop {
  readonly do: 'stop'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run?: string
}

/** Say something to a run at work; without `run`, to the one that is. The next model request holds it. */
export interface Steer {
  readonly do: 'steer'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  /** At most 65536 bytes of UTF-8. */
  readonly text: string
  readonly run?: string
}

/** Let the room's runs take no further step until somebody resumes them. `at` is the record that was the reason for that, if one was. */
export interface Pause {
  readonly do: 'pause'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly at?: number
  readonly reason?: string
}

/** Let the runs go on that were paused, or that a paused fork began with: by asking models and calling tools, or, in a fork, by what the log of its parent has as long as the same is asked, and then paused again, or live. */
export interface Resume {
  readonly do: 'resume'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly going?: 'live' | 'recorded' | 'recorded-live'
}

/** Say yes to a call that asks for approval, once; `args` takes the place of the model's arguments. `shown` is the digest of the call as the asker was shown it; under a grant it must be there. */
export interface Approve {
  readonly do: 'approve'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run: string
  readonly step: string
  readonly args?: {[key: string]: unknown} | null
  /** As the room document has it: `digest`. */
  readonly shown?: string
}

/** Say no to a call that asks for approval; the model is told the reason. */
export interface Deny {
  readonly do: 'deny'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run: string
  readonly step: string
  readonly reason?: string
  /** As the room document has it: `digest`. */
  readonly shown?: string
}

/** Answer what an agent asks; `answer` is any JSON that its form allows. */
export interface Answer {
  readonly do: 'answer'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run: string
  readonly step: string
  readonly answer: unknown
}

/** Say what became of a call whose outcome nobody knows; `result` is any JSON, for one that happened. */
export interface Resolve {
  readonly do: 'resolve'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run: string
  readonly step: string
  readonly verdict: 'did-not-happen' | 'happened' | 'retry'
  readonly result?: unknown
}

/** Say which tools this tab has, instead of those that it had. `tab` is its own name for itself, the same after a reload; `running` are the steps that it still carries out, so a page that was reloaded leaves it empty. */
export interface RegisterTools {
  readonly do: 'register-tools'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly tab: string
  /** @maxItems 64 */
  readonly tools: readonly ToolOffer[]
  /** @maxItems 64 */
  readonly running?: readonly string[]
}

/** A tool that a tab carries out; a `lasting` one is offered also while no tab is here, and its call then waits. */
export interface ToolOffer {
  readonly name: string
  readonly description?: string
  readonly parameters?: {[key: string]: unknown}
  readonly effect?: 'idempotent' | 'read' | 'write'
  readonly lasting?: boolean
}

/** Begin to carry out a call that is assigned to this tab: only after the answer may the tool run. */
export interface ClaimTool {
  readonly do: 'claim-tool'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run: string
  readonly step: string
  readonly number: number
}

/** What a claimed call gave: `result` is any JSON, or `error` is what the model is told instead. */
export interface ReturnToolResult {
  readonly do: 'return-tool-result'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run: string
  readonly step: string
  readonly number: number
  readonly result?: unknown
  readonly error?: string
}

/** Name the room, describe it, or choose the branch that the conversation goes on from; a metadata value of null takes its key away. */
export interface SetRoom {
  readonly do: 'set-room'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly title?: string | null
  readonly metadata?: {
    readonly [key: string]: string | null
  }
  readonly branch?: string
}

/** Tell agents what they should know, by key; the last one of a key counts, and null takes it away. With `tab` the facts are that tab's and go when it goes; it is the tab's own name for itself, as in `register-tools`. */
export interface ProvideContext {
  readonly do: 'provide-context'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly facts: {
    readonly [key: string]: string | null
  }
  readonly tab?: string
}

/** Undo edits of shared documents, after later ones by others too: those of `run` and of the agents that it called, those of `author` in the records after `after`, or those of these `records`. With `preview` nothing is undone, and the answer says what would be. `document` limits it to one. */
export interface Undo {
  readonly do: 'undo'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly run?: string
  readonly author?: string
  readonly after?: number
  /** @maxItems 1000 */
  readonly records?: readonly number[]
  readonly document?: string
  readonly preview?: boolean
}

/** Open a draft: a shared document that begins as `document` is now. The answer names it. */
export interface Propose {
  readonly do: 'propose'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly document: string
  readonly title?: string
}

/** Make the document like its draft, in these hunks or in all. */
export interface Accept {
  readonly do: 'accept'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly draft: string
  readonly hunks?: readonly string[] | null
  readonly seen?: number | null
}

/** Make the draft like its document, in these hunks; or leave both as they are, and close the draft. */
export interface Reject {
  readonly do: 'reject'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly draft: string
  readonly hunks?: readonly string[] | null
  readonly seen?: number | null
}

/** Make a new room, called `as`, that begins as this one was after record `at`; with a `change`, after the record before, and record `at` is then another one there. The answer names it. */
export interface Fork {
  readonly do: 'fork'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly at: number
  readonly as?: string
  readonly change?: Change | null
  readonly writes?: boolean
  readonly going?: ('live' | 'paused' | 'recorded' | 'recorded-live') | null
}

/** What a fork has otherwise in the chosen record. Of a prompt: `prompt` (its words) and `options`. Of a tool's outcome: `result` (any JSON) or `error` (what the model is told instead). Of an approval: `decision`, with other `args` or a `reason`; of a question: its `answer` (any JSON). */
export interface Change {
  readonly prompt?: string
  readonly options?: Overrides
  readonly result?: unknown
  readonly error?: string
  readonly decision?: 'approved' | 'denied'
  readonly args?: {[key: string]: unknown} | null
  readonly reason?: string
  readonly answer?: unknown
}

/** Take what was written in this fork's `documents`, in all of them if null, into the room that it was forked from; with `preview` only say what that would be. */
export interface Merge {
  readonly do: 'merge'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly documents?: readonly string[] | null
  readonly preview?: boolean
}

/** Send the room's records after that seq as JSON, and then the new ones as they come. */
export interface Follow {
  readonly do: 'follow'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly after?: number
}

/** Say which records wrote a shared document, and who made those. Of one `root` or of all; with `at`, only of `length` UTF-16 units from there; with what was `deleted` too; as of record `seq` instead of the newest. With `place`, a Yjs relative position, only of what is there, under its `key`, or from there to before `until`. `after` so many spans, where an answer ended before. */
export interface Blame {
  readonly do: 'blame'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly document?: string
  readonly root?: string
  readonly at?: number | null
  readonly length?: number
  readonly place?: RelativePosition | null
  readonly until?: RelativePosition | null
  readonly key?: string | null
  readonly deleted?: boolean
  readonly seq?: number
  readonly after?: number
}

/** What Yjs's `relativePositionToJSON` gives. */
export interface RelativePosition {
  readonly type?: UnitId | null
  readonly tname?: string | null
  readonly item?: UnitId | null
  readonly assoc?: number
}

/** The name of one character, value or type. */
export interface UnitId {
  readonly client: number
  readonly clock: number
}

/** Go on with this grant, a token, in place of the one that the socket was opened with; of the same subject. */
export interface RenewGrant {
  readonly do: 'renew-grant'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
  readonly grant: string
}

/** Answer at once. */
export interface Ping {
  readonly do: 'ping'
  /** Minted by the asker, unique in the room; no control characters. */
  readonly id: string
}
