// Generated from protocol/errors by `python -m tests.generate`; a test holds both equal.

/** Every refusal: a code never changes its meaning (specs/codes.md). */
export type Code =
  | 'already-decided'
  | 'already-seeded'
  | 'ambiguous'
  | 'bad-anchor'
  | 'bad-answer'
  | 'bad-bundle'
  | 'bad-frame'
  | 'bad-json'
  | 'bad-name'
  | 'bad-request'
  | 'bad-update'
  | 'busy'
  | 'decision-stale'
  | 'draft-changed'
  | 'grant-expired'
  | 'grant-revoked'
  | 'id-reused'
  | 'lineage-changed'
  | 'no-grant'
  | 'no-such-agent'
  | 'no-such-blob'
  | 'no-such-document'
  | 'no-such-draft'
  | 'no-such-moment'
  | 'no-such-run'
  | 'no-such-room'
  | 'no-such-step'
  | 'not-allowed'
  | 'not-claimed'
  | 'not-found'
  | 'nothing-to-undo'
  | 'option-not-allowed'
  | 'outcome-unknown'
  | 'overloaded'
  | 'past-moment'
  | 'permission-denied'
  | 'rate-limited'
  | 'redaction-failed'
  | 'restarting'
  | 'room-exists'
  | 'room-full'
  | 'room-taken'
  | 'store-failed'
  | 'store-full'
  | 'store-sealed'
  | 'too-large'
  | 'too-many'
  | 'too-many-runs'
  | 'too-many-sockets'
  | 'unknown-command'
  | 'update-foreign'
  | 'update-incomplete'

/** What a socket's end may mean: its close code, and the sentence that is its reason. */
export const ENDS: readonly { close: number; code: Code; sentence: string }[] = [
  { close: 4400, code: 'bad-frame', sentence: 'The frame is truncated, oversized inside, or of an unknown type.' },
  { close: 4400, code: 'bad-name', sentence: 'The room or document name breaks the naming rule.' },
  { close: 4301, code: 'grant-expired', sentence: 'The grant has expired; reconnect with a fresh one.' },
  { close: 4301, code: 'grant-revoked', sentence: 'The grant was revoked; reconnect with another one.' },
  { close: 4409, code: 'lineage-changed', sentence: 'The tab holds a history that this room never had; reload.' },
  { close: 4401, code: 'no-grant', sentence: 'No valid grant was shown.' },
  { close: 4404, code: 'no-such-draft', sentence: 'The room holds no draft of that name.' },
  { close: 4404, code: 'no-such-moment', sentence: 'The room\'s log does not reach so far.' },
  { close: 4404, code: 'no-such-room', sentence: 'The room was deleted.' },
  { close: 4403, code: 'not-allowed', sentence: 'The grant does not allow this.' },
  { close: 1013, code: 'overloaded', sentence: 'The server holds as much as it may; try again later.' },
  { close: 1013, code: 'rate-limited', sentence: 'Too often; try again in a while.' },
  { close: 1012, code: 'restarting', sentence: 'The server is stopping; reconnect.' },
  { close: 4413, code: 'too-large', sentence: 'The frame, prompt or update is over its limit.' },
  { close: 1013, code: 'too-many-sockets', sentence: 'Too many sockets of this address or subject are open.' },
]
