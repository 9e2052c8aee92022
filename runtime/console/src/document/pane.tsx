/**
 * The shared document's pane: which documents there are, who writes, and the editor.
 *
 * A room's documents are known from its records and from the URL; any other one is opened by its name, and comes to be
 * with its first edit.
 */

import type { VNode } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { documentNameProblem, FIRST_DOCUMENT, go, place } from '../page/place'
import { People } from '../page/people'
import { word } from '../wire/connection'
import { Line } from '../wire/provider'
import { useRecords } from '../wire/records'
import type { Room } from '../wire/room'
import { openEditor } from './editor'
import { whoWrote } from './hover'

export function DocumentPane({ room }: { room: Room }): VNode {
  const name = useCell(place).document
  const records = useRecords(room.records)
  const names = [...new Set([FIRST_DOCUMENT, ...[...records.documents].sort(), name])]
  return (
    <section class="pane document" aria-label="Shared documents">
      <header>
        <h2>documents</h2>
        <div class="names" role="group" aria-label="Documents of this room">
          {names.map((other) => (
            <button key={other} type="button" class="tab" aria-pressed={other === name} onClick={() => go({ document: other })}>{other}</button>
          ))}
          <Another />
        </div>
      </header>
      <Editor key={`${room.name}/${name}`} room={room} name={name} />
    </section>
  )
}

function Another(): VNode {
  const [asking, ask] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  if (!asking) {
    return <button type="button" class="tab" onClick={() => ask(true)} aria-label="Open another document">+</button>
  }
  const opened = (event: Event): void => {
    event.preventDefault()
    const name = new FormData(event.currentTarget as HTMLFormElement).get('name')?.toString().trim() ?? ''
    const wrong = name ? documentNameProblem(name) : null
    setProblem(wrong)
    if (wrong) return
    ask(false)
    if (name) go({ document: name })
  }
  return (
    <form onSubmit={opened} onKeyDown={(event) => { if (event.key === 'Escape') ask(false) }}>
      <input ref={(input) => input?.focus()} name="name" placeholder="name" aria-label="Name of the document" autocomplete="off" />
      {problem && <p class="error-line" role="alert">{problem}</p>}
    </form>
  )
}

function Editor({ room, name }: { room: Room; name: string }): VNode {
  const line = useMemo(() => new Line('docs', `${room.name}/${name}`), [room, name])
  const parent = useRef<HTMLDivElement>(null)
  const loaded = useCell(line.loaded)
  const connection = useCell(line.connection)
  const denied = useCell(line.denied)
  useEffect(() => () => line.end(), [line])
  // Before the first whole document an empty editor would say that the document is empty, which nobody knows yet.
  useEffect(() => (loaded && parent.current ? openEditor(line, parent.current, name, whoWrote(room, name, 'content')) : undefined), [line, loaded])
  return (
    <>
      <div class="editor" ref={parent} hidden={!loaded} />
      {!loaded && connection.kind !== 'refused' && <p class="note">{word(connection)}</p>}
      {connection.kind === 'refused' && <p class="error-line" role="alert">{connection.why} {connection.advice}</p>}
      {denied !== null && (
        <p class="error-line" role="alert">
          An edit was not accepted: {denied}. <button type="button" class="quiet" onClick={() => location.reload()}>reload</button>
        </p>
      )}
      {!loaded && <div class="editor" />}
      <footer class="writers">
        {loaded && connection.kind !== 'live' && connection.kind !== 'refused' && <span class="waits">{word(connection)}: edits wait here</span>}
        <People awareness={line.awareness} label="People in this document" />
      </footer>
    </>
  )
}
