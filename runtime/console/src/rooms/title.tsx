/**
 * The open room's title: shown, changed in place; beside it what the room is called in links, what it took, and its end.
 *
 * A title is for people and may change; the name stands in every link and does not. Deleting asks twice, because it takes
 * the log with it, and there is no record left that could say so.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

import { money, tokens } from '../chat/facts'
import { useShared } from '../page/shared'
import { FIRST_ROOM, go } from '../page/place'
import * as api from '../wire/api'
import { useLack } from '../wire/grant'
import type { Room } from '../wire/room'

/** As the server's limit for a title. */
const LONGEST = 200

export function Title({ room }: { room: Room }): VNode {
  useShared(room.about)
  const [open, show] = useState(false)
  const title = titleOf(room)
  return (
    <div class="titled">
      <h2 class="title">
        <button type="button" aria-expanded={open} title={`${room.name}: rename, see what it took, delete`} onClick={() => show(!open)}>{title}</button>
      </h2>
      <Took room={room} />
      {open && <Card room={room} leave={() => show(false)} />}
    </div>
  )
}

/** What a room is called: its title, or its name while it has none. */
export function titleOf(room: Room): string {
  return String(room.about.get('title') ?? '') || room.name
}

/** What the room took so far, where there is room for it; the card says it everywhere. */
function Took({ room }: { room: Room }): VNode | null {
  const [input, output] = ['input_tokens', 'output_tokens'].map((key) => Number(room.about.get(key) ?? 0)) as [number, number]
  const facts = [input + output > 0 && `${(input + output).toLocaleString('en')} tokens`, money(room.about.get('cost'))].filter(Boolean)
  return facts.length > 0 ? <span class="took" title={`This room took ${tokens(room.about) ?? ''}`}>{facts.join(' · ')}</span> : null
}

function Card({ room, leave }: { room: Room; leave: () => void }): VNode {
  useShared(room.about)
  const [lack, unowned] = [useLack('write'), useLack('admin')]
  const [problem, complain] = useState('')
  const [sure, ask] = useState(false)
  const box = useRef<HTMLFormElement>(null)
  const facts = [tokens(room.about), money(room.about.get('cost'))].filter(Boolean)
  const named = (event: Event): void => {
    event.preventDefault()
    const title = new FormData(event.currentTarget as HTMLFormElement).get('title')?.toString().trim() ?? ''
    void room.control.send({ do: 'set-room', title }).then((answer) => ('refused' in answer ? complain(answer.refused.message) : leave()))
  }
  const remove = async (): Promise<void> => {
    try {
      await api.deleteRoom(room.name)
      const { rooms } = await api.rooms('')
      go({ room: rooms.find(({ name }) => name !== room.name)?.name ?? FIRST_ROOM, document: 'main', record: null }, true)
    } catch (error) {
      complain((error as Error).message)
    }
  }
  useLayoutEffect(() => {
    const pressed = (event: Event): void => { if (!box.current?.parentElement?.contains(event.target as Node)) leave() }
    addEventListener('pointerdown', pressed)
    return () => removeEventListener('pointerdown', pressed)
  }, [])
  return (
    <form class="room-card" ref={box} onSubmit={named} onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); leave() } }}>
      <div class="rename">
        <input ref={met} name="title" aria-label="Title of this room" placeholder="A title" defaultValue={String(room.about.get('title') ?? '')} maxLength={LONGEST} autocomplete="off" dir="auto" readOnly={lack !== ''} />
        <button type="submit" class="chosen" disabled={lack !== ''} title={lack}>name it <kbd aria-hidden="true">⏎</kbd></button>
      </div>
      <dl>
        <dt>in links</dt><dd class="mono">{room.name}</dd>
        {facts.length > 0 && <><dt>took so far</dt><dd>{facts.join(', ')}</dd></>}
      </dl>
      {problem && <p class="error-line" role="alert">{problem}</p>}
      {sure
        ? (
          <p class="sure" role="alert">
            Delete <strong>{titleOf(room)}</strong> for everybody, its log and its documents? Nobody can bring it back.
            <span>
              <button type="button" class="bad" onClick={() => void remove()}>delete it</button>
              <button type="button" class="quiet" onClick={() => ask(false)}>keep it</button>
            </span>
          </p>
        )
        : <button type="button" class="quiet" disabled={unowned !== ''} title={unowned} onClick={() => ask(true)}>delete this room …</button>}
      {(lack || unowned) && <p class="note">{lack || unowned}</p>}
    </form>
  )
}

function met(input: HTMLInputElement | null): void {
  input?.select()
}
