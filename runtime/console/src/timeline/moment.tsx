/**
 * The room as it stood after a record: its runs, what they waited for, and the document that is open beside them.
 *
 * It is told by the server from recorded facts, so nothing here can be changed, and the panel says so. The last moment
 * stays while the next one is asked for, so that stepping does not flicker.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { Markdown } from '../markdown/render'
import { useCell } from '../page/cell'
import { place } from '../page/place'
import * as api from '../wire/api'
import type { Room } from '../wire/room'

export function MomentView({ room, seq }: { room: Room; seq: number }): VNode {
  const { document } = useCell(place)
  const [told, tell] = useState<api.Moment | null>(null)
  const [problem, setProblem] = useState('')
  useEffect(() => {
    let here = true
    api.moment(room.name, seq, document).then(
      (moment) => {
        if (!here) return
        setProblem('')
        tell(moment)
      },
      (error: Error) => here && setProblem(error.message)
    )
    return () => void (here = false)
  }, [room, seq, document])
  if (problem) return <p class="note" role="alert">{problem}</p>
  if (!told) return <p class="note">Reading the log up to here.</p>
  const runs = Object.entries(told.runs)
  return (
    <div class="moment" tabIndex={0} role="region" aria-label={`The room after record ${told.seq}`} aria-busy={told.seq !== seq}>
      {runs.length === 0 && <p class="note">Nobody had asked for anything yet.</p>}
      {runs.map(([id, run]) => <RunThen key={id} run={run} waits={told.pending.filter((wait) => wait.run === id)} />)}
      <h3>{document}</h3>
      {told.documents.includes(document) ? <Roots roots={told.roots ?? {}} /> : <p class="note">Nobody had written in it yet.</p>}
    </div>
  )
}

function RunThen({ run, waits }: { run: api.RunThen; waits: readonly api.Pending[] }): VNode {
  return (
    <article>
      <p class="asked">{run.prompt}</p>
      <p class="by">{run.agent}, {run.status}</p>
      {run.parts.map((part, index) => (
        part.type === 'text' && typeof part.text === 'string'
          ? <Markdown key={index} source={part.text} whole={run.status !== 'running'} />
          : part.type === 'tool'
            ? <p key={index} class="mono">{part.name}: {part.state}</p>
            : null
      ))}
      {waits.map((wait) => <p key={wait.step} class="waits">{wait.name || wait.step} waits for {wait.waits_for}</p>)}
    </article>
  )
}

function Roots({ roots }: { roots: Record<string, unknown> }): VNode {
  return (
    <>
      {Object.entries(roots).map(([name, value]) => (
        <pre key={name} aria-label={name}>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>
      ))}
    </>
  )
}
