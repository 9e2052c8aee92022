/**
 * The room's runs in order, what waits to be sent, and the way back to the end.
 *
 * Of a room's runs those of the chosen branch are shown, sub-agents' inside the calls that began them. The list is
 * rendered when a run comes or goes, and not when one changes: each run watches itself. Parts that are far from what is
 * being read are not there (chat/near), so a long conversation opens and scrolls like a short one.
 */

import type { VNode } from 'preact'
import { useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { useShared } from '../page/shared'
import * as api from '../wire/api'
import type { Room, Shown } from '../wire/room'
import { turnsOf } from './again'
import { Empty } from './empty'
import { FileView } from './files'
import { asShown } from './past'
import { Run } from './run'
import { useOpenRuns, useWaits } from './runs'
import { usePin } from './scroll'
import { branchOf } from './tree'

export function Conversation({ room }: { room: Room }): VNode {
  useShared(room.runs)
  useShared(room.about)
  const loaded = useCell(room.line.loaded)
  const waiting = useCell(room.control.waiting)
  const pin = usePin(room)
  const earlier = useEarlier(room)
  const open = useOpenRuns(room)
  const waits = useWaits(room)
  const all = new Map([...earlier.past, ...room.runs.entries()])
  const { turns, versions } = branchOf(turnsOf(all), room.about.get('branch'))
  const connection = useCell(room.line.connection)
  const empty = loaded && connection.kind !== 'refused' && turns.length === 0 && waiting.length === 0
  return (
    <div class="conversation">
      <div class="scroll" ref={pin.frame} tabIndex={0} role="log" aria-label="Conversation" aria-live="off">
        <div class="column" ref={pin.content}>
          {!loaded && connection.kind !== 'refused' && <p class="note opening">{connection.kind === 'connecting' || connection.kind === 'catching-up' ? 'Opening this room.' : 'This room is shown as soon as the server answers.'}</p>}
          {empty && <Empty room={room} />}
          {earlier.more && <p class="earlier"><button type="button" class="quiet" onClick={earlier.read}>earlier runs</button> {earlier.problem}</p>}
          {turns.map((id, index) => (
            <Run key={id} room={room} id={id} run={all.get(id)!} late={index >= turns.length - LATE} versions={room.runs.has(id) ? (versions.get(id) ?? []).filter((one) => room.runs.has(one)).join(' ') : ''} />
          ))}
          {waiting.map((prompt) => (
            <article key={prompt.id} class="run unsent" aria-label="A prompt that is not sent yet">
              <div class="turn asked">
                <div class="who">you</div>
                <div>
                  {prompt.attachments && <div class="files">{prompt.attachments.map((file) => <FileView key={file.blob} file={file} />)}</div>}
                  <div class="prompt" data-part tabIndex={-1}>{prompt.text}<span class="unsent-word">not on disk yet</span></div>
                </div>
              </div>
            </article>
          ))}
        </div>
      </div>
      <p class="unseen" aria-live="polite">{waits ? 'The agent waits for you.' : open > 0 ? 'The agent is working.' : turns.length > 0 ? 'The agent is done.' : ''}</p>
      {pin.away && <button type="button" class="to-end" onClick={pin.toEnd}><span aria-hidden="true">↓</span> to the end</button>}
    </div>
  )
}

/** How many of the last turns are shown at once when a room is opened. */
const LATE = 4

/** The server's limit: only with that many runs in the document can there be some that left it. */
const FINISHED_RUNS = 50

interface Earlier {
  readonly past: ReadonlyMap<string, Shown>
  readonly more: boolean
  readonly problem: string
  readonly read: () => void
}

/** Runs that left the document, read from the log when somebody asks for them. */
function useEarlier(room: Room): Earlier {
  const [past, setPast] = useState<ReadonlyMap<string, Shown>>(new Map())
  const [next, setNext] = useState<string | null | undefined>(undefined)
  const [problem, setProblem] = useState('')
  const read = async (): Promise<void> => {
    try {
      const page = await api.pastRuns(room.name, next ?? room.ids()[0] ?? '')
      setPast((known) => new Map([...page.runs.map(asShown).map(({ id, run }) => [id, run] as const), ...known]))
      setNext(page.before ?? null)
      setProblem('')
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return { past, more: next !== null && room.runs.size >= FINISHED_RUNS, problem, read: () => void read() }
}
