/**
 * The conversation as it stood after a record, drawn by what draws the present one.
 *
 * A past moment comes as JSON; it is turned into the Yjs types that the page shows, in documents that nobody else sees,
 * and only for the runs that differ from the moment before, so that a step draws what it changed. Nothing here acts: the
 * room that the components are given has a control that leads nowhere, and says that it is the past.
 */

import type { VNode } from 'preact'
import { memo } from 'preact/compat'
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'

import { someone } from '../chat/call'
import { Facts } from '../chat/facts'
import { FileView, fileOf } from '../chat/files'
import { asShown } from '../chat/past'
import { Parts } from '../chat/run'
import { branchOf } from '../chat/tree'
import { Cell } from '../page/cell'
import type { Moment, RunThen } from '../wire/api'
import type { Room, Shown } from '../wire/room'

/** A past room, as far as the parts of a conversation look at one. */
function pastRoom(name: string): { room: Room; runs: Map<string, Shown> } {
  const runs = new Map<string, Shown>()
  const shared = new Y.Doc()
  const nobody = { observe: () => {}, unobserve: () => {}, get: (id: string) => runs.get(id), has: (id: string) => runs.has(id) }
  const stand = { name, past: true, tab: '', runs: nobody, control: { mine: new Cell(new Set()) }, line: { awareness: new Awareness(shared) } }
  return { room: stand as unknown as Room, runs }
}

export function Then({ name, moment, run }: { name: string; moment: Moment; run: number }): VNode {
  const past = useMemo(() => pastRoom(name), [name])
  const told = useMemo(() => new Map<string, string>(), [name])
  const scroll = useRef<HTMLDivElement>(null)
  for (const [id, shown] of Object.entries(moment.runs)) {
    const now = JSON.stringify(shown)
    if (told.get(id) === now) continue
    told.set(id, now)
    past.runs.set(id, asShown({ ...shown, id }).run)
  }
  const turns = Object.entries(moment.runs).map(([id, one]) => ({ id, after: one.after, parent: one.parent }))
  const branch = branchOf(turns, moment.room?.branch as string | undefined).turns
  const active = String(run).padStart(12, '0')
  const shown = branch.includes(active) || !moment.runs[active] || moment.runs[active].parent ? branch : [...branch, active].sort()
  useFollowing(scroll, moment.seq, active)
  return (
    <div class="scroll" ref={scroll} tabIndex={0} role="region" aria-label={`The conversation after record ${moment.seq}`}>
      <div class="column">
        {shown.length === 0 && <p class="note">Nobody had asked for anything yet.</p>}
        {shown.map((id) => <RunThenView key={id} room={past.room} id={id} run={past.runs.get(id)!} waits={waitsOf(moment, id)} active={id === active} />)}
      </div>
    </div>
  )
}

const RunThenView = memo(function RunThenView({ room, id, run, waits, active }: { room: Room; id: string; run: Shown; waits: string; active: boolean }): VNode {
  const then = Object.fromEntries(run.entries()) as Partial<RunThen> & Record<string, unknown>
  const status = String(then.status)
  const parts = run.get('parts') as Y.Array<Shown> | undefined
  const files = run.get('attachments') as Y.Array<Shown> | undefined
  const ended = status === 'done' ? 'whole' : status === 'failed' || status === 'stopped' ? 'cut' : 'open'
  return (
    <article id={`then-${id}`} class={`run ${status}${active ? ' active' : ''}`} aria-label={`Run ${Number(id)}, ${status}`}>
      <div class="turn asked">
        <div class="who">{someone(then.author)}</div>
        <div>
          {files && files.length > 0 && <div class="files">{files.map((file, index) => <FileView key={index} file={fileOf(file)} />)}</div>}
          <div class="prompt" data-part tabIndex={-1}>{String(then.prompt ?? '')}</div>
        </div>
      </div>
      <div class="turn answered">
        <div class="who agent">{String(then.agent || 'agent')}</div>
        <div class="answer">
          {parts && <Parts room={room} run={id} parts={parts} end={ended} />}
          {status === 'failed' && <div class="failure"><strong class="mono">{String(then.error_code ?? 'failed')}</strong><span>{String(then.error_message ?? '')}</span></div>}
          {waits && <p class="waits"><span aria-hidden="true">◆</span> {waits}</p>}
          <Facts id={id} run={run} status={status === 'waiting' ? 'waits' : status} />
        </div>
      </div>
    </article>
  )
})

function waitsOf(moment: Moment, run: string): string {
  return moment.pending.filter((wait) => wait.run === run).map((wait) => `${wait.name || wait.step} waits for ${wait.waits_for}`).join('; ')
}

/** Keep the run that is stood in in sight: its end while the reader is there, its beginning when another one begins. */
function useFollowing(scroll: { current: HTMLDivElement | null }, seq: number, active: string): void {
  const last = useRef({ active: '', pinned: true })
  useLayoutEffect(() => {
    const frame = scroll.current!
    const moved = (): void => { last.current.pinned = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 60 }
    frame.addEventListener('scroll', moved, { passive: true })
    return () => frame.removeEventListener('scroll', moved)
  }, [])
  useLayoutEffect(() => {
    const frame = scroll.current!
    const another = last.current.active !== active
    last.current.active = active
    const run = document.getElementById(`then-${active}`)
    if (run && run !== run.parentElement?.lastElementChild) {
      if (another) run.scrollIntoView({ block: 'nearest' })
    } else if (another || last.current.pinned) {
      frame.scrollTop = frame.scrollHeight
    }
  }, [seq, active])
}
