/**
 * One run: what was asked, what came of it, and how it ended.
 */

import type { VNode } from 'preact'
import { memo } from 'preact/compat'
import * as Y from 'yjs'

import { useCell } from '../page/cell'
import { go } from '../page/place'
import { useShared } from '../page/shared'
import { useFailure } from '../wire/records'
import { isOpen, type Room, type Shown } from '../wire/room'
import { clock, duration } from './time'
import { Part, type Standing } from './part'

/** Status of a run -> what the line under it says; a run that is done needs no word. */
const STATUS: Record<string, string> = {
  queued: 'queued: it starts when the run before it ends',
  running: 'working',
  waiting: 'waits for you',
  stopped: '■ stopped',
  failed: '✕ failed'
}

export const Run = memo(function Run({ room, id, run }: { room: Room; id: string; run: Shown }): VNode {
  useShared(run)
  const mine = useCell(room.control.mine)
  const status = String(run.get('status'))
  const open = isOpen(status)
  const parts = run.get('parts') as Y.Array<Shown> | undefined
  const author = String(run.get('author') ?? '')
  const agent = String(run.get('agent') || 'agent')
  return (
    <article class={`run ${status}`} aria-label={`Run ${Number(id)}, ${status}`}>
      <div class="turn asked">
        <div class="who">{mine.has(id) ? 'you' : author === 'anonymous' || !author ? 'someone' : author}</div>
        <div class="prompt" data-part tabIndex={-1}>{String(run.get('prompt') ?? '')}</div>
      </div>
      <div class="turn answered">
        <div class="who agent">{agent}</div>
        <div class="answer">
          {parts && <Parts room={room} run={id} parts={parts} end={open ? 'open' : status === 'done' ? 'whole' : 'cut'} />}
          {status === 'failed' && <Failure room={room} id={id} run={run} />}
          <Footing id={id} run={run} status={status} />
        </div>
      </div>
    </article>
  )
})

function Parts({ room, run, parts, end }: { room: Room; run: string; parts: Y.Array<Shown>; end: Standing }): VNode {
  useShared(parts)
  // What is said to the run stands behind what streams and does not end it.
  let last = parts.length - 1
  while (last > 0 && parts.get(last).get('type') === 'steer') last--
  return (
    <>{parts.map((part, index) => <Part key={keyOf(part)} room={room} run={run} part={part} standing={index === last ? end : 'whole'} />)}</>
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

function Footing({ id, run, status }: { id: string; run: Shown; status: string }): VNode {
  const asked = String(run.get('requested_at') ?? '')
  const ended = run.get('ended_at') as string | undefined
  const input = run.get('input_tokens') as number | undefined
  const output = run.get('output_tokens') as number | undefined
  const facts = [
    clock(asked),
    ended ? duration(asked, ended) : null,
    run.get('model') as string | undefined,
    input || output ? `${(input ?? 0).toLocaleString('en')} in, ${(output ?? 0).toLocaleString('en')} out` : null
  ]
  return (
    <footer class="facts" aria-label="About this run">
      {status !== 'done' && <span class="word">{status === 'waiting' ? <span class="shape" aria-hidden="true">◆ </span> : isOpen(status) && <span class="beat" aria-hidden="true" />}{STATUS[status] ?? status}</span>}
      {facts.filter(Boolean).map((fact, index) => <span key={index}>{fact}</span>)}
      <button type="button" class="quiet mono" title="Show the record that began this run" onClick={() => go({ record: Number(id) })}>
        #{Number(id)}
      </button>
    </footer>
  )
}
