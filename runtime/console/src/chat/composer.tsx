/**
 * Where a reader asks: one text field, one button to send, one to stop.
 *
 * Enter sends and Shift+Enter breaks the line. While a run is on, Enter queues a prompt behind it, and Ctrl or Cmd and
 * Enter says the text to that very run. The draft is kept per room as long as the tab lives, and a refused prompt is
 * given back to the field with the code and the sentence: nobody types a thing twice.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { useShared } from '../page/shared'
import type { Room } from '../wire/room'
import { useOpenRuns } from './runs'

/** As `PROMPT_BYTES` of the server, which has the last word. */
const LONGEST = 64 << 10

export function Composer({ room, field }: { room: Room; field: { current: HTMLTextAreaElement | null } }): VNode {
  useShared(room.runs)
  const connection = useCell(room.line.connection)
  const refused = useCell(room.control.refused)
  const [text, setText] = useState(() => draft(room.name))
  const open = useOpenRuns(room)
  const given = useRef<unknown>(null)

  useLayoutEffect(() => {
    if (refused && given.current !== refused) {
      given.current = refused
      if (!text) setText(refused.text)
    }
  }, [refused])
  useLayoutEffect(() => {
    keepDraft(room.name, text)
    if (field.current) fit(field.current)
  }, [text])

  const bytes = text.length > LONGEST / 4 ? new TextEncoder().encode(text).length : 0
  const ready = text.trim() !== '' && bytes <= LONGEST && connection.kind !== 'refused'
  const send = (steers = false): void => {
    if (!ready) return
    const run = steers ? room.atWork() : undefined
    room.control.refused.set(null)
    void (run === undefined ? room.control.prompt(text.trim()) : room.control.steer(text.trim(), run))
    setText('')
    field.current?.focus()
  }
  const pressed = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      send(event.ctrlKey || event.metaKey)
    }
  }
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); send() }}>
      {refused && (
        <p class="error-line" role="alert"><span class="mono">{refused.code}</span> {refused.message}</p>
      )}
      {bytes > LONGEST && <p class="error-line" role="alert">A prompt has at most 64 KiB; put the rest into the document.</p>}
      <div class={open > 0 ? 'field busy' : 'field'}>
        <textarea
          ref={field}
          rows={1}
          value={text}
          aria-label="Prompt"
          placeholder={connection.kind === 'offline' ? 'Ask; it waits until the server answers' : 'Ask something'}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={pressed}
        />
        {open > 0 && (
          <button type="button" class="stop" onClick={() => void room.control.stop()} title="Stop every open run of this room ( . )">
            <span aria-hidden="true">■</span> stop{open > 1 ? ` ${open}` : ''}
          </button>
        )}
        {open > 0 && (
          <button type="button" class="tell" disabled={!ready} onClick={() => send(true)} title="Say this to the run at work: its next step reads it (Ctrl or ⌘ and ⏎)">steer</button>
        )}
        <button type="submit" class="send" disabled={!ready}>{open > 0 ? 'queue' : 'send'} <kbd aria-hidden="true">⏎</kbd></button>
      </div>
    </form>
  )
}

/** Browsers without `field-sizing` get the field's height from its content by hand. */
function fit(field: HTMLTextAreaElement): void {
  if (CSS.supports('field-sizing', 'content')) return
  field.style.height = 'auto'
  field.style.height = `${field.scrollHeight}px`
}

function draft(room: string): string {
  try {
    return sessionStorage.getItem('plait.draft.' + room) ?? ''
  } catch {
    return ''
  }
}

function keepDraft(room: string, text: string): void {
  try {
    sessionStorage.setItem('plait.draft.' + room, text)
  } catch {
    // Without storage a draft lives as long as the page.
  }
}
