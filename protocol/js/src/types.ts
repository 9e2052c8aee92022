/**
 * What people of this package read and write. What the wire says is generated from the server's own schema; here are the
 * names that the methods of a room take and give.
 */

import type * as commands from './generated/commands'
import type { RoomDocument } from './generated/document'
import type { Record as LogRecord } from './generated/events'

export type { AttachedFile, Command, Overrides, ToolOffer } from './generated/commands'
export type { Code } from './generated/codes'
export type {
  Attachment, DataPart, Draft, FilePart, Part, ReasoningPart, RetrievalPart, RoomInfo, Run, SourcePart, SteerPart, TextPart,
  ToolPart
} from './generated/document'
export type { Event as LogEvent } from './generated/events'
export type { LogRecord }

/** The room document as plain values (specs/document.md). What did not change is the same object as before. */
export type RoomSnapshot = RoomDocument

/** Where a value is in the snapshot: `['runs', id, 'parts', 3]`. */
export type Path = readonly (string | number)[]

type Fields<C> = Omit<C, 'do' | 'id'>

/** A command's own id, so that asking again is the same question. Minted where it is left out. */
interface Named {
  readonly id?: string
}

/** A command without its id. */
export type Body = Readonly<Record<string, unknown>> & { readonly do: string }

/** What an accepted command gave: the seq of its first record, the run that it began, what else its kind gives. */
export interface Done {
  readonly seq?: number
  readonly run?: string
  readonly result?: unknown
}

/** What `fork` asks for; what is left out is as specs/forks.md says. */
export type ForkOptions = Omit<Fields<commands.Fork>, 'at'> & Named

/** A fork that is on disk: its name, and up to which record of which room it is a copy. */
export interface Forked {
  readonly room: string
  readonly of: string
  readonly at: number
}

export type MergeOptions = Fields<commands.Merge> & Named

/** What of a fork came back, or would: into which room, from its records up to `until`; `seq` is 0 if there was nothing. */
export interface Merged {
  readonly room: string
  readonly fork: string
  readonly until: number
  readonly seq: number
  readonly documents: Readonly<Record<string, MergedDocument>>
}

export interface MergedDocument {
  readonly edits: number
  readonly authors: readonly string[]
  /** Of a preview: what would be otherwise, place by place. */
  readonly changes: readonly unknown[]
}

/** A prompt that is on disk. */
export interface Asked {
  readonly seq: number
  readonly run: string
}

/** How a prompt is asked; what is left out is the room's or the agent's to say. */
export type PromptOptions = Omit<Fields<commands.Prompt>, 'text'> & Named
export type AgainOptions = Omit<Fields<commands.Regenerate>, 'run'> & Named

/**
 * A call of a run that waits for somebody; `step` is the `call` of its part, and `shown` its `digest`: a yes is for what
 * was shown, and where grants are asked for it has to say what that was.
 */
export interface Call {
  readonly run: string
  readonly step: string
  readonly shown?: string
}

export type Verdict = commands.Resolve['verdict']
export type RoomChange = Fields<commands.SetRoom>
export type Facts = commands.ProvideContext['facts']
export type UndoFields = Fields<commands.Undo>
export type DecisionFields = Omit<Fields<commands.Accept>, 'draft'>
export type BlameFields = Fields<commands.Blame>

export interface RecordsOptions {
  /** The seq behind which to begin; 0, the default, is the beginning of the log. */
  readonly after?: number
  /** `false`: end once all was given that was there. */
  readonly live?: boolean
  readonly signal?: AbortSignal
}

/** A tool that this page lends to the room's agents (specs/tab-tools.md). */
export type ToolSchema = Omit<commands.ToolOffer, 'name'>

/** Carries a call out; what it throws is the error that the model is told. `signal`: the call is not this page's any more. */
export type Execute<Arguments = any> = (args: Arguments, signal: AbortSignal) => unknown

/** Who this page is to others: short text, and a colour as `#rrggbb`. */
export interface User {
  readonly name: string
  readonly color?: string
}

/** Somebody here, cleaned: the states of strangers are hostile. */
export interface Present {
  readonly client: number
  readonly name: string
  readonly color: string
  readonly agent: boolean
  /** What an agent says that it does (`thinking`, `working`, `waiting`), or empty. */
  readonly status: string
  /** The name of their tab, as the part of a call has it, or empty. */
  readonly tab: string
  readonly me: boolean
}
