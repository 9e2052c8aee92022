/**
 * A call as a line that unfolds: what is called, with what, how far it is, what it gave, and whose page carries it out.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'

import { useSegments } from '../page/shared'
import { ownerOf } from '../wire/people'
import type { Room, Shown } from '../wire/room'
import { BlobLink, blobAddress } from './files'
import { Origin } from './origin'
import { mended } from './partial'

/** State of a tool call -> its shape and its word. Status is never told by colour alone. */
const STATES: Record<string, readonly [string, string]> = {
  streaming: ['◌', 'writing arguments'],
  requested: ['○', 'asked for'],
  asking: ['◆', 'waits for a person'],
  running: ['◐', 'running'],
  done: ['●', 'done'],
  failed: ['✕', 'failed'],
  awaiting: ['◆', 'waits for a page that has it'],
  assigned: ['◌', 'offered to'],
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

export function verdict(part: Shown, who: string): string {
  const decision = part.get('decision') as string | undefined
  return decision === undefined ? '' : DECISIONS[decision]?.[0](who) ?? `${decision} by ${who}`
}

/** Without logins everybody is `anonymous`. */
export function someone(author: unknown): string {
  return typeof author === 'string' && author !== '' && author !== 'anonymous' ? author : 'someone'
}

interface CallHow {
  readonly room: Room
  readonly run: string
  readonly part: Shown
  readonly state: string
  readonly decided: string
  readonly late: boolean
}

export function Call({ room, run, part, state, decided, late }: CallHow): VNode {
  const streamed = useSegments((part.get('input') as Y.Array<Y.Text> | undefined) ?? EMPTY)
  const holder = useHolder(room.line.awareness, room.tab, part.get('tab') as string | undefined)
  const [unfolded, unfold] = useState(false)
  const [shape, word] = STATES[state] ?? ['·', state]
  const args = String(part.get('args') ?? mended(streamed))
  const decision = part.get('decision') as string | undefined
  const declined = state === 'failed' && DECLINED.has(decision ?? '')
  const result = decision === 'happened' && part.get('result') === 'null' ? undefined : (part.get('result') as string | undefined)
  const error = part.get('error') as string | undefined
  const question = part.get('question') as string | undefined
  const complete = DECISIONS[decision ?? '']?.[1] ?? false
  return (
    <>
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
          {!complete && (holder && state === 'running' ? `${holder} is at it` : holder && state === 'assigned' ? `${word} ${holder}` : word)}
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
          {holder && <><dt>carried out by</dt><dd>{holder}{Number(part.get('number')) > 1 && `, assigned ${Number(part.get('number'))} times`}</dd></>}
          <dt>call</dt>
          <dd class="mono">{String(part.get('id') ?? '')}</dd>
          <dt>records</dt>
          <dd><Origin room={room.name} run={run} call={String(part.get('call') ?? part.get('id') ?? '')} /></dd>
        </dl>
      )}
      <Whole part={part} />
      {error && !declined && <p class="error-line">{error}</p>}
    </details>
    {state === 'running' && part.get('progress') !== undefined && <Progress part={part} />}
    </>
  )
}

/** How far a call is: in its words, and as a bar if it knows. */
export function Progress({ part }: { part: Shown }): VNode {
  const done = part.get('done') as number | undefined
  const told = String(part.get('progress') ?? '')
  return (
    <p class="progress">
      {done !== undefined && <progress value={done} max={1} aria-label={`Progress of ${String(part.get('name') ?? 'the call')}`} />}
      <span>{told}</span>
      {done !== undefined && <span class="percent">{Math.round(done * 100)} %</span>}
    </p>
  )
}

/** The whole of a result that was too large for the log. */
export function Whole({ part }: { part: Shown }): VNode | null {
  const hash = part.get('blob')
  if (!blobAddress(hash)) return null
  return <p class="entire"><BlobLink hash={String(hash)} name={`${String(part.get('name') ?? 'result')}.json`}>the whole result</BlobLink></p>
}

/** Whose page carries a call out, in words; empty for a call that is no tab's. */
function useHolder(awareness: Awareness, own: string, tab: string | undefined): string {
  const read = (): string => {
    if (!tab) return ''
    if (tab === own) return 'this page'
    const owner = ownerOf(awareness, tab)
    return owner ? `${owner}’s page` : 'a page that is away'
  }
  const [holder, hold] = useState(read)
  useLayoutEffect(() => {
    const changed = (): void => hold(read)
    changed()
    awareness.on('change', changed)
    return () => awareness.off('change', changed)
  }, [awareness, tab])
  return holder
}

const EMPTY: Y.Array<Y.Text> = new Y.Doc().getArray('none')

export function inline(json: string): string {
  const line = json.replace(/\s+/g, ' ').trim()
  return line === '{}' ? '' : line.length > 90 ? line.slice(0, 89) + '…' : line
}

export function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return json
  }
}
