/**
 * Taking back what a run wrote into shared documents: first what that would do, then the yes, then what was done.
 *
 * The server finds the edits and says which places stay because somebody changed them since (specs/undo.md); here it is
 * put into sentences. Between the look and the yes things may change: the undo takes what it then finds.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go } from '../page/place'
import type { Answer } from '../wire/control'
import { useLack } from '../wire/grant'
import type { Room } from '../wire/room'
import { type Plan, planOf } from './plan'

type Stage =
  | { readonly at: 'idle' | 'asking' }
  | { readonly at: 'sure'; readonly plan: Plan }
  | { readonly at: 'done'; readonly plan: Plan; readonly seq: number | undefined }
  | { readonly at: 'refused'; readonly why: string }

const KEPT_SHOWN = 5

export function UndoRun({ room, run }: { room: Room; run: string }): VNode {
  const lack = useLack('read', 'write')
  const [stage, to] = useState<Stage>({ at: 'idle' })
  const box = useRef<HTMLDivElement>(null)
  // The button that was pressed is gone; whoever pressed it stands before what came of it.
  useLayoutEffect(() => { if (stage.at !== 'idle' && stage.at !== 'asking') box.current?.focus({ preventScroll: true }) }, [stage])
  const ask = async (preview: boolean): Promise<void> => {
    to({ at: 'asking' })
    const answer = await room.control.send({ do: 'undo', run, ...(preview ? { preview } : {}) })
    to(stageOf(answer, preview))
  }
  if (stage.at === 'idle' || stage.at === 'asking') {
    return (
      <button type="button" class="quiet" disabled={stage.at === 'asking' || lack !== ''} title={lack} onClick={() => void ask(true)}>
        {stage.at === 'asking' ? 'asking' : 'undo what this run wrote'}
      </button>
    )
  }
  return (
    <div class="undoing" ref={box} tabIndex={-1} role="group" aria-label="Undo what this run wrote">
      {stage.at === 'refused' && <p role="alert">{stage.why}</p>}
      {stage.at === 'sure' && <Preview plan={stage.plan} />}
      {stage.at === 'done' && <p role="status">{counted(stage.plan.edits, 'edit')} undone.</p>}
      <p class="choice">
        {stage.at === 'sure' && <button type="button" class="act" onClick={() => void ask(false)}>undo {counted(stage.plan.edits, 'edit')}</button>}
        {stage.at === 'done' && stage.seq && <button type="button" class="quiet mono" title="Show the record of the undo" onClick={() => go({ record: stage.seq! })}>#{stage.seq}</button>}
        <button type="button" class="quiet" onClick={() => to({ at: 'idle' })}>{stage.at === 'sure' ? 'leave it' : 'close'}</button>
      </p>
    </div>
  )
}

function Preview({ plan }: { plan: Plan }): VNode {
  const shown = plan.kept.slice(0, KEPT_SHOWN)
  return (
    <>
      <p>Takes back {counted(plan.edits, 'edit')} in <strong>{plan.documents.join(', ')}</strong> and nothing that others wrote.</p>
      {shown.length > 0 && (
        <>
          <p>{counted(plan.kept.length, 'place')} stay{plan.kept.length === 1 ? 's' : ''}, changed since by somebody else:</p>
          <ul>{shown.map(({ where, by }) => <li key={where}><span class="mono">{where}</span>, record {by}</li>)}</ul>
          {plan.kept.length > shown.length && <p>and {plan.kept.length - shown.length} more</p>}
        </>
      )}
    </>
  )
}

function stageOf(answer: Answer, preview: boolean): Stage {
  if ('refused' in answer) {
    const { code, message } = answer.refused
    return { at: 'refused', why: code === 'nothing-to-undo' ? 'Nothing that this run wrote is left to undo.' : message }
  }
  const plan = planOf(answer.ok.result)
  return preview ? { at: 'sure', plan } : { at: 'done', plan, seq: answer.ok.seq }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Whether the run, or one that it asked for, is known to have written into a shared document. */
export function useWrote(room: Room, run: string): boolean {
  const wrote = useCell(room.records.wrote)
  for (const writer of wrote) {
    for (let above: string | undefined = writer; above; above = room.runs.get(above)?.get('parent') as string | undefined) {
      if (above === run) return true
    }
  }
  return false
}
