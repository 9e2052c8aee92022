/**
 * What a reader is told about a room or a document: one state, never a spinner.
 */

export type Status =
  | { readonly kind: 'connecting' }
  /** `behind`: records that are still to come, 0 where that is not known. */
  | { readonly kind: 'catching-up'; readonly behind: number }
  | { readonly kind: 'live' }
  /** What is asked waits in the outbox. */
  | { readonly kind: 'offline' }
  | { readonly kind: 'restarting' }
  | { readonly kind: 'busy' }
  /** For good, until something is done: `code` as in specs/codes.md, `message` for people. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
