/**
 * What a reader is told about the connection: the client's status in words, and what can be done about a refusal.
 *
 * State is never a spinner. A state says what is so, and stays until something else is known.
 */

import type { Status } from 'plait-client'

export type Connection = Status

/** Code -> what the reader can do. */
const ADVICE: Readonly<Record<string, string>> = {
  'bad-name': 'Choose another name: letters, digits and . _ ~ : @ -',
  'not-allowed': 'Ask whoever runs this server for a link with a grant, or open another room.',
  'no-grant': 'Show one that does, and this page goes on.',
  'no-such-room': 'Open another room.',
  'no-such-draft': 'Open the document.',
  'lineage-changed': 'Before that, copy what you wrote here while it was offline.',
  'too-large': 'Reload; what was not accepted is gone.'
}

/** What is so, where the timeline may be further behind than the document. */
export function told(status: Status, behind: number): Connection {
  return behind > 0 && (status.kind === 'live' || status.kind === 'catching-up') ? { kind: 'catching-up', behind } : status
}

/** The state as the word that stands beside its shape. */
export function word(now: Connection): string {
  if (now.kind === 'catching-up') return now.behind > 0 ? `catching up, ${now.behind.toLocaleString('en')} records behind` : 'catching up'
  return now.kind
}

/** Why something is refused, and what to do. */
export function refusal(now: Connection): string {
  return now.kind === 'refused' ? `${now.message} ${ADVICE[now.code] ?? 'Open another room, or reload.'}` : ''
}

/** What the banner says, or null while there is nothing to say. */
export function sentence(now: Connection): { readonly title: string; readonly text: string } | null {
  switch (now.kind) {
    case 'offline':
      return { title: 'Offline.', text: 'What you type waits here and is sent when the server answers again.' }
    case 'restarting':
      return { title: 'The server is restarting.', text: 'Runs go on where they were; this page comes back by itself.' }
    case 'busy':
      return { title: 'The server is full.', text: 'It holds as much as it may; this page tries again by itself.' }
    case 'refused':
      return { title: `Refused (${now.code}).`, text: refusal(now) }
    default:
      return null
  }
}
