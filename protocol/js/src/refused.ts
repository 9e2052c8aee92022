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

/** What a close code stands for when its reason names none. */
const CLOSES: Readonly<Record<number, string>> = {
  1009: 'too-large',
  4400: 'bad-request',
  4401: 'not-allowed',
  4403: 'not-allowed',
  4404: 'no-such-room',
  4409: 'lineage-changed',
  4413: 'too-large'
}

/** Words for the codes with which a document ends, where the wire carries the code alone. */
const SENTENCES: Readonly<Record<string, string>> = {
  'bad-name': 'This room or document name breaks the naming rule.',
  'bad-request': 'The server does not understand this client.',
  'lineage-changed': 'This room was given another history since the page was opened; reload to see it.',
  'no-such-draft': 'The room holds no draft of that name.',
  'no-such-room': 'This room was deleted.',
  'not-allowed': 'The grant does not allow this.',
  'too-large': 'Something that this page sent was over its limit.'
}

export function sentence(code: string): string {
  return SENTENCES[code] ?? `The server refused this (${code}).`
}

/** Why a socket ended, by its close code and its reason, which is a code itself or a sentence. */
export function refusalOf(close: number, reason: string): Refusal {
  const code = reason in SENTENCES ? reason : CLOSES[close] ?? 'not-allowed'
  return { code, message: reason && reason !== code ? reason : sentence(code) }
}
