/**
 * One call of a tool: a line that unfolds, or, while it waits for a person, the form that person fills in.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

import { isTyping } from '../keys/actions'
import { useCell } from '../page/cell'
import { useShared } from '../page/shared'
import { deed, type Decision, type Refusal } from '../wire/control'
import type { Room, Shown } from '../wire/room'
import { Asking, type Kind } from './asking'
import { Call, someone, verdict } from './call'
import { Child } from './child'
import { foundAt, Retrieval, type Sources } from './shown'

export function ToolPart({ room, run, part, sources }: { room: Room; run: string; part: Shown; sources: Sources }): VNode {
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
  const open = !room.past && (state === 'asking' || state === 'unknown')
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
  const child = part.get('child') as string | undefined
  return (
    <div class="tool-place" ref={place} onFocusIn={looked} onFocusOut={looked}>
      {shown
        ? <Asking key={kind.current} part={part} kind={kind.current} first={open || busy ? null : verdict(part, who) || 'it is over'} busy={busy} refusal={refusal} decide={decide} />
        : child
          ? <Child room={room} part={part} id={child} />
          : part.get('type') === 'retrieval'
            ? <Retrieval part={part} sources={foundAt(sources, step)} />
            : <Call room={room} run={run} part={part} state={state} decided={verdict(part, who)} late={late} />}
    </div>
  )
}
