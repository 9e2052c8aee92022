// Generated from specs/schema/answers.json by generate.mjs; a test holds both equal.
// sha256 b8b1a2bea0f1209a1fee7891e6010c8a67a9d35fa3663de2050b84b8cf99a7eb

import type { Record } from './events'

export type Frame = Ok | Denied | Unknown | Shown | CaughtUp | Renew

/** `{"id", "ok": {"seq", "run"}}`: the command happened, exactly once, and is on disk. */
export interface Ok {
  readonly to?: string
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
  readonly to?: string
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
  readonly to?: string
  readonly id: string
  readonly unknown: Reason
}

/** `{"record": {…}}`: one record, after `follow`. */
export interface Shown {
  readonly to?: string
  readonly record: Record
}

/** `{"caught_up": seq}`: every record up to that seq, and its document bytes, were sent before this frame. */
export interface CaughtUp {
  readonly to?: string
  readonly caught_up: number
}

/** `{"renew": seconds}`: so long the socket's grant is still good; `renew-grant` brings a fresh one. */
export interface Renew {
  readonly renew: number
}
