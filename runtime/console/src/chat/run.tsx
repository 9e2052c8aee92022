/**
 * One turn of the conversation: what was asked, what came of it, how it ended, and which other versions of it there are.
 */

import type { VNode } from 'preact'
import { memo } from 'preact/compat'
import { useState } from 'preact/hooks'
import * as Y from 'yjs'

import { ProposedBy } from '../document/proposals'
import { useCell } from '../page/cell'
import { go } from '../page/place'
import { useShared } from '../page/shared'
import type { Answer } from '../wire/control'
import { useLack } from '../wire/grant'
import { useFailure } from '../wire/records'
import { isOpen, type Room, type Shown } from '../wire/room'
import { EditPrompt, Versions } from './again'
import { Facts } from './facts'
import { FileView, fileOf } from './files'
import { Near } from './near'
import { Part, type Standing } from './part'
import { sourcesBySearch } from './shown'
import { UndoRun, useWrote } from './undo'

interface RunHow {
  readonly room: Room
  readonly id: string
  readonly run: Shown
  /** Whether it is among the last ones, where reading begins. */
  readonly late: boolean
  /** Ids of all versions of this turn that can be chosen, this one among them, with a space between. */
  readonly versions: string
}

export const Run = memo(function Run({ room, id, run, late, versions }: RunHow): VNode {
  useShared(run)
  const mine = useCell(room.control.mine)
  const wrote = useWrote(room, id)
  const [editing, edit] = useState(false)
  const lack = useLack('prompt')
  const [problem, complain] = useState('')
  const status = String(run.get('status'))
  const open = isOpen(status)
  const parts = run.get('parts') as Y.Array<Shown> | undefined
  const files = run.get('attachments') as Y.Array<Shown> | undefined
  const author = String(run.get('author') ?? '')
  const prompt = String(run.get('prompt') ?? '')
  const told = (answer: Answer): void => complain('refused' in answer ? answer.refused.message : '')
  const again = (text?: string): void => {
    edit(false)
    void room.control.again(id, text).then(told)
  }
  return (
    <article class={`run ${status}`} aria-label={`Run ${Number(id)}, ${status}`}>
      <div class="turn asked">
        <div class="who">{mine.has(id) ? 'you' : author === 'anonymous' || !author ? 'someone' : author}</div>
        <div>
          {files && files.length > 0 && <div class="files">{files.map((file, index) => <FileView key={index} file={fileOf(file)} />)}</div>}
          {editing
            ? <EditPrompt text={prompt} send={again} leave={() => edit(false)} />
            : <div class="prompt" data-part tabIndex={-1}>{prompt}</div>}
          <Versions room={room} id={id} versions={versions} told={told} />
        </div>
      </div>
      <div class="turn answered">
        <div class="who agent">{String(run.get('agent') || 'agent')}</div>
        <div class="answer">
          {parts && <Parts room={room} run={id} parts={parts} late={late} end={open ? 'open' : status === 'done' ? 'whole' : 'cut'} />}
          {status === 'failed' && <Failure room={room} id={id} run={run} />}
          <Facts id={id} run={run} status={status}>
            {!open && versions !== '' && (
              <span class="acts">
                <button type="button" class="quiet" disabled={lack !== ''} title={lack} onClick={() => again()}>regenerate</button>
                <button type="button" class="quiet" disabled={lack !== ''} title={lack} onClick={() => edit(true)}>edit</button>
              </span>
            )}
            <ProposedBy room={room} run={id} />
            {!open && wrote && <UndoRun room={room} run={id} />}
          </Facts>
          {problem && <p class="error-line" role="alert">{problem}</p>}
        </div>
      </div>
    </article>
  )
})

/** How many parts are one stretch, and how tall one of them probably is, in pixels. */
const STRETCH = 8
const PART_TALL = 44

interface PartsHow {
  readonly room: Room
  readonly run: string
  readonly parts: Y.Array<Shown>
  readonly end: Standing
  /** Whether reading begins here: its end is shown at once. */
  readonly late?: boolean
}

export function Parts({ room, run, parts, end, late = true }: PartsHow): VNode {
  useShared(parts)
  const all = parts.toArray()
  // What is said to the run stands behind what streams and does not end it.
  let last = all.length - 1
  while (last > 0 && all[last]!.get('type') === 'steer') last--
  const sources = sourcesBySearch(parts)
  const stretches = Math.ceil(all.length / STRETCH)
  return (
    <>
      {Array.from({ length: stretches }, (_, nth) => {
        const own = all.slice(nth * STRETCH, (nth + 1) * STRETCH)
        return (
          <Near key={nth} guess={own.length * PART_TALL} first={late && nth >= stretches - 2} always={end === 'open' && nth >= stretches - 2}>
            {() => own.map((part, index) => (
              <Part key={keyOf(part)} room={room} run={run} part={part} standing={nth * STRETCH + index === last ? end : 'whole'} sources={sources} />
            ))}
          </Near>
        )
      })}
    </>
  )
}

/** A part's identity is its item in the CRDT: an index would give a superseded attempt's block to its successor. */
function keyOf(part: Shown): string {
  const id = part._item?.id
  return id ? `${id.client}.${id.clock}` : 'root'
}

function Failure({ room, id, run }: { room: Room; id: string; run: Shown }): VNode {
  const record = useFailure(room.records, id)
  return (
    <div class="failure" role="group" aria-label="Why the run failed">
      <strong class="mono">{String(run.get('error_code') ?? 'failed')}</strong>
      <span>{String(run.get('error_message') ?? 'The run could not go on.')}</span>
      {record && (
        <button type="button" class="quiet" onClick={() => go({ record: record.seq })}>record {record.seq}</button>
      )}
    </div>
  )
}
