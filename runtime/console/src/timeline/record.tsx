/**
 * One record as JSON, beside what it came before and after: the page's way of saying "do not believe me, look".
 */

import type { VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go, place } from '../page/place'
import * as api from '../wire/api'
import { kindOf, type LogRecord, summary, useRecords } from '../wire/records'
import type { Room } from '../wire/room'
import { EVERYTHING, filter } from './filter'
import { MomentView } from './moment'

export function RecordPanel({ room }: { room: Room }): VNode | null {
  const seq = useCell(place).record
  if (seq === null) return null
  return <Panel room={room} seq={seq} />
}

function Panel({ room, seq }: { room: Room; seq: number }): VNode {
  const records = useRecords(room.records)
  const [read, setRead] = useState<LogRecord | null>(null)
  const [problem, setProblem] = useState('')
  const looks = useCell(place).then
  const box = useRef<HTMLElement>(null)
  const held = records.at(seq) ?? (read?.seq === seq ? read : null)

  useEffect(() => {
    setProblem('')
    if (records.at(seq)) return
    let here = true
    api.records(room.name, seq - 1, 1).then(
      ([record]) => {
        if (!here) return
        if ((record as LogRecord | undefined)?.seq === seq) setRead(record as LogRecord)
        else setProblem(`The log has no record ${seq} yet.`)
      },
      (error: Error) => here && setProblem(error.message)
    )
    return () => void (here = false)
  }, [room, seq])
  useLayoutEffect(() => box.current?.focus(), [])

  const close = (): void => {
    go({ record: null, then: false })
    document.querySelector<HTMLElement>('.bars')?.focus()
  }
  return (
    <section
      class="record"
      ref={box}
      tabIndex={-1}
      role="dialog"
      aria-label={`Record ${seq}`}
      onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); close() } }}
    >
      <header>
        <h2 class="mono">record {seq}</h2>
        <button type="button" class="quiet" disabled={seq <= 1} onClick={() => go({ record: seq - 1 })} aria-label="The record before">←</button>
        <button type="button" class="quiet" disabled={seq >= records.head} onClick={() => go({ record: seq + 1 })} aria-label="The record after">→</button>
        <button type="button" class="quiet" aria-pressed={looks} onClick={() => go({ then: !looks })}>the room then</button>
        <button type="button" class="quiet" title="Go to and fro from here, in the debugger" onClick={() => go({ view: 'debug', then: false })}>debug</button>
        <button type="button" class="quiet" onClick={close}>{looks ? 'to now' : 'close'} <kbd>esc</kbd></button>
      </header>
      {looks && <p class="then">After this record the room stood like this. It is the past: nothing here can be changed.</p>}
      {held && <p class="told">{summary(held)} <span class="by">by {held.author}{held.grant && `, under grant ${held.grant}`}{held.document && `, in ${held.document}`}</span></p>}
      {held && !looks && (
        <p class="narrow">
          {held.run && <button type="button" class="quiet" onClick={() => filter.set({ ...EVERYTHING, run: held.run })}>only run {Number(held.run)}</button>}
          <button type="button" class="quiet" onClick={() => filter.set({ ...EVERYTHING, author: held.author })}>only by {held.author}</button>
          <button type="button" class="quiet" onClick={() => filter.set({ ...EVERYTHING, kinds: new Set([kindOf(held.event.type)]) })}>only {kindOf(held.event.type)}</button>
        </p>
      )}
      {looks ? <MomentView room={room} seq={seq} /> : held ? <pre tabIndex={0}>{JSON.stringify(held, null, 2)}</pre> : <p class="note">{problem || 'Reading it from the log.'}</p>}
    </section>
  )
}
