/**
 * The room's runs in order, what waits to be sent, and the way back to the end.
 *
 * The list is rendered when a run comes or goes, and not when one changes: each run watches itself. Runs that are out of
 * sight are not laid out (`content-visibility` in the style sheet), so a long conversation scrolls like a short one.
 */

import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import * as Y from 'yjs'

import { useCell } from '../page/cell'
import { useShared } from '../page/shared'
import * as api from '../wire/api'
import type { Room, Shown } from '../wire/room'
import { Empty } from './empty'
import { Run } from './run'
import { useOpenRuns, useWaits } from './runs'
import { usePin } from './scroll'

export function Conversation({ room }: { room: Room }): VNode {
  useShared(room.runs)
  const loaded = useCell(room.line.loaded)
  const waiting = useCell(room.control.waiting)
  const pin = usePin(room)
  const ids = room.ids()
  const open = useOpenRuns(room)
  const waits = useWaits(room)
  const empty = loaded && ids.length === 0 && waiting.length === 0
  return (
    <div class="conversation">
      <div class="scroll" ref={pin.frame} tabIndex={0} role="log" aria-label="Conversation" aria-live="off">
        <div class="column" ref={pin.content}>
          {empty && <Empty room={room} />}
          {ids.length > 0 && <Earlier key={room.name} room={room} before={ids[0]!} />}
          {ids.map((id) => <Run key={id} room={room} id={id} run={room.runs.get(id)!} />)}
          {waiting.map((prompt) => (
            <article key={prompt.id} class="run unsent" aria-label="A prompt that is not sent yet">
              <div class="turn asked">
                <div class="who">you</div>
                <div class="prompt" data-part tabIndex={-1}>{prompt.text}<span class="unsent-word">not on disk yet</span></div>
              </div>
            </article>
          ))}
        </div>
      </div>
      <p class="unseen" aria-live="polite">{waits ? 'The agent waits for you.' : open > 0 ? 'The agent is working.' : ids.length > 0 ? 'The agent is done.' : ''}</p>
      {pin.away && <button type="button" class="to-end" onClick={pin.toEnd}><span aria-hidden="true">↓</span> to the end</button>}
    </div>
  )
}

/** The server's limit: only with that many runs in the document can there be some that left it. */
const FINISHED_RUNS = 50

/** Runs that left the document, read from the log when somebody asks for them. */
function Earlier({ room, before }: { room: Room; before: string }): VNode | null {
  const [past, setPast] = useState<{ id: string; run: Shown }[]>([])
  const [next, setNext] = useState<string | null>(before)
  const [problem, setProblem] = useState('')
  const read = async (): Promise<void> => {
    try {
      const page = await api.pastRuns(room.name, next ?? before)
      const shown = page.runs.map(asShown).sort((a, b) => a.id.localeCompare(b.id))
      setPast((known) => [...shown.filter(({ id }) => !room.runs.has(id) && !known.some((one) => one.id === id)), ...known])
      setNext(page.before ?? null)
      setProblem('')
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  const more = next !== null && room.runs.size >= FINISHED_RUNS
  return (
    <>
      {more && <p class="earlier"><button type="button" class="quiet" onClick={() => void read()}>earlier runs</button> {problem}</p>}
      {past.map(({ id, run }) => <Run key={id} room={room} id={id} run={run} />)}
    </>
  )
}

/** A past run's JSON as the Yjs types that the page shows, in a document of its own that nobody else sees. */
function asShown(run: api.PastRun): { id: string; run: Shown } {
  const id = String(run.id ?? run.run ?? '')
  const map = new Y.Doc().getMap(id) as Shown
  for (const [key, value] of Object.entries(run)) {
    if (key !== 'parts') map.set(key, value)
  }
  const parts = new Y.Array<Shown>()
  map.set('parts', parts)
  for (const part of (run.parts ?? []) as Record<string, unknown>[]) parts.push([shownPart(part)])
  return { id, run: map }
}

function shownPart(part: Record<string, unknown>): Shown {
  const map = new Y.Map<any>()
  for (const [key, value] of Object.entries(part)) {
    map.set(key, key === 'text' || key === 'input' ? Y.Array.from([new Y.Text(String(value ?? ''))]) : value)
  }
  return map
}
