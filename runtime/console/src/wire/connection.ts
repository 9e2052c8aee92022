/**
 * What a reader is told about the connection, as a pure machine: signals in, one state out.
 *
 * State is never a spinner. A state says what is so, and stays until something else is known: a reconnecting socket that
 * fails every two seconds is steadily `offline`, not flickering between two words. Close codes are those of INTERFACE.
 */

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'catching-up'; readonly behind: number }
  | { readonly kind: 'live' }
  | { readonly kind: 'offline' }
  | { readonly kind: 'restarting'; readonly tries: number }
  | { readonly kind: 'busy' }
  | { readonly kind: 'refused'; readonly code: number; readonly why: string; readonly advice: string }

export type Signal =
  | { readonly it: 'opened' }
  | { readonly it: 'synced' }
  | { readonly it: 'behind'; readonly records: number }
  | { readonly it: 'closed'; readonly code: number; readonly reason: string }
  | { readonly it: 'again' }

/** Close code -> why, and what the reader can do. */
const REFUSALS: Record<number, readonly [string, string]> = {
  4400: ['This room or document name breaks the naming rule.', 'Choose another name: letters, digits and . _ ~ : @ -'],
  4401: ['No valid grant came with this page.', 'Ask whoever runs this server for a link with a grant.'],
  4403: ['Your grant does not allow this room.', 'Ask for one that names it, or open another room.'],
  4404: ['This room is gone for good.', 'Open another room.'],
  4409: ['This room was given another history since the page was opened.', 'Reload the page to see it.'],
  4413: ['Something this page sent was over its limit.', 'Reload; what was not accepted is gone.']
}

/** The state after a signal. */
export function next(now: Connection, signal: Signal): Connection {
  switch (signal.it) {
    case 'opened':
      return { kind: 'catching-up', behind: 0 }
    case 'synced':
      return now.kind === 'catching-up' && now.behind > 0 ? now : { kind: 'live' }
    case 'behind':
      if (now.kind !== 'live' && now.kind !== 'catching-up') return now
      return signal.records > 0 ? { kind: 'catching-up', behind: signal.records } : { kind: 'live' }
    case 'closed':
      return closed(now, signal.code, signal.reason)
    case 'again':
      return now.kind === 'refused' ? { kind: 'connecting' } : now
  }
}

/** So many failed tries, at most 2.5 s apart, a restart may take; a server that stays away longer is just not there. */
const RESTART_TRIES = 12

function closed(now: Connection, code: number, reason: string): Connection {
  if (code === 1012) return { kind: 'restarting', tries: 0 }
  if (code === 1006 && now.kind === 'restarting' && now.tries < RESTART_TRIES) return { ...now, tries: now.tries + 1 }
  if (code === 1013) return { kind: 'busy' }
  if (code < 4400 || code > 4499) return { kind: 'offline' }
  const [why, advice] = REFUSALS[code] ?? ['The server will not serve this.', 'Open another room, or reload.']
  return { kind: 'refused', code, why: reason ? `${why.slice(0, -1)} (${reason}).` : why, advice }
}

/** The state as the word that stands beside its shape. */
export function word(now: Connection): string {
  if (now.kind !== 'catching-up') return now.kind
  return now.behind > 0 ? `catching up, ${now.behind.toLocaleString('en')} records behind` : 'catching up'
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
      return { title: `Refused (${now.code}).`, text: `${now.why} ${now.advice}` }
    default:
      return null
  }
}
