/**
 * One call of a tool: a line that unfolds, or, while it waits for a person, the form that person fills in.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import * as Y from 'yjs'

import { isTyping } from '../keys/actions'
import { useCell } from '../page/cell'
import { useSegments, useShared } from '../page/shared'
import { deed, type Decision, type Refusal } from '../wire/control'
import type { Room, Shown } from '../wire/room'
import { Asking, type Kind } from './asking'

/** State of a tool call -> its shape and its word. Status is never told by colour alone. */
const STATES: Record<string, readonly [string, string]> = {
  streaming: ['◌', 'writing arguments'],
  requested: ['○', 'asked for'],
  asking: ['◆', 'waits for a person'],
  running: ['◐', 'running'],
  done: ['●', 'done'],
  failed: ['✕', 'failed'],
  awaiting: ['◆', 'waits for a tab that has it'],
  assigned: ['◌', 'a tab has it'],
  unknown: ['?', 'outcome unknown'],
  cancelled: ['–', 'cancelled']
}

/** Decision -> what the folded line says of it, and whether that says all, so that the state needs no word. */
const DECISIONS: Record<string, readonly [(who: string) => string, boolean]> = {
  approved: [(who) => `approved by ${who}`, false],
  denied: [(who) => `denied by ${who}`, true],
  answered: [(who) => `answered by ${who}`, true],
  expired: [() => 'nobody decided in time', true],
  happened: [(who) => `it happened, said ${who}`, true],
  'did-not-happen': [(who) => `it did not happen, said ${who}`, true],
  retry: [(who) => `tried again for ${who}`, false]
}
/** A call that was not made because of people is no failure. */
const DECLINED = new Set(['denied', 'expired', 'did-not-happen'])

export function ToolPart({ room, run, part }: { room: Room; run: string; part: Shown }): VNode {
  useShared(part)
  const mine = useCell(room.control.mine)
  const place = useRef<HTMLDivElement>(null)
  const [typing, setTyping] = useState(false)
  const [busy, setBusy] = useState(false)
  const [refusal, refuse] = useState<Refusal | null>(null)
  const [late, setLate] = useState(false)
  const [left, leave] = useState(0)
  const kind = useRef<Kind>('approval')

  const state = String(part.get('state') ?? 'requested')
  const step = String(part.get('call') ?? '')
  const open = state === 'asking' || state === 'unknown'
  if (open) kind.current = state === 'unknown' ? 'verdict' : part.get('asks') === 'input' ? 'input' : 'approval'
  const who = mine.has(deed(run, step)) ? 'you' : someone(part.get('decided_by'))

  // The focus was in the form that is gone: it goes to the line in its place, and not to nowhere.
  useLayoutEffect(() => {
    if (left) place.current?.querySelector('summary')?.focus({ preventScroll: true })
  }, [left])

  const decide = (decision: Decision): void => {
    const within = place.current?.contains(document.activeElement) ?? false
    setBusy(true)
    refuse(null)
    void room.control.decide(run, step, decision).then((answer) => {
      setBusy(false)
      const second = 'refused' in answer && answer.refused.code === 'already-decided'
      const over = part.get('state') !== 'asking' && part.get('state') !== 'unknown'
      setLate(second)
      if ('refused' in answer && !(second && over)) return refuse(answer.refused)
      setTyping(false)
      if (within) leave((times) => times + 1)
    })
  }
  const looked = (event: FocusEvent): void => {
    const box = event.currentTarget as HTMLElement
    // When the window loses the focus the field keeps it, and so the form stays.
    if (event.type === 'focusin') setTyping(isTyping(event.target))
    else if (!box.contains(event.relatedTarget as Node | null) && !box.contains(document.activeElement)) setTyping(false)
  }
  const shown = open || typing || busy
  return (
    <div class="tool-place" ref={place} onFocusIn={looked} onFocusOut={looked}>
      {shown
        ? <Asking key={kind.current} part={part} kind={kind.current} first={open || busy ? null : verdict(part, who) || 'it is over'} busy={busy} refusal={refusal} decide={decide} />
        : <Call part={part} state={state} decided={verdict(part, who)} late={late} />}
    </div>
  )
}

function verdict(part: Shown, who: string): string {
  const decision = part.get('decision') as string | undefined
  return decision === undefined ? '' : DECISIONS[decision]?.[0](who) ?? `${decision} by ${who}`
}

/** Without logins everybody is `anonymous`. */
export function someone(author: unknown): string {
  return typeof author === 'string' && author !== '' && author !== 'anonymous' ? author : 'someone'
}

function Call({ part, state, decided, late }: { part: Shown; state: string; decided: string; late: boolean }): VNode {
  const streamed = useSegments((part.get('input') as Y.Array<Y.Text> | undefined) ?? EMPTY)
  const [unfolded, unfold] = useState(false)
  const [shape, word] = STATES[state] ?? ['·', state]
  const args = String(part.get('args') ?? streamed)
  const decision = part.get('decision') as string | undefined
  const declined = state === 'failed' && DECLINED.has(decision ?? '')
  const result = decision === 'happened' && part.get('result') === 'null' ? undefined : (part.get('result') as string | undefined)
  const error = part.get('error') as string | undefined
  const question = part.get('question') as string | undefined
  const complete = DECISIONS[decision ?? '']?.[1] ?? false
  return (
    <details class={`part tool ${declined ? 'declined' : state}`} data-part open={unfolded} onToggle={(e) => unfold(e.currentTarget.open)}>
      <summary>
        <span class="shape" aria-hidden="true">{declined ? '–' : shape}</span>
        <span class="tool-name">{String(part.get('name') ?? 'tool')}</span>
        <span class="preview">
          {decision === 'denied' && error ? `“${inline(error)}”` : inline(question ?? args)}
          {result !== undefined && <> → {inline(result)}</>}
        </span>
        <span class="state">
          {decided && <span class="decided">{decided}</span>}
          {decided && !complete && ' · '}
          {!complete && word}
          {late && <span class="late" role="status"> · somebody else was first</span>}
        </span>
      </summary>
      {unfolded && (
        <dl class="call">
          <dt>arguments</dt>
          <dd><pre tabIndex={0}>{pretty(args) || '(none)'}</pre></dd>
          {result !== undefined && <><dt>result</dt><dd><pre tabIndex={0}>{pretty(result)}</pre></dd></>}
          {part.get('reason') && <><dt>asked because</dt><dd>{String(part.get('reason'))}</dd></>}
          {declined && error && <><dt>because</dt><dd>{error}</dd></>}
          <dt>call</dt>
          <dd class="mono">{String(part.get('id') ?? '')}</dd>
        </dl>
      )}
      {error && !declined && <p class="error-line">{error}</p>}
    </details>
  )
}

const EMPTY: Y.Array<Y.Text> = new Y.Doc().getArray('none')

function inline(json: string): string {
  const line = json.replace(/\s+/g, ' ').trim()
  return line === '{}' ? '' : line.length > 90 ? line.slice(0, 89) + '…' : line
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return json
  }
}
