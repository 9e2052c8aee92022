/**
 * The connection as a shape and a word, and the banner that says more when there is more to say.
 */

import type { VNode } from 'preact'

import { type Connection, sentence, word } from '../wire/connection'
import { asksForGrant, wanted } from '../wire/grant'
import type { Room } from '../wire/room'
import { useCell } from './cell'

const SHAPES: Record<Connection['kind'], string> = {
  connecting: '○',
  'catching-up': '◐',
  live: '●',
  offline: '△',
  restarting: '↻',
  busy: '△',
  refused: '■'
}

export function Status({ room }: { room: Room }): VNode {
  const now = useCell(room.line.connection)
  return (
    <span class={`status ${now.kind}`} role="status" aria-label={`Connection: ${word(now)}`}>
      <span aria-hidden="true">{SHAPES[now.kind]}</span> {word(now)}
    </span>
  )
}

export function Banner({ room }: { room: Room }): VNode | null {
  const now = useCell(room.line.connection)
  const waiting = useCell(room.control.waiting)
  const said = sentence(now)
  if (!said) return null
  return (
    <div class={`banner ${now.kind}`} role="alert">
      <p>
        <strong>{said.title}</strong> {said.text}
        {waiting.length > 0 && now.kind !== 'refused' && ` ${waiting.length} ${waiting.length === 1 ? 'prompt waits' : 'prompts wait'}.`}
      </p>
      {now.kind === 'refused' && now.code === 'lineage-changed'
        ? <button type="button" onClick={() => location.reload()}>reload</button>
        : asksForGrant(now)
        ? <button type="button" onClick={() => wanted.set('refused')}>show a grant</button>
        : <button type="button" onClick={() => room.line.again()}>try now</button>}
    </div>
  )
}
