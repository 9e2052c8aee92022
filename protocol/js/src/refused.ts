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
