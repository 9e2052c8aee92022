/**
 * Where the page speaks for an agent: a question to whoever sits before it, or what an agent just did to it.
 *
 * It takes no focus by itself and covers nothing that is being read: it stands above the composer, in this page only.
 */

import type { VNode } from 'preact'

import { toComposer } from '../keys/actions'
import { useCell } from '../page/cell'
import { ACCENTS } from '../page/settings'
import { notice, questions } from './own'

export function Dock(): VNode | null {
  const asked = useCell(questions)[0]
  const told = useCell(notice)
  if (asked) {
    return (
      <section class="dock" role="dialog" aria-label="An agent asks this page" onKeyDown={(event) => { if (event.key === 'Escape') { event.preventDefault(); toComposer() } }}>
        <p class="dock-head"><span class="shape" aria-hidden="true">◆</span> An agent asks you, in this page only</p>
        <p class="question" dir="auto">{asked.text}</p>
        <div class="swatches" role="group" aria-label="Colours">
          {ACCENTS.map((colour) => (
            <button key={colour} type="button" class="swatch" data-accent={colour} onClick={() => asked.answer(colour)}>
              <span class="drop" aria-hidden="true" />{colour}
            </button>
          ))}
          <button type="button" class="swatch none" onClick={() => asked.answer(null)}>none of them</button>
        </div>
      </section>
    )
  }
  if (!told) return null
  const close = (): void => notice.set(null)
  return (
    <section class="dock told" role="status">
      <p><span class="drop" aria-hidden="true" /> {told.text}</p>
      <button type="button" class="quiet" onClick={() => { told.undo(); close() }}>undo</button>
      <button type="button" class="quiet" onClick={close}>keep</button>
    </section>
  )
}
