/**
 * The people present, as initials; the reader's own opens a field for the name.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'
import type { Awareness } from 'y-protocols/awareness'

import { grant } from '../wire/grant'
import { present, type Present } from '../wire/people'
import { useCell } from './cell'
import { person, rename } from './settings'

const SHOWN = 6

export function People({ awareness, label, naming = false }: { awareness: Awareness; label: string; naming?: boolean }): VNode {
  const all = usePresent(awareness)
  const [asking, ask] = useState(false)
  const shown = all.slice(0, SHOWN)
  // What a grant calls somebody is what the server tells everybody.
  const called = Boolean(useCell(grant)?.claims?.name)
  const named = (event: Event): void => {
    event.preventDefault()
    rename(new FormData(event.currentTarget as HTMLFormElement).get('name')?.toString() ?? '')
    ask(false)
  }
  return (
    <div class="people">
      <ul aria-label={label}>
        {shown.map((one) => (
          <li key={one.client}>
            {one.me && naming && !called
              ? <button type="button" class="person" style={{ background: one.color }} title={`${one.name}: you. Change your name`} aria-label={`${initials(one)}: ${one.name}, you. Change your name`} onClick={() => ask(!asking)}>{initials(one)}</button>
              : <Sign one={one} />}
          </li>
        ))}
      </ul>
      {all.length > SHOWN && <span class="more" title={all.slice(SHOWN).map(({ name }) => name).join(', ')}>+{all.length - SHOWN}</span>}
      {asking && (
        <form class="naming" onSubmit={named} onKeyDown={(event) => { if (event.key === 'Escape') ask(false) }}>
          <input ref={(input) => input?.select()} name="name" aria-label="Your name" value={person.value.name} maxLength={60} autocomplete="off" />
        </form>
      )}
    </div>
  )
}

/** A person is initials. An agent has its name and what it does in words, since nobody knows it by its initials. */
function Sign({ one }: { one: Present }): VNode {
  if (one.agent) {
    const told = one.status ? `${one.name}, ${one.status}` : one.name
    return (
      <span class="person agent" title={`${told}: an agent`} role="img" aria-label={`${told}, an agent`}>
        <span class="tint" style={{ background: one.color }} /><span class="name">{one.name}</span>{one.status && <span class="doing">{one.status}</span>}
      </span>
    )
  }
  const me = one.me ? ', you' : ''
  return <span class="person" style={{ background: one.color }} title={one.name + (one.me ? ': you' : '')} role="img" aria-label={one.name + me}>{initials(one)}</span>
}

function usePresent(awareness: Awareness): Present[] {
  const [all, setAll] = useState(() => present(awareness))
  useLayoutEffect(() => {
    const changed = (): void => setAll(present(awareness))
    changed()
    awareness.on('change', changed)
    return () => awareness.off('change', changed)
  }, [awareness])
  return all
}

function initials({ name }: Present): string {
  const words = name.trim().split(/\s+/)
  return ((words[0]?.[0] ?? '?') + (words.length > 1 ? words.at(-1)![0] : '')).toUpperCase()
}
