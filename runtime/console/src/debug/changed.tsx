/**
 * What the record changed, and what of that still stands; and what each tab had been shown by then.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go } from '../page/place'
import * as past from '../wire/past'
import type { Deck } from './deck'

/** What the server says of a record, asked again when the reader goes on, and not for each one that they only pass. */
export function useTold<T>(deck: Deck, ask: (room: string, seq: number) => Promise<T>): { told: T | null; problem: string; seq: number } {
  const seq = useCell(deck.at)
  const [told, tell] = useState<{ seq: number; told: T | null; problem: string }>({ seq: 0, told: null, problem: '' })
  useEffect(() => {
    let here = true
    const later = setTimeout(() => {
      ask(deck.room.name, seq).then(
        (found) => here && tell({ seq, told: found, problem: '' }),
        (error: Error) => here && tell({ seq, told: null, problem: error.message })
      )
    }, PASSING_MS)
    return () => {
      here = false
      clearTimeout(later)
    }
  }, [deck, seq])
  return told
}

const PASSING_MS = 120

export function Changed({ deck }: { deck: Deck }): VNode {
  const { told, problem } = useTold(deck, past.effects)
  if (problem) return <p class="note" role="alert">{problem}</p>
  if (!told) return <p class="note">Asking what it changed.</p>
  if (!told.changed.length) return <p class="note">This record changed no document.</p>
  return (
    <>
      <ul class="cards effects">
        {told.changed.map((effect, index) => (
          <li key={index} class={effect.still ? 'still' : 'gone'}>
            <p><span class="shape" aria-hidden="true">{effect.still ? '●' : '–'}</span> {effect.document === null ? 'the room' : <button type="button" class="quiet link" onClick={() => go({ document: effect.document!, panel: 'documents' }, true)}>{effect.document}</button>} <span class="mono by">{effect.path}</span></p>
            {effect.text !== undefined && <pre class="as-written">{effect.text}</pre>}
            <p class="by">{effect.still ? 'stands still' : <>is gone{effect.deleted_by ? <>, deleted by <button type="button" class="quiet link mono" onClick={() => deck.goTo(effect.deleted_by!)}>record {effect.deleted_by}</button></> : ''}</>}</p>
          </li>
        ))}
      </ul>
      <More label="steps" values={told.steps} />
      <More label="caused" values={told.caused} />
    </>
  )
}

function More({ label, values }: { label: string; values: readonly unknown[] | undefined }): VNode | null {
  if (!values?.length) return null
  return <details><summary class="by">{label}: {values.length}</summary><pre class="raw" tabIndex={0}>{JSON.stringify(values, null, 2)}</pre></details>
}

export function Seen({ deck }: { deck: Deck }): VNode {
  const { told, problem } = useTold(deck, past.view)
  if (problem) return <p class="note" role="alert">{problem}</p>
  if (!told) return <p class="note">Asking what each tab had been shown.</p>
  return <pre class="raw" tabIndex={0}>{JSON.stringify(told, null, 2)}</pre>
}
