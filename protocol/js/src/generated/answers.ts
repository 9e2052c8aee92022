// Generated from specs/schema/answers.json by generate.mjs; a test holds both equal.
// sha256 f74b4909381badfae06013471dd09c38b1e6ee2e22e9b1be6e4bbd1328d194c4

import type { Record } from './events'

export type Frame = Ok | Denied | Unknown | Shown | CaughtUp

/** `{"id", "ok": {"seq", "run"}}`: the command happened, exactly once, and is on disk. */
export interface Ok {
  readonly id: string
  readonly ok: Done
}

/** Committed to disk. `seq` is the command's first record, `run` the run that it began; a ping has neither. `result` is what else there is to tell: what `undo` did, what `blame` found. */
export interface Done {
  readonly seq?: number | null
  readonly run?: string
  readonly result?: unknown
}

/** `{"id", "refused": {"code", "message"}}`: nothing happened. `id` is null where the command had none. */
export interface Denied {
  readonly id: string | null
  readonly refused: Reason
}

/** Why not: a stable code, and a sentence for people. */
export interface Reason {
  readonly code: string
  readonly message?: string
}

/** `{"id", "unknown": {"code"}}`: it may or may not have happened; ask again under the same id. */
export interface Unknown {
  readonly id: string
  readonly unknown: Reason
}

/** `{"record": {…}}`: one record, after `follow`. */
export interface Shown {
  readonly record: Record
}

/** `{"caught_up": seq}`: every record up to that seq, and its document bytes, were sent before this frame. */
export interface CaughtUp {
  readonly caught_up: number
}
