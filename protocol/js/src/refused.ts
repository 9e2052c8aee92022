/**
 * A refusal: what was asked did not happen. `code` is one of specs/codes.md and stable, the message is for people.
 */

export interface Refusal {
  readonly code: string
  readonly message: string
}

export class Refused extends Error implements Refusal {
  override readonly name = 'Refused'

  constructor(readonly code: string, message: string) {
    super(message)
  }
}

/** Refusals that are about now and not about what was asked: it is asked again, later. */
const PASSING = new Set(['overloaded', 'restarting', 'too-many', 'store-failed', 'outcome-unknown', 'no-such-document'])

export function passes(code: string): boolean {
  return PASSING.has(code)
}

/** Refusals of a room after which no command of it can ever happen. */
const LOST = new Set(['no-such-room', 'no-such-draft', 'bad-name'])

export function isLost(code: string): boolean {
  return LOST.has(code)
}

/** The codes with which a document or a socket ends: the close code that stands for each, and words for people. */
const ENDS: Readonly<Record<string, readonly [close: number, sentence: string]>> = {
  'not-allowed': [4403, 'The grant does not allow this.'],
  'no-grant': [4401, 'This server asks for a grant that counts.'],
  'bad-request': [4400, 'The server does not understand this client.'],
  'bad-name': [0, 'This name breaks the naming rule.'],
  'lineage-changed': [4409, 'This room has another history now; reload to see it.'],
  'no-such-room': [4404, 'This room was deleted.'],
  'no-such-draft': [0, 'The room holds no draft of that name.'],
  'too-large': [4413, 'What this page sent is too large.']
}

const FRAME_TOO_LARGE = 1009

export function sentence(code: string): string {
  return ENDS[code]?.[1] ?? `The server refused this (${code}).`
}

/** Why a socket ended, by its close code and its reason, which is a code itself or a sentence. */
export function refusalOf(close: number, reason: string): Refusal {
  const meant = close === FRAME_TOO_LARGE ? 4413 : close
  const code = reason in ENDS ? reason : Object.keys(ENDS).find((code) => ENDS[code]![0] === meant) ?? 'not-allowed'
  return { code, message: reason && reason !== code ? reason : sentence(code) }
}
