/**
 * A shared document as it stood, with what the last step brought marked.
 */

import type { VNode } from 'preact'

import { useCell } from '../page/cell'
import { go, place } from '../page/place'
import type { Moment } from '../wire/api'
import { changed } from './compare'
import type { Deck } from './deck'

export function DocumentThen({ deck, moment }: { deck: Deck; moment: Moment }): VNode {
  const { document: wanted } = useCell(place)
  const { before, document } = useCell(deck.moments.shown)
  const names = [...new Set([...moment.documents, wanted])].sort()
  return (
    <>
      <div class="names" role="group" aria-label="Documents of that moment">
        {names.map((name) => <button key={name} type="button" class="tab" aria-pressed={name === wanted} onClick={() => go({ document: name }, true)}>{name}</button>)}
      </div>
      {!moment.documents.includes(wanted)
        ? <p class="note">Nobody had written in “{wanted}” yet.</p>
        : document !== wanted
          ? <p class="note">Reading it.</p>
          : Object.entries(moment.roots ?? {}).map(([root, value]) => <Root key={root} name={root} value={value} before={before?.roots?.[root]} only={Object.keys(moment.roots ?? {}).length === 1} />)}
    </>
  )
}

function Root({ name, value, before, only }: { name: string; value: unknown; before: unknown; only: boolean }): VNode {
  const [start, now, gone, end] = changed(textOf(before), textOf(value))
  return (
    <section aria-label={name}>
      {!only && <h3 class="mono">{name}</h3>}
      <pre class="as-written" tabIndex={0} aria-label={`Content of ${name}`}>{before === undefined ? textOf(value) : <>{start}{gone && <del>{gone}</del>}{now && <ins>{now}</ins>}{end}</>}</pre>
    </section>
  )
}

function textOf(value: unknown): string {
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}
