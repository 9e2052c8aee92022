/**
 * A draft: its text with what it would change, the same as a list to decide about, and who decided what so far.
 *
 * It is edited like the document that it is a copy of, by anybody, until it is decided about. A decision names the record
 * that the page has seen, so nobody accepts what came a moment before the press.
 */

import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import type { VNode } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'

import { unhidden } from '../chat/fields'
import { clock } from '../chat/time'
import { useCell } from '../page/cell'
import { go } from '../page/place'
import type { DraftDecision, ShownDraft } from '../wire/api'
import { type Answer, deed } from '../wire/control'
import { useLack } from '../wire/grant'
import type { Room } from '../wire/room'
import { Diff } from './diff'
import { type DraftLine, proposedBy, titled, useDrafts } from './drafts'
import { whoWrote } from './hover'
import { Hunk, type Verdict } from './hunk'
import { useLooked } from './looked'
import { Standing } from './proposals'
import { Surface, useLine } from './surface'

export function Proposal({ room, name, of }: { room: Room; name: string; of: string }): VNode {
  const draft = useDrafts(room).find((one) => one.name === name)
  const { shown, problem, again } = useLooked(room, name)
  const line = useLine(room, name)
  const list = useRef<HTMLDivElement>(null)
  const diff = useMemo(() => new Diff((id) => focusOn(list.current, id)), [name])
  const open = draft ? draft.status === 'open' : shown?.status === 'open'
  const more = useMemo(
    () => [whoWrote(room, name, 'content'), diff.extension, open ? [] : [EditorState.readOnly.of(true), EditorView.editable.of(false)]],
    [room, name, diff, open]
  )
  useEffect(() => diff.show(shown?.hunks ?? []), [diff, shown])
  return (
    <>
      {draft && <Head room={room} draft={draft} />}
      <Surface line={line} name={titleIn(draft, of)} more={more} />
      {problem && <p class="error-line" role="alert">{problem} <button type="button" class="quiet" onClick={again}>look again</button></p>}
      {shown && <Deciding room={room} name={name} shown={shown} open={open ?? false} diff={diff} list={list} again={again} />}
    </>
  )
}

function titleIn(draft: DraftLine | undefined, of: string): string {
  return draft ? `${of}, draft ${titled(draft)}` : of
}

function Head({ room, draft }: { room: Room; draft: DraftLine }): VNode {
  return (
    <div class={`proposal-head ${draft.status}`}>
      <p class="what"><Standing draft={draft} /> <strong dir="auto">{unhidden(titled(draft)) ?? titled(draft)}</strong></p>
      <p class="facts">
        <span>by {proposedBy(room, draft)}</span>
        <span>{clock(draft.openedAt)}</span>
        {draft.run && <button type="button" class="quiet mono" title="Show the record that began this run" onClick={() => go({ record: Number(draft.run) })}>run #{Number(draft.run)}</button>}
        {draft.status !== 'open' && <strong class="word">{draft.status}, {clock(draft.decidedAt)}</strong>}
      </p>
    </div>
  )
}

interface DecidingHow {
  readonly room: Room
  readonly name: string
  readonly shown: ShownDraft
  readonly open: boolean
  readonly diff: Diff
  readonly list: { current: HTMLDivElement | null }
  readonly again: () => void
}

function Deciding({ room, name, shown, open, diff, list, again }: DecidingHow): VNode {
  const lack = useLack('write', 'decide')
  const { hunks, more } = shown
  const [asked, ask] = useState<{ readonly about: string; readonly verdict: Verdict } | null>(null)
  const [told, tell] = useState<{ readonly text: string; readonly wrong: boolean } | null>(null)
  const decide = (verdict: Verdict, id?: string): void => {
    if (asked || !open || lack) return
    ask({ about: id ?? '', verdict })
    tell(null)
    const at = hunks.findIndex((hunk) => hunk.id === id)
    const next = hunks[at + 1] ?? hunks[at - 1]
    void room.control.settle(name, verdict, shown.seq, id === undefined ? undefined : [id]).then((answer) => {
      ask(null)
      tell(outcome(answer))
      again()
      // Whoever decided with the keyboard goes on with the next one.
      if (id !== undefined && next && 'ok' in answer && list.current?.contains(document.activeElement)) focusOn(list.current, next.id)
    })
  }
  return (
    <section class="deciding" aria-label="What this draft would change">
      {told && <p class={told.wrong ? 'error-line' : 'note'} role={told.wrong ? 'alert' : 'status'}>{told.text}</p>}
      <div class="hunks" ref={list}>
        {hunks.length > 0 && (
          <ol>
            {hunks.map((hunk, index) => (
              <Hunk
                key={hunk.id}
                room={room}
                hunk={hunk}
                nth={index + 1}
                asked={asked && (asked.about === hunk.id || asked.about === '') ? asked.verdict : null}
                decide={open && !lack ? (verdict) => decide(verdict, hunk.id) : null}
                look={() => diff.look(hunk.id)}
                step={(by) => { const to = hunks[index + by]; if (to) focusOn(list.current, to.id) }}
              />
            ))}
          </ol>
        )}
        {more > 0 && <p class="note">and {more.toLocaleString('en')} more, told once some of these are decided</p>}
        {hunks.length === 0 && open && <p class="note">Nothing differs from the document yet. Write above: each change appears here, to be accepted or rejected.</p>}
        {shown.decisions.length > 0 && <Decisions room={room} name={name} decisions={shown.decisions} />}
      </div>
      {open && (
        <footer>
          {hunks.length > 0 && <button type="button" class="chosen" disabled={asked !== null || lack !== ''} title={lack} onClick={() => decide('accept')}>accept {hunks.length + more === 1 ? 'it' : `all ${(hunks.length + more).toLocaleString('en')}`}</button>}
          <button type="button" class="other" disabled={asked !== null || lack !== ''} title={lack} onClick={() => decide('reject')}>{hunks.length > 0 ? 'reject the rest' : 'close the draft'}</button>
          {lack && <span class="note lack">{lack}</span>}
          {hunks.length > 0 && !lack && <span class="keys-hint"><kbd>⏎</kbd> accepts, <kbd>⌫</kbd> rejects one</span>}
        </footer>
      )}
    </section>
  )
}

/** What came of a decision, if it is worth a word: what can be seen is not told again. */
function outcome(answer: Answer): { text: string; wrong: boolean } | null {
  if ('refused' in answer) {
    const { code, message } = answer.refused
    return { text: code === 'draft-changed' ? 'It was changed a moment ago, so nothing was decided. Look at it as it is now.' : message, wrong: true }
  }
  const kept = (answer.ok.result as { kept?: unknown } | undefined)?.kept
  if (!Array.isArray(kept) || kept.length === 0) return null
  return { text: `${kept.length === 1 ? '1 change stays' : `${kept.length} changes stay`} out: the document changed there meanwhile, and what people wrote was kept.`, wrong: false }
}

/** Who decided what, newest first, folded to a line each. */
function Decisions({ room, name, decisions }: { room: Room; name: string; decisions: readonly DraftDecision[] }): VNode {
  const mine = useCell(room.control.mine)
  return (
    <ul class="decisions" aria-label="What was decided">
      {joined(decisions).reverse().map(({ verdict, author, seq, time, hunks, kept, whole }) => (
        <li key={seq} class={verdict}>
          <span class="shape" aria-hidden="true">{verdict === 'accepted' ? '●' : '■'}</span>
          <span>
            {hunks > 0 ? `${hunks} ${hunks === 1 ? 'change' : 'changes'} ${verdict}` : verdict}{whole && ', and closed'} by {mine.has(deed(name, String(seq))) ? 'you' : author === 'anonymous' ? 'someone' : author}
            {kept > 0 && `; ${kept === hunks ? 'it' : `${kept} of them`} had changed in the document and stayed`}
          </span>
          <span class="by">{clock(time)}</span>
          <button type="button" class="quiet mono" title="Show the record of this decision" onClick={() => go({ record: seq })}>#{seq}</button>
        </li>
      ))}
    </ul>
  )
}

/** Accepting all is two records, of the changes and of the end: one decision of one person. */
function joined(decisions: readonly DraftDecision[]): DraftDecision[] {
  const found: DraftDecision[] = []
  for (const decision of decisions) {
    const last = found.at(-1)
    if (last && decision.whole && decision.verdict === 'accepted' && decision.seq === last.seq + 1 && !last.whole) found[found.length - 1] = { ...last, whole: true }
    else found.push(decision)
  }
  return found
}

function focusOn(list: HTMLElement | null, id: string): void {
  const row = [...(list?.querySelectorAll<HTMLElement>('.hunk') ?? [])].find((one) => one.dataset.hunk === id)
  row?.focus({ preventScroll: true })
  row?.scrollIntoView({ block: 'nearest' })
}
