/**
 * A call that is an agent: the run that it began, shown inside the call, open while it works and folded once it is done.
 *
 * Whoever unfolded or folded it by hand is not overruled.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import * as Y from 'yjs'

import { useAgain } from '../page/cell'
import { useShared } from '../page/shared'
import * as api from '../wire/api'
import { may } from '../wire/grant'
import { isOpen, type Room, type Shown } from '../wire/room'
import { inline } from './call'
import { Facts } from './facts'
import { asShown } from './past'
import { Parts } from './run'

export function Child({ room, part, id }: { room: Room; part: Shown; id: string }): VNode {
  const run = useRun(room, id)
  const status = String(run?.get('status') ?? part.get('state') ?? '')
  const [chosen, choose] = useState<boolean | null>(null)
  const works = isOpen(status)
  const open = chosen ?? works
  const agent = String(part.get('agent') || run?.get('agent') || 'agent')
  return (
    <details class={`part tool child ${status}`} data-part open={open} onToggle={(event) => { if (event.currentTarget.open !== open) choose(event.currentTarget.open) }}>
      <summary>
        <span class="shape" aria-hidden="true">{SHAPES[status] ?? '·'}</span>
        <span class="tool-name">{agent}</span>
        <span class="preview">{inline(String(run?.get('prompt') ?? part.get('args') ?? ''))}</span>
        {works && !room.past && may('prompt') && <button type="button" class="quiet stop-child" onClick={(event) => { event.preventDefault(); void room.control.stop(id) }} aria-label={`Stop ${agent}`}><span aria-hidden="true">■</span> stop</button>}
        <span class="state">{WORDS[status] ?? status}</span>
      </summary>
      {open && (run ? <Inside room={room} id={id} run={run} /> : <Gone room={room} id={id} />)}
    </details>
  )
}

const SHAPES: Record<string, string> = { queued: '○', running: '◐', waiting: '◆', done: '●', stopped: '■', failed: '✕' }
const WORDS: Record<string, string> = { queued: 'queued', running: 'at work', waiting: 'waits', done: 'done', stopped: 'stopped', failed: 'failed' }

function Inside({ room, id, run }: { room: Room; id: string; run: Shown }): VNode {
  const status = String(run.get('status'))
  const parts = run.get('parts') as Y.Array<Shown> | undefined
  return (
    <div class="inside">
      <p class="asked-of" dir="auto">{String(run.get('prompt') ?? '')}</p>
      {parts && <Parts room={room} run={id} parts={parts} end={isOpen(status) ? 'open' : status === 'done' ? 'whole' : 'cut'} />}
      {status === 'failed' && <p class="error-line"><span class="mono">{String(run.get('error_code') ?? '')}</span> {String(run.get('error_message') ?? '')}</p>}
      <Facts id={id} run={run} status={status} />
    </div>
  )
}

/** A child that left the document is read from the log. */
function Gone({ room, id }: { room: Room; id: string }): VNode {
  const [run, setRun] = useState<Shown | null>(null)
  const [problem, setProblem] = useState('')
  useEffect(() => {
    let here = true
    const next = String(Number(id) + 1).padStart(12, '0')
    api.pastRuns(room.name, next).then(
      (page) => {
        const found = page.runs.map(asShown).find((one) => one.id === id)
        if (!here) return
        if (found) setRun(found.run)
        else setProblem('Its run is not in the log’s page.')
      },
      (error: Error) => here && setProblem(error.message)
    )
    return () => void (here = false)
  }, [room, id])
  return run ? <Inside room={room} id={id} run={run} /> : <p class="note inside">{problem || 'Reading it from the log.'}</p>
}

/** The run under that id, as soon as it is in the document, and again whenever its own keys change. */
function useRun(room: Room, id: string): Shown | undefined {
  const again = useAgain()
  const run = room.runs.get(id)
  useEffect(() => {
    const changed = (event: Y.YMapEvent<Shown>): void => { if (event.keysChanged.has(id)) again() }
    room.runs.observe(changed)
    return () => room.runs.unobserve(changed)
  }, [room, id])
  useShared(run ?? NONE)
  return run
}

const NONE = new Y.Doc().getMap('none') as Shown
