/**
 * One shared document in its editor: nothing is shown before the whole of it came, and a refused edit is told.
 */

import { EditorState, type Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'

import { useCell } from '../page/cell'
import { People } from '../page/people'
import { refusal, word } from '../wire/connection'
import type { Line } from '../wire/provider'
import type { Room } from '../wire/room'
import { openEditor } from './editor'

/** One shared document, for as long as the component that asks for it is there. */
export function useLine(room: Room, name: string): Line {
  const line = useMemo(() => room.document(name), [room, name])
  useEffect(() => () => line.end(), [line])
  return line
}

const READ_ONLY = [EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.contentAttributes.of({ tabindex: '0' })]

interface SurfaceHow {
  readonly line: Line
  readonly name: string
  /** What its editor can do beside editing; must stay the same one. */
  readonly more: Extension
  /** What stands beside the people in the line below. */
  readonly children?: ComponentChildren
}

export function Surface({ line, name, more, children }: SurfaceHow): VNode {
  const parent = useRef<HTMLDivElement>(null)
  const loaded = useCell(line.loaded)
  const connection = useCell(line.connection)
  const denied = useCell(line.denied)
  const writable = useCell(line.writable)
  // Before the first whole document an empty editor would say that the document is empty, which nobody knows yet.
  useEffect(() => (loaded && parent.current ? openEditor(line, parent.current, name, [more, writable ? [] : READ_ONLY]) : undefined), [line, loaded, more, writable])
  const away = loaded && connection.kind !== 'live' && connection.kind !== 'refused'
  return (
    <>
      <div class="editor" ref={parent} hidden={!loaded} />
      {!loaded && connection.kind !== 'refused' && <p class="note">{word(connection)}</p>}
      {connection.kind === 'refused' && <p class="error-line" role="alert">{refusal(connection)}</p>}
      {denied !== null && (
        <p class="error-line" role="alert">
          An edit was not accepted: {denied}. <button type="button" class="quiet" onClick={() => location.reload()}>reload</button>
        </p>
      )}
      {!loaded && <div class="editor" />}
      <footer class="writers">
        {!writable ? <span class="waits">Your grant lets you read here, not write.</span> : away ? <span class="waits">{word(connection)}: edits wait here</span> : children}
        <People awareness={line.awareness} label="People in this document" />
      </footer>
    </>
  )
}
