/**
 * Asking whoever looks for a grant: when there is none, when it does not count any more, and before it is over; and what
 * the grant at hand allows, with the way out.
 *
 * Where nothing of a room is known yet, nothing is behind the question. Who loses a grant while a room is open keeps what
 * is on the page, and what was typed, and goes on with the next one.
 */

import type { VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

import { clock } from '../chat/time'
import { type Claims, grant, signIn, signOut, tokenIn, wanted, type Why } from '../wire/grant'
import { useCell } from './cell'
import { MARK } from './icons'

const TITLES: Record<Why, string> = {
  none: 'This server asks for a grant.',
  refused: 'The server does not take this grant.',
  soon: 'Your grant is over soon.'
}

const RIGHTS: readonly (readonly [string, string])[] = [
  ['read', 'read'], ['write', 'write in documents'], ['prompt', 'ask agents'], ['decide', 'decide'], ['tools', 'lend this page'], ['admin', 'delete rooms']
]

/** The question itself, over the page; `soon` is a line above the composer (`Renewal`). */
export function SignIn(): VNode | null {
  const why = useCell(wanted)
  const held = useCell(grant)
  const dialog = useRef<HTMLDialogElement>(null)
  const asks = why === 'none' || why === 'refused'
  useLayoutEffect(() => {
    if (asks) dialog.current?.showModal()
  }, [asks])
  if (!asks) return null
  const ended = held?.claims?.ends !== undefined && held.claims.ends <= Date.now()
  return (
    <dialog ref={dialog} class={held ? 'signin' : 'signin strange'} aria-label="Show a grant" onCancel={(event) => { if (!held) event.preventDefault() }} onClose={() => { if (held) wanted.set(null) }}>
      <p class="brand">{MARK} plait</p>
      <h2>{held ? (ended ? `Your grant was over at ${clock(new Date(held.claims!.ends!).toISOString())}.` : 'Your grant does not count any more.') : TITLES[why]}</h2>
      <p>
        {why === 'refused' && !held && 'It may be over or revoked, or was made for another server. '}
        {held && <>What is on this page stays here{held.claims && <>, for <strong>{held.claims.name || held.claims.sub}</strong></>}, and goes on with the next grant. </>}
        Whoever runs this server makes one, or sends a link that holds it:
      </p>
      <pre tabIndex={0} aria-label="The command that makes a grant">plait grant --secret-file key --subject ann</pre>
      <GrantForm focus />
      {held && <p class="out"><button type="button" class="quiet" onClick={signOut}>sign out and leave this page empty</button></p>}
      <p class="small">It stays in this tab and is gone with it. It is sent to this server only, and never stands in an address.</p>
    </dialog>
  )
}

/** Where a grant is pasted. */
function GrantForm({ focus = false }: { focus?: boolean }): VNode {
  const [problem, complain] = useState('')
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => { if (focus) field.current?.focus() }, [focus])
  const shown = (event: Event): void => {
    event.preventDefault()
    const token = tokenIn(field.current!.value)
    field.current!.value = ''
    complain(token ? '' : 'That is no grant: paste the one line that `plait grant` prints, or the whole link.')
    if (token) signIn(token)
  }
  return (
    <form class="grant" onSubmit={shown}>
      {/* As a password, so that nobody reads it over a shoulder; and none that a browser should offer to keep. */}
      <input ref={field} type="password" name="grant" aria-label="Grant" placeholder="Paste the grant" autocomplete="off" spellcheck={false} data-1p-ignore />
      <button type="submit" class="chosen">show it <kbd aria-hidden="true">⏎</kbd></button>
      {problem && <p class="error-line" role="alert">{problem}</p>}
    </form>
  )
}

/** A line while there is time: the grant ends soon, and a fresh one goes on without a break. */
export function Renewal(): VNode | null {
  const why = useCell(wanted)
  const held = useCell(grant)
  if (why !== 'soon') return null
  const ends = held?.claims?.ends
  return (
    <div class="banner renew" role="alert">
      <p><strong>{TITLES.soon}</strong> {ends ? `It ends at ${clock(new Date(ends).toISOString())}. ` : ''}Paste a fresh one, and nothing is interrupted.</p>
      <GrantForm />
    </div>
  )
}

/** Who is signed in, what they may do, and the way out. */
export function Account(): VNode | null {
  const held = useCell(grant)
  const [open, show] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const pressed = (event: Event): void => { if (!box.current?.contains(event.target as Node)) show(false) }
    addEventListener('pointerdown', pressed)
    return () => removeEventListener('pointerdown', pressed)
  }, [])
  if (!held) return null
  const name = held.claims?.name || held.claims?.sub || 'a grant'
  return (
    <div class="account" ref={box} onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); show(false) } }}>
      <button type="button" class="quiet icon" aria-expanded={open} aria-label={`Signed in as ${name}`} title={`Signed in as ${name}`} onClick={() => show(!open)}>
        <svg width="15" height="15" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
          <circle cx="5.2" cy="10.8" r="2.9" /><path d="m7.4 8.6 5.8-5.8M10.6 5.4l2 2" />
        </svg>
      </button>
      {open && <AccountCard name={name} claims={held.claims} />}
    </div>
  )
}

function AccountCard({ name, claims }: { name: string; claims: Claims | null }): VNode {
  const [other, ask] = useState(false)
  return (
    <div class="account-card" role="dialog" aria-label="Your grant">
      <p><strong dir="auto">{name}</strong>{claims?.name && claims.name !== claims.sub ? <span class="mono"> {claims.sub}</span> : null}</p>
      {claims
        ? (
          <ul aria-label="What this grant allows">
            {RIGHTS.map(([right, word]) => {
              const has = claims.rights.includes(right)
              return <li key={right} class={has ? 'has' : 'lacks'}><span aria-hidden="true">{has ? '✓' : '–'}</span> {word}{!has && <span class="unseen"> (not allowed)</span>}</li>
            })}
          </ul>
        )
        : <p class="note">What it allows is known to the server alone.</p>}
      {claims?.ends && <p class="note">until {new Date(claims.ends).toLocaleString('en', { weekday: 'short', hour: '2-digit', minute: '2-digit', hour12: false })}</p>}
      {other
        ? <GrantForm focus />
        : (
          <p class="choice">
            <button type="button" class="quiet" onClick={() => ask(true)}>show another grant …</button>
            <button type="button" class="quiet" onClick={signOut}>sign out</button>
          </p>
        )}
    </div>
  )
}
