/**
 * Going on from a record in a room of its own, as it was or with that record otherwise: what if.
 *
 * What can be otherwise is what people and the world said: a prompt, what a tool gave, a decision, an answer. The form
 * follows the record that one stands at.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go, roomNameProblem } from '../page/place'
import * as api from '../wire/api'
import { useLack } from '../wire/grant'
import * as past from '../wire/past'
import type { LogRecord } from '../wire/records'
import type { Deck } from './deck'
import { otherwise } from './query'

export function ForkForm({ deck, close }: { deck: Deck; close: () => void }): VNode {
  const at = useCell(deck.at)
  const lack = useLack('prompt')
  const record = useRecord(deck, at)
  const [busy, setBusy] = useState(false)
  const [problem, complain] = useState('')
  const [changes, setChanges] = useState(false)
  const can = record ? otherwise(record.event) : null
  const send = async (event: Event): Promise<void> => {
    event.preventDefault()
    const said = new FormData(event.currentTarget as HTMLFormElement)
    const text = (key: string): string => said.get(key)?.toString() ?? ''
    const name = text('name').trim()
    const wrong = name ? roomNameProblem(name) : null
    if (wrong) return complain(wrong)
    setBusy(true)
    complain('')
    try {
      const change = can && changes ? can.change(text('change'), text('model').trim()) : undefined
      const going = text('going')
      const room = await past.fork(deck.room.name, { at, ...(name ? { as: name } : {}), ...(change ? { change } : {}), ...(going ? { going } : {}), writes: said.has('writes') })
      go({ room, record: null, view: '', panel: '', then: false })
    } catch (error) {
      complain(error instanceof Error ? error.message : String(error))
      setBusy(false)
    }
  }
  return (
    <form class="fork card" aria-label={`Fork the room at record ${at}`} onSubmit={(event) => void send(event)} onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); close() } }}>
      <p class="line"><strong>Go on from record {at.toLocaleString('en')} in a room of its own.</strong> <span class="note">This room stays as it is.</span></p>
      <p class="line">
        <label>name <input ref={focusOnce} name="name" placeholder={`${deck.room.name}~${at}`} autocomplete="off" spellcheck={false} /></label>
        <label>runs that were open <select name="going"><option value="">{changes ? 'go on' : 'wait'}</option>{changes ? <option value="paused">wait</option> : <option value="live">go on</option>}</select></label>
        <label><input type="checkbox" name="writes" /> its tools may act outside</label>
        {can && <label><input type="checkbox" checked={changes} onChange={() => setChanges(!changes)} /> with {can.what} otherwise</label>}
        <button class="chosen" disabled={busy || lack !== ''} title={lack}>{busy ? 'forking' : 'fork'}</button>
        <button type="button" class="quiet" onClick={close}>close <kbd>esc</kbd></button>
      </p>
      {can && changes && (
        <p class="line">
          {can.choices
            ? <select name="change" aria-label={`Another ${can.what}`}>{can.choices.map((choice) => <option key={choice}>{choice}</option>)}</select>
            : <textarea key={at} name="change" aria-label={`Another ${can.what}`} class={can.json ? 'mono' : ''} rows={3} defaultValue={can.now} />}
          {can.model && <label>model <input name="model" placeholder="as it was" autocomplete="off" spellcheck={false} /></label>}
        </p>
      )}
      {!can && record && <p class="note">At a prompt, a tool’s result, a decision or an answer it can go on with something else in its place.</p>}
      {(problem || lack) && <p class="error-line" role="alert">{problem || lack}</p>}
    </form>
  )
}

/** Takes the focus when it comes to be, and not again. */
export function focusOnce(field: HTMLInputElement | null): void {
  if (!field || field.dataset.begun) return
  field.dataset.begun = 'yes'
  field.focus()
}

function useRecord(deck: Deck, seq: number): LogRecord | null {
  const [read, setRead] = useState<LogRecord | null>(null)
  const held = deck.room.records.at(seq)
  useEffect(() => {
    if (held) return
    let here = true
    // Without it nothing can be changed, and the fork itself says what is wrong.
    api.records(deck.room.name, seq - 1, 1).then(([record]) => here && setRead(record as LogRecord), () => {})
    return () => void (here = false)
  }, [deck, seq, held])
  return held ?? (read?.seq === seq ? read : null)
}
