/**
 * The record that the reader stands at, as the log has it.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import * as api from '../wire/api'
import { kindOf, type LogRecord, summary } from '../wire/records'
import type { Deck } from './deck'

export function RecordThen({ deck }: { deck: Deck }): VNode {
  const seq = useCell(deck.at)
  const [read, setRead] = useState<LogRecord | null>(null)
  const [problem, setProblem] = useState('')
  const held = deck.room.records.at(seq) ?? null
  useEffect(() => {
    if (held) return
    let here = true
    api.records(deck.room.name, seq - 1, 1).then(([record]) => here && setRead(record as LogRecord), (error: Error) => here && setProblem(error.message))
    return () => void (here = false)
  }, [deck, seq, held])
  const record = held ?? read
  if (!record) return <p class="note">{problem || 'Reading it from the log.'}</p>
  return (
    <div aria-busy={record.seq !== seq}>
      <p class="told"><span class="kind" data-kind={kindOf(record.event.type)} />{summary(record)}</p>
      <p class="by">{record.author} · {record.time}{record.run ? ` · run ${Number(record.run)}` : ''}{record.document ? ` · in ${record.document}` : ''}</p>
      <dl class="said">
        {Object.entries(record.event).map(([key, value]) => <div key={key}><dt>{key}</dt><dd><pre>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre></dd></div>)}
      </dl>
      <details><summary class="by">as JSON, with its update</summary><pre class="raw" tabIndex={0}>{JSON.stringify(record, null, 2)}</pre></details>
    </div>
  )
}
