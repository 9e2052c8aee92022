/**
 * Where a reader asks: one text field, files beside it, one button to send, one to stop.
 *
 * Enter sends and Shift+Enter breaks the line. While a run is on, Enter queues a prompt behind it, and Ctrl or Cmd and
 * Enter says the text to that very run. The draft is kept per room as long as the tab lives, and a refused prompt is
 * given back to the field with the code and the sentence: nobody types a thing twice.
 */

import type { VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { useShared } from '../page/shared'
import * as api from '../wire/api'
import { useLack } from '../wire/grant'
import { isText, keep, kept } from '../wire/kept'
import type { Room } from '../wire/room'
import { AttachButton, Chips, useFiles } from './attach'
import { useOpenRuns } from './runs'

/** As `PROMPT_BYTES` of the server, which has the last word. */
const LONGEST = 64 << 10

export function Composer({ room, field }: { room: Room; field: { current: HTMLTextAreaElement | null } }): VNode {
  useShared(room.runs)
  const connection = useCell(room.line.connection)
  const refused = useCell(room.control.refused)
  const [text, setText] = useState(() => kept('draft', room.name, isText)[0] ?? '')
  const files = useFiles(room.name)
  const uploads = useCell(files.uploads)
  const [agent, choose] = useState('')
  const [over, setOver] = useState(false)
  const open = useOpenRuns(room)
  const given = useRef<unknown>(null)
  const lack = useLack('prompt')

  useLayoutEffect(() => {
    if (refused && given.current !== refused) {
      given.current = refused
      if (!text) setText(refused.text)
      files.giveBack(refused.attachments ?? [])
    }
  }, [refused])
  useLayoutEffect(() => {
    keep('draft', room.name, text ? [text] : [])
    if (field.current) fit(field.current)
  }, [text])

  const bytes = text.length > LONGEST / 4 ? new TextEncoder().encode(text).length : 0
  const coming = uploads.some(({ file, problem }) => !file && !problem)
  const ready = !lack && text.trim() !== '' && bytes <= LONGEST && !coming && connection.kind !== 'refused'
  const attached = uploads.length > 0
  const send = (steers = false): void => {
    if (!ready) return
    const run = steers && !attached ? room.atWork() : undefined
    room.control.refused.set(null)
    if (run === undefined) void room.control.prompt(text.trim(), { agent, attachments: files.take() })
    else void room.control.steer(text.trim(), run)
    setText('')
    field.current?.focus()
  }
  const pressed = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      send(event.ctrlKey || event.metaKey)
    }
  }
  // Wherever a file is dropped: beside the composer the browser would leave the page for it. The editor takes its own.
  useEffect(() => {
    const dragged = (event: DragEvent): void => {
      const elsewhere = event.target instanceof Element && event.target.closest('.editor')
      if (elsewhere || !event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      setOver(event.type === 'dragover')
      if (event.type === 'drop') files.add(event.dataTransfer.files)
    }
    const kinds = ['dragover', 'dragleave', 'drop'] as const
    for (const kind of kinds) addEventListener(kind, dragged)
    return () => { for (const kind of kinds) removeEventListener(kind, dragged) }
  }, [files])
  const pasted = (event: ClipboardEvent): void => {
    const found = event.clipboardData?.files
    if (!found?.length) return
    event.preventDefault()
    files.add(found)
  }
  if (lack) return <div class="composer"><p class="lack" role="note">{lack} What is said and done here you see as it happens.</p></div>
  return (
    <form class={over ? 'composer over' : 'composer'} onSubmit={(event) => { event.preventDefault(); send() }}>
      {refused && (
        <p class="error-line" role="alert"><span class="mono">{refused.code}</span> {refused.message}</p>
      )}
      {bytes > LONGEST && <p class="error-line" role="alert">A prompt has at most 64 KiB; put the rest into the document.</p>}
      <Chips files={files} />
      <div class={open > 0 ? 'field busy' : 'field'}>
        <AttachButton files={files} />
        <textarea
          ref={field}
          rows={1}
          value={text}
          aria-label="Prompt"
          placeholder={connection.kind === 'offline' ? 'Ask; it waits until the server answers' : attached ? 'Say what to do with it' : 'Ask something'}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={pressed}
          onPaste={pasted}
        />
        <AgentPicker room={room} chosen={agent} choose={choose} />
        {open > 0 && (
          <button type="button" class="stop" onClick={() => void room.control.stop()} title="Stop every open run of this room ( . )">
            <span aria-hidden="true">■</span> stop{open > 1 ? ` ${open}` : ''}
          </button>
        )}
        {open > 0 && !attached && (
          <button type="button" class="tell" disabled={!ready} onClick={() => send(true)} title="Say this to the run at work: its next step reads it (Ctrl or ⌘ and ⏎)">steer</button>
        )}
        <button type="submit" class="send" disabled={!ready}>{open > 0 ? 'queue' : 'send'} <kbd aria-hidden="true">⏎</kbd></button>
      </div>
    </form>
  )
}

/** Whom a prompt is for, where there is a choice; the room remembers who was asked last. */
function AgentPicker({ room, chosen, choose }: { room: Room; chosen: string; choose: (agent: string) => void }): VNode | null {
  useShared(room.about)
  const [agents, setAgents] = useState<readonly string[]>([])
  useEffect(() => {
    let here = true
    api.health().then(({ agents }) => here && setAgents(agents), () => {})
    return () => void (here = false)
  }, [])
  if (agents.length < 2) return null
  const last = String(room.about.get('agent') ?? '')
  return (
    <select class="agent" aria-label="Agent" value={chosen || (agents.includes(last) ? last : agents[0])} onChange={(event) => choose(event.currentTarget.value)}>
      {agents.map((name) => <option key={name} value={name}>{name}</option>)}
    </select>
  )
}

/** Browsers without `field-sizing` get the field's height from its content by hand. */
function fit(field: HTMLTextAreaElement): void {
  if (CSS.supports('field-sizing', 'content')) return
  field.style.height = 'auto'
  field.style.height = `${field.scrollHeight}px`
}
