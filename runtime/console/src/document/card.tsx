/**
 * The card that says who wrote what the pointer or the caret rests on: an author, or an agent with all that led to it.
 *
 * Names, prompts and models were written by others, so they are shown as text and cut.
 */

import type { VNode } from 'preact'

import { unhidden } from '../chat/fields'
import { clock, isToday, when } from '../chat/time'
import { UndoRun } from '../chat/undo'
import { go } from '../page/place'
import type { Attribution } from '../wire/api'
import { isOpen, type Room } from '../wire/room'
import type { Unknown, Writing } from './writers'

const PROMPT_SHOWN = 160
const NAME_SHOWN = 60

export function Card({ room, found }: { room: Room; found: Writing | Unknown }): VNode {
  if ('problem' in found) return <p class="note">{found.problem}</p>
  const { by, accepted, restored, prompt } = found
  const how = [by.model, by.tool].filter(Boolean).map((word) => clipped(word!, NAME_SHOWN))
  return (
    <>
      <p>
        <strong>{named(by.agent || by.author)}</strong>
        {by.agent && ', an agent'}
        {by.on_behalf_of && <>, for <strong>{named(by.on_behalf_of)}</strong></>}
      </p>
      {how.length > 0 && <p class="note mono">{how.join(' · ')}</p>}
      {prompt && <p class="prompt-begins">“{clipped(prompt, PROMPT_SHOWN)}”</p>}
      <Fact of={by} title="Show the record that brought this" />
      {accepted && <Fact of={accepted} said="accepted by" title="Show the record that accepted this" />}
      {restored && <Fact of={restored} said="brought back by" title="Show the undo that brought this back" />}
      {by.run && !isOpen(room.runs.get(by.run)?.get('status')) && <UndoRun room={room} run={by.run} />}
    </>
  )
}

/** When that was, and its record; with words before it, who did it too. */
function Fact({ of, said, title }: { of: Attribution; said?: string; title: string }): VNode {
  return (
    <p class="facts">
      {said && <span>{said} <strong>{named(of.agent || of.author)}</strong></span>}
      <time dateTime={of.time}>{isToday(of.time) ? clock(of.time) : `${when(of.time)}, ${clock(of.time)}`}</time>
      <button type="button" class="quiet mono" title={title} onClick={() => go({ record: of.seq })}>#{of.seq}</button>
    </p>
  )
}

function named(name: string): string {
  return name === 'anonymous' || !name ? 'someone' : clipped(name, NAME_SHOWN)
}

function clipped(text: string, length: number): string {
  const line = (unhidden(text) ?? text).replace(/\s+/g, ' ').trim()
  return line.length > length ? line.slice(0, length - 1) + '…' : line
}
