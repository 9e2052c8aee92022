/**
 * The drafts that wait beside a document: who proposes what, one press away; and how a person opens one.
 */

import type { VNode } from 'preact'
import { useState } from 'preact/hooks'

import { unhidden } from '../chat/fields'
import { go, place } from '../page/place'
import { useLack } from '../wire/grant'
import type { Room } from '../wire/room'
import { type DraftLine, proposedBy, titled, useDrafts } from './drafts'

/** As the server's limit for a draft's title. */
const LONGEST_TITLE = 200

export function Proposals({ room, of, current }: { room: Room; of: string; current: string }): VNode | null {
  const lines = useDrafts(room).filter((draft) => draft.of === of && (draft.status === 'open' || draft.name === current))
  if (lines.length === 0) return null
  return (
    <nav class="proposals" aria-label={`What is proposed for ${of}`}>
      <button type="button" class="proposed" aria-current={current === of ? 'page' : undefined} onClick={() => go({ document: of })}>{of}</button>
      {lines.map((draft) => (
        <button key={draft.name} type="button" class={`proposed ${draft.status}`} aria-current={current === draft.name ? 'page' : undefined} onClick={() => go({ document: draft.name })}>
          <Standing draft={draft} /> <span class="title">{unhidden(titled(draft)) ?? titled(draft)}</span> <span class="by">{proposedBy(room, draft)}</span>
        </button>
      ))}
    </nav>
  )
}

const SHAPES = { open: '◇', accepted: '●', rejected: '■' } as const

/** How a draft stands, as a shape and for those who hear the page as a word. */
export function Standing({ draft: { status } }: { draft: DraftLine }): VNode {
  return <><span class="shape" aria-hidden="true">{SHAPES[status]}</span><span class="unseen">{status === 'open' ? 'proposed:' : `${status}:`}</span></>
}

/** Go to the draft that waits longest, and to its first change once it is there. */
export function toProposed(room: Room): void {
  const waiting = [...room.drafts.entries()].filter(([, draft]) => draft.get('status') === 'open').map(([name]) => name)
  const first = waiting.sort((a, b) => a.slice(-12).localeCompare(b.slice(-12)))[0]
  if (!first) return
  const focus = (): boolean => {
    const change = document.querySelector<HTMLElement>('.deciding .hunk')
    change?.focus({ preventScroll: true })
    return change !== null
  }
  if (place.value.document === first && focus()) return
  go({ document: first })
  // The draft is read from the log first; whoever does something else meanwhile keeps the focus.
  const seen = new MutationObserver(() => { if (document.activeElement !== document.body || focus()) seen.disconnect() })
  seen.observe(document.body, { childList: true, subtree: true })
  setTimeout(() => seen.disconnect(), 5_000)
}

/** What a run proposes, a button for each draft. */
export function ProposedBy({ room, run }: { room: Room; run: string }): VNode | null {
  const lines = useDrafts(room).filter((draft) => draft.run === run)
  if (lines.length === 0) return null
  return (
    <>
      {lines.map((draft) => (
        <button key={draft.name} type="button" class="quiet proposed-by" onClick={() => go({ document: draft.name })}>
          <Standing draft={draft} /> {draft.status === 'open' ? `proposes ${unhidden(titled(draft)) ?? titled(draft)}` : `${titled(draft)}: ${draft.status}`}
        </button>
      ))}
    </>
  )
}

/** Opens a draft of a document: a button, then a line for what it is for. */
export function Propose({ room, of }: { room: Room; of: string }): VNode {
  const lack = useLack('write')
  const [asking, ask] = useState(false)
  const [problem, complain] = useState('')
  const opened = (event: Event): void => {
    event.preventDefault()
    const title = new FormData(event.currentTarget as HTMLFormElement).get('title')?.toString().trim() ?? ''
    void room.control.send({ do: 'propose', document: of, title }).then((answer) => {
      const draft = 'ok' in answer ? (answer.ok.result as { draft?: unknown } | undefined)?.draft : undefined
      if (typeof draft === 'string') go({ document: draft })
      else complain('refused' in answer ? answer.refused.message : 'The server did not say which draft it opened.')
    })
  }
  if (!asking) {
    return <button type="button" class="quiet propose" disabled={lack !== ''} title={lack || 'Work on a copy that others accept or reject'} onClick={() => ask(true)}>propose changes</button>
  }
  return (
    <form class="propose" onSubmit={opened} onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); ask(false); complain('') } }}>
      <input ref={(input) => input?.focus()} name="title" placeholder="What for" aria-label="What the changes are for" maxLength={LONGEST_TITLE} autocomplete="off" dir="auto" />
      <button type="submit" class="chosen">open a draft <kbd aria-hidden="true">⏎</kbd></button>
      {problem && <p class="error-line" role="alert">{problem}</p>}
    </form>
  )
}
