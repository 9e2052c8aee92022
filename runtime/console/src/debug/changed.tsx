/**
 * What the record changed, and what of that still stands; and what each tab had been shown by then.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go } from '../page/place'
import * as past from '../wire/past'
import { kindOf } from '../wire/records'
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
  return (
    <>
      {told.changed.length === 0 && <p class="note">This record changed no document.</p>}
      <ul class="cards effects">{told.changed.map((effect, index) => <li key={index} class={effect.did === 'inserted' && effect.still ? 'still' : 'gone'}><Change deck={deck} effect={effect} /></li>)}</ul>
      {told.more && <p class="note">{told.more.toLocaleString('en')} further places are not told.</p>}
      {told.steps.length > 0 && (
        <>
          <h3>what it moved on</h3>
          <ul class="plain">{told.steps.map((turn) => <li key={`${turn.run} ${turn.step}`}><span class="mono">{turn.name || turn.step || `run ${Number(turn.run)}`}</span> <span class="by">{turn.was ?? 'not there'} → {turn.now}</span></li>)}</ul>
        </>
      )}
      {told.caused.length > 0 && (
        <>
          <h3>what came of it</h3>
          <ul class="plain">
            {told.caused.map((one) => (
              <li key={one.seq}><button type="button" class="quiet link mono" onClick={() => deck.goTo(one.seq)}>{one.seq}{one.last > one.seq ? `–${one.last}` : ''}</button> <span class="kind" data-kind={kindOf(one.event)} /> {one.event.replaceAll('-', ' ')}</li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}

function Change({ deck, effect }: { deck: Deck; effect: past.Effect }): VNode {
  const { document: name, did, still, text, value, was, cut } = effect
  return (
    <>
      <p>
        <span class="shape" aria-hidden="true">{did === 'deleted' ? '−' : still ? '+' : '±'}</span> {did} in {name === null ? 'the room' : <button type="button" class="quiet link" onClick={() => go({ document: name, panel: 'documents' }, true)}>{name}</button>}
        <span class="mono by path">{effect.path}{effect.units && ` ${effect.units[0]}–${effect.units[1]}`}</span>
      </p>
      {text !== undefined && <pre class="as-written">{text}{cut && '…'}</pre>}
      {value !== undefined && <pre>{was !== undefined && <><del>{JSON.stringify(was)}</del>{' '}</>}{JSON.stringify(value, null, 2)}</pre>}
      {did === 'inserted' && (still
        ? <p class="by">stands still{effect.now && effect.now.path !== effect.path && <>, at <span class="mono">{effect.now.path}</span></>}</p>
        : <p class="by">is gone{effect.deleted_by !== undefined && <>, deleted by <button type="button" class="quiet link mono" onClick={() => deck.goTo(effect.deleted_by!)}>record {effect.deleted_by}</button></>}</p>)}
    </>
  )
}

export function Seen({ deck }: { deck: Deck }): VNode {
  const { told, problem } = useTold(deck, past.view)
  if (problem) return <p class="note" role="alert">{problem}</p>
  if (!told) return <p class="note">Asking what each tab had been shown.</p>
  if (!told.tabs.length) return <p class="note">No tab was there around that time, or it was too long ago.</p>
  return (
    <ul class="cards">
      {told.tabs.map((tab) => (
        <li key={`${tab.tab} ${tab.document}`}>
          <p><span class="shape" aria-hidden="true">{TAB_SHAPES[tab.state] ?? '✕'}</span> <strong>{tab.subject || 'someone'}</strong> {tab.sentence}</p>
          <p class="by"><span class="mono">{tab.tab}</span> · {tab.document || 'the room'}{tab.sent !== undefined && ` · had been sent ${tab.sent.toLocaleString('en')}`}{tab.acked !== undefined && `, had taken ${tab.acked.toLocaleString('en')}`}</p>
        </li>
      ))}
    </ul>
  )
}

/** State of a tab towards a record -> its sign; the sentence says the rest. */
const TAB_SHAPES: Readonly<Record<string, string>> = { taken: '●', sent: '◐', behind: '◌', later: '○' }
