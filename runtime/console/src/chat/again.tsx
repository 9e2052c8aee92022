/**
 * Other versions of a turn: which there are, going from one to the next, and asking in other words.
 *
 * Which version the conversation goes on from is the room's, not this page's: choosing one chooses it for everybody.
 */

import type { VNode } from 'preact'
import { useState } from 'preact/hooks'

import type { Answer } from '../wire/control'
import { useLack } from '../wire/grant'
import type { Room, Shown } from '../wire/room'
import { newestUnder, type Turn } from './tree'

interface VersionsHow {
  readonly room: Room
  readonly id: string
  readonly versions: string
  readonly told: (answer: Answer) => void
}

export function Versions({ room, id, versions, told }: VersionsHow): VNode | null {
  const lack = useLack('prompt')
  const all = versions.split(' ')
  const at = all.indexOf(id)
  if (all.length < 2 || at < 0) return null
  const choose = (by: number): void => {
    const branch = newestUnder(turnsOf(room.runs), all[at + by]!)
    void room.control.send({ do: 'set-room', branch }).then(told)
  }
  return (
    <div class="versions" role="group" aria-label="Versions of this turn">
      <button type="button" class="quiet" disabled={at === 0 || lack !== ''} title={lack} aria-label="The version before" onClick={() => choose(-1)}>‹</button>
      <span aria-live="polite">{at + 1}/{all.length}</span>
      <button type="button" class="quiet" disabled={at === all.length - 1 || lack !== ''} title={lack} aria-label="The version after" onClick={() => choose(1)}>›</button>
    </div>
  )
}

/** The runs as `tree` wants them; what a run goes on from is said at its beginning and never changes. */
export function turnsOf(runs: { entries(): Iterable<[string, Shown]> }): Turn[] {
  return [...runs.entries()].map(([id, run]) => ({ id, after: run.get('after'), parent: run.get('parent') }))
}

export function EditPrompt({ text, send, leave }: { text: string; send: (text: string) => void; leave: () => void }): VNode {
  const [written, write] = useState(text)
  const ready = written.trim() !== ''
  const keyed = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') leave()
    else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      if (ready) send(written.trim())
    }
  }
  return (
    <form class="rewrite" onSubmit={(event) => { event.preventDefault(); if (ready) send(written.trim()) }}>
      <textarea
        ref={met}
        aria-label="The prompt in other words"
        value={written}
        rows={1}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={keyed}
      />
      <p>
        <button type="submit" class="chosen" disabled={!ready}>ask this instead <kbd aria-hidden="true">⏎</kbd></button>
        <button type="button" class="quiet" onClick={leave}>leave it</button>
      </p>
    </form>
  )
}

/** Whoever opens it is about to write; a field that is rendered again is not met again. */
function met(field: HTMLTextAreaElement | null): void {
  field?.focus()
}
