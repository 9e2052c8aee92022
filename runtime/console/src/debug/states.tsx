/**
 * Panels that read a moment: what it waited for, its runs as a tree, what it had spent, what a restart would have done.
 */

import type { VNode } from 'preact'

import { money } from '../chat/facts'
import type { Moment, RunThen } from '../wire/api'
import type { Deck } from './deck'

interface How {
  readonly deck: Deck
  readonly moment: Moment
}

export function Waits({ deck, moment }: How): VNode {
  if (!moment.pending.length) return <p class="note">Nothing waited for anybody.</p>
  return (
    <ul class="cards">
      {moment.pending.map((wait) => (
        <li key={`${wait.run} ${wait.step}`}>
          <p><span class="shape" aria-hidden="true">◆</span> <strong class="mono">{wait.name || wait.step}</strong> waits for {wait.waits_for}</p>
          <p class="by"><ToRun deck={deck} id={wait.run} /> · <span class="mono">{wait.step}</span>{wait.due ? ` · until ${new Date(wait.due / 1000).toLocaleString('en')}` : ''}</p>
        </li>
      ))}
    </ul>
  )
}

const SHAPES: Readonly<Record<string, string>> = { queued: '○', running: '◐', waiting: '◆', done: '●', stopped: '■', failed: '✕' }

export function RunTree({ deck, moment }: How): VNode {
  const all = Object.entries(moment.runs)
  if (!all.length) return <p class="note">Nobody had asked for anything yet.</p>
  const under = (parent: string): VNode | null => {
    const own = all.filter(([id, run]) => (run.parent ?? '') === parent && id !== parent)
    if (!own.length) return null
    return <ul class={parent ? 'tree' : 'tree top'}>{own.map(([id, run]) => <li key={id}><RunLine deck={deck} id={id} run={run} />{under(id)}</li>)}</ul>
  }
  return under('') ?? <p class="note">Its runs left the document.</p>
}

function RunLine({ deck, id, run }: { deck: Deck; id: string; run: RunThen }): VNode {
  const [input, output] = [run.input_tokens, run.output_tokens].map((count) => Number(count ?? 0))
  return (
    <p class={`run-line ${run.status}`}>
      <span class="shape" aria-hidden="true">{SHAPES[run.status] ?? '·'}</span>
      <ToRun deck={deck} id={id} />
      <span class="asked-for">{run.prompt}</span>
      <span class="by">{run.agent} · {run.status} · {run.parts_left ?? run.parts.length} {(run.parts_left ?? run.parts.length) === 1 ? 'part' : 'parts'}{input || output ? ` · ${input} in, ${output} out` : ''}</span>
    </p>
  )
}

function ToRun({ deck, id }: { deck: Deck; id: string }): VNode {
  return <button type="button" class="quiet link mono" title="Go to where it began" onClick={() => deck.goTo(Number(id))}>run {Number(id)}</button>
}

export function Spent({ moment }: How): VNode {
  const told = Object.entries(moment.spent ?? {}).filter(([, value]) => typeof value === 'number')
  if (!told.length) return <p class="note">Nothing had been spent, as far as the log says.</p>
  return (
    <dl class="numbers">
      {told.map(([name, value]) => <div key={name}><dt>{name.replaceAll('_', ' ')}</dt><dd>{name === 'cost' ? (money(value) ?? '0').replace('cost ', '') : Number(value).toLocaleString('en')}</dd></div>)}
      {Object.entries(moment.runs).filter(([, run]) => Number(run.cost ?? 0) > 0).map(([id, run]) => <div key={id}><dt>run {Number(id)}</dt><dd>{money(run.cost)}</dd></div>)}
    </dl>
  )
}

export function Restart({ deck, moment }: How): VNode {
  const found = moment.recovery ?? []
  return (
    <>
      <p class="note">{found.length ? 'Had the server died after this record, the next one would have begun with these records, and gone on like this:' : 'Had the server died after this record, nothing would have been lost: no attempt was under way. What waits would go on waiting.'}</p>
      <ul class="cards">
        {found.map((one, index) => (
          <li key={index}>
            <p><span class="shape" aria-hidden="true">↻</span> <strong class="mono">{one.event.type?.replaceAll('-', ' ')}</strong> {one.name}</p>
            <p>{one.follows}</p>
            <p class="by"><ToRun deck={deck} id={one.run} /> · <span class="mono">{one.event.step}</span>{one.event.attempt ? ` · attempt ${one.event.attempt}` : ''}</p>
          </li>
        ))}
      </ul>
    </>
  )
}
