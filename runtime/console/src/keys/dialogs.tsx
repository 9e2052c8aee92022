/**
 * The palette (Ctrl or Cmd and K) and the list of keys (`?`): native dialogs, so that focus stays inside and Escape leaves.
 */

import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

import * as api from '../wire/api'
import type { Action } from './actions'

function Modal({ label, kind, onClose, children }: { label: string; kind: string; onClose: () => void; children: ComponentChildren }): VNode {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    dialog.current!.showModal()
    return () => dialog.current?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      class={kind}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => { if (event.target === dialog.current) onClose() }}
    >
      {children}
    </dialog>
  )
}

const SHOWN = 60

export function Palette({ actions, open, onClose }: { actions: readonly Action[]; open: (room: string) => void; onClose: () => void }): VNode {
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const [rooms, setRooms] = useState<string[]>([])
  useEffect(() => {
    let here = true
    api.rooms(query.trim()).then(({ rooms }) => here && setRooms(rooms.map(({ name }) => name)), () => {})
    return () => void (here = false)
  }, [query])
  const wanted = query.trim().toLowerCase()
  const choices: Action[] = [
    ...actions.filter(({ name }) => name.toLowerCase().includes(wanted)),
    ...rooms.filter((name) => name.toLowerCase().includes(wanted)).map((name) => ({ name: `room ${name}`, act: () => open(name) }))
  ].slice(0, SHOWN)
  const chosen = Math.min(at, choices.length - 1)
  const take = (choice: Action | undefined): void => {
    if (!choice) return
    onClose()
    choice.act()
  }
  const keyed = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setAt(Math.min(chosen + 1, choices.length - 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0))
    else if (event.key === 'Enter') take(choices[chosen])
    else return
    event.preventDefault()
  }
  return (
    <Modal label="Go to a room or do something" kind="palette" onClose={onClose}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="choices"
        aria-activedescendant={choices.length ? `choice-${chosen}` : undefined}
        aria-label="Go to a room or do something"
        placeholder="Go to a room or do something"
        value={query}
        autocomplete="off"
        onInput={(event) => { setQuery(event.currentTarget.value); setAt(0) }}
        onKeyDown={keyed}
      />
      <ul id="choices" role="listbox" aria-label="Choices">
        {choices.map((choice, index) => (
          <li key={choice.name} id={`choice-${index}`} role="option" aria-selected={index === chosen} ref={(line) => { if (index === chosen) line?.scrollIntoView({ block: 'nearest' }) }} onClick={() => take(choice)} onMouseMove={() => setAt(index)}>
            <span>{choice.name}</span>{choice.key && <kbd>{choice.key}</kbd>}
          </li>
        ))}
      </ul>
      {choices.length === 0 && <p class="note">Nothing is called so.</p>}
    </Modal>
  )
}

export function Keys({ actions, onClose }: { actions: readonly Action[]; onClose: () => void }): VNode {
  return (
    <Modal label="Keys" kind="keys" onClose={onClose}>
      <h2>Keys</h2>
      <dl>
        {actions.filter(({ key }) => key).map(({ key, name }) => <div key={name}><dt><kbd>{key}</kbd></dt><dd>{name}</dd></div>)}
        <div><dt><kbd>⌘ K</kbd> <kbd>Ctrl K</kbd></dt><dd>everything else</dd></div>
        <div><dt><kbd>⏎</kbd></dt><dd>send, approve, answer; with Shift, a new line</dd></div>
        <div><dt><kbd>⌘ ⏎</kbd> <kbd>Ctrl ⏎</kbd></dt><dd>say it to the run at work; in a form with lines, answer</dd></div>
        <div><dt><kbd>← →</kbd></dt><dd>in the timeline: the record before or after</dd></div>
        <div><dt><kbd>Alt ⏎</kbd></dt><dd>in a document: who wrote what the caret stands in</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>leave a field, a form, a record or this list</dd></div>
      </dl>
      <form method="dialog"><button class="quiet">close</button></form>
    </Modal>
  )
}
