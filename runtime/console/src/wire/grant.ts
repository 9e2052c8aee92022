/**
 * The grant of whoever looks at this page, where the server asks for one (specs/access.md): held, shown, and given back.
 *
 * Rules (specs/console.md):
 *
 * - It comes by hand, or in the fragment of the address (`#grant=`), which no request carries; it is taken out of the
 *   address before anything is asked of the server.
 * - It is kept in this tab's sessionStorage and nowhere else: it lives over a reload and ends with the tab. It stands in
 *   no address, no log and no message of an error.
 * - What it says of rights is only read, to tell people at once what they may not do. The server decides.
 * - A grant of somebody else begins the page anew: nothing that one person saw or wrote is shown to the next.
 */

import type { Status } from 'plait-client'

import { Cell, useCell } from '../page/cell'

export type Right = 'read' | 'write' | 'prompt' | 'decide' | 'tools' | 'admin'

/** What a token says of itself; one that is no JWT says nothing, and everything is tried. */
export interface Claims {
  readonly sub: string
  readonly name: string
  readonly rights: readonly string[]
  /** When it is over, milliseconds since 1970. */
  readonly ends?: number
}

export interface Grant {
  readonly token: string
  readonly claims: Claims | null
  /** Whose commands wait in this browser under it. */
  readonly account: string
}

/** Why the page asks for a grant: there is none, the one that it has does not count (any more), or it is over soon. */
export type Why = 'none' | 'refused' | 'soon'

const KEY = 'plait.grant'
const ACCOUNT = 'plait.account'
const FRAGMENT = '#grant='
const TOKEN = /^[\x21-\x7e]{1,8192}$/
/** Codes of a refusal that another grant may end. */
const ASKS = new Set(['no-grant', 'grant-expired', 'grant-revoked'])

export const grant = new Cell<Grant | null>(null)
/** Why a grant is asked for now, if it is. */
export const wanted = new Cell<Why | null>(null)

/** So long one counts as new that does not say when it ends. */
const FRESH_MS = 60_000

let renewals: ((token: string) => void)[] = []
/** Whether the server has taken the grant at hand, and when it took the place of another one, if it did. */
let counted = false
let since = 0

/** What the page is given for a link or a pasted line: the token in it, or nothing that could be one. */
export function tokenIn(text: string): string | null {
  const line = text.trim()
  const at = line.indexOf(FRAGMENT)
  const token = at < 0 ? line.replace(/^Bearer\s+/i, '') : decoded(line.slice(at + FRAGMENT.length))
  return TOKEN.test(token) ? token : null
}

/** What a token says of itself. */
export function claimsOf(token: string): Claims | null {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    const { sub, name, rights, exp } = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof sub !== 'string' || !Array.isArray(rights)) return null
    return { sub, name: typeof name === 'string' ? name : '', rights, ...(typeof exp === 'number' ? { ends: exp * 1000 } : {}) }
  } catch {
    return null
  }
}

/** Show that grant from now on. */
export function signIn(token: string): void {
  const claims = claimsOf(token)
  const account = claims?.sub ?? kept(ACCOUNT) ?? crypto.randomUUID()
  const other = grant.value !== null && grant.value.account !== account
  if (other) forgetAll()
  keep(KEY, token)
  keep(ACCOUNT, account)
  if (other) return location.reload()
  counted = false
  since = grant.value ? Date.now() : 0
  wanted.set(null)
  grant.set({ token, claims, account })
  for (const renew of renewals.splice(0)) renew(token)
}

/** Forget the grant, and with it what this tab remembers of whoever had it. */
export function signOut(): void {
  forgetAll()
  location.reload()
}

/** The grant for a socket. A fresh one is waited for: whoever looks at the page is asked, and may come too late. */
export function shown(renews: boolean): Promise<string> {
  if (!renews || !grant.value || isFresh(grant.value)) return Promise.resolve(grant.value?.token ?? '')
  wanted.set(wanted.value ?? 'soon')
  return new Promise((settle) => renewals.push(settle))
}

/** Whether it took another one's place so lately that what has to be renewed is that one. */
function isFresh({ claims }: Grant): boolean {
  const had = Date.now() - since
  return claims?.ends ? had < (claims.ends - since) / 2 : had < FRESH_MS
}

/** The headers of a request. */
export function authorization(): Record<string, string> {
  return grant.value?.token ? { authorization: `Bearer ${grant.value.token}` } : {}
}

/** The server refused what was asked under `token` for want of a grant that counts. */
export function refused(token: string): void {
  const held = grant.value
  if (token !== (held?.token ?? '')) return
  if (token) {
    forget(KEY)
    // One that counted until now leaves the page to its owner; of one that never did nothing is believed.
    grant.set(counted ? { ...held!, token: '' } : null)
    wanted.set('refused')
  } else if (!held && !wanted.value) {
    wanted.set('none')
  }
}

/** The server took the grant at hand. */
export function took(): void {
  counted = true
}

/** What a room's status says about the grant. */
export function heard(status: Status): void {
  if (status.kind === 'live') took()
  else if (asksForGrant(status)) refused(grant.value?.token ?? '')
}

/** Whether another grant is what helps. */
export function asksForGrant(status: Status): boolean {
  return status.kind === 'refused' && ASKS.has(status.code)
}

/** Whether the grant allows that, as far as it says. */
export function may(right: Right): boolean {
  return grant.value?.claims?.rights.includes(right) ?? true
}

const DEEDS: Readonly<Record<Right, string>> = {
  read: 'read this',
  write: 'write or change anything here',
  prompt: 'ask or stop agents',
  decide: 'decide',
  tools: 'lend this page to agents',
  admin: 'delete a room'
}

/** Why whoever looks may not do that, as a sentence; empty if they may. */
export function useLack(...rights: readonly Right[]): string {
  useCell(grant)
  const lacking = rights.find((right) => !may(right))
  return lacking ? `Your grant does not let you ${DEEDS[lacking]}.` : ''
}

/** A grant in the address is taken out of it, whatever becomes of it. */
function fromAddress(): string | null {
  if (!location.hash.startsWith(FRAGMENT)) return null
  const token = tokenIn(location.hash)
  history.replaceState(history.state, '', location.pathname + location.search)
  return token
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function kept(key: string): string | null {
  try {
    return sessionStorage.getItem(key)
  } catch {
    return null
  }
}

function keep(key: string, value: string): void {
  try {
    sessionStorage.setItem(key, value)
  } catch {
    // Without storage it lasts as long as the page.
  }
}

function forget(key: string): void {
  try {
    sessionStorage.removeItem(key)
  } catch {
    // There is nothing to forget.
  }
}

/** All that this tab remembers: words that were not sent yet, and whose tab it is. */
function forgetAll(): void {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith('plait.')) forget(key)
  } catch {
    // There is nothing to forget.
  }
}

/** Take up the grant that this tab had before it was reloaded, or the one in the address. */
export function begin(): void {
  const had = kept(KEY)
  if (had && TOKEN.test(had)) grant.set({ token: had, claims: claimsOf(had), account: kept(ACCOUNT) ?? claimsOf(had)?.sub ?? '' })
  const token = fromAddress()
  if (token) signIn(token)
  addEventListener('hashchange', () => {
    const token = fromAddress()
    if (token) signIn(token)
  })
}
