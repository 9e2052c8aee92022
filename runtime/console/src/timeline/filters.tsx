/**
 * What the timeline is narrowed to: the legend's kinds are buttons, runs and authors are lists.
 */

import type { VNode } from 'preact'

import { KINDS } from '../wire/records'
import type { Room } from '../wire/room'
import { EVERYTHING, type Filter, filter, isFiltered, type Sieve, withKind } from './filter'

interface FiltersHow {
  readonly room: Room
  readonly sieve: Sieve
  readonly by: Filter
  readonly shown: number
  readonly swatches: { current: HTMLUListElement | null }
}

export function Filters({ room, sieve, by, shown, swatches }: FiltersHow): VNode {
  const runs = [...new Set([...sieve.runs, ...(by.run === null ? [] : [by.run])])].sort().reverse()
  const authors = [...new Set([...sieve.authors, ...(by.author === null ? [] : [by.author])])].sort()
  const one = (key: 'run' | 'author') => (event: Event): void => filter.set({ ...by, [key]: (event.currentTarget as HTMLSelectElement).value || null })
  return (
    <div class="filters" role="group" aria-label="What the timeline shows">
      {isFiltered(by) && (
        <>
          <span class="count" role="status">{shown.toLocaleString('en')} shown</span>
          <button type="button" class="quiet" onClick={() => filter.set(EVERYTHING)}>show all</button>
        </>
      )}
      <select aria-label="Records of" value={by.run ?? ''} onChange={one('run')} data-set={by.run !== null}>
        <option value="">every run</option>
        {runs.map((run) => <option key={run} value={run}>{asked(room, run)}</option>)}
      </select>
      <select aria-label="Records by" value={by.author ?? ''} onChange={one('author')} data-set={by.author !== null}>
        <option value="">everybody</option>
        {authors.map((author) => <option key={author} value={author}>{author}</option>)}
      </select>
      <ul class="legend" ref={swatches} aria-label="Kinds of records">
        {KINDS.map((kind) => (
          <li key={kind}>
            <button type="button" class="kind" data-kind={kind} aria-pressed={by.kinds.has(kind)} title={`Show only ${kind}; press another one to add it`} onClick={() => filter.set(withKind(by, kind))}>{kind}</button>
          </li>
        ))}
      </ul>
    </div>
  )
}

const PROMPT_SHOWN = 32

/** A run by its number and the beginning of what was asked, while the room's document has it. */
function asked(room: Room, run: string): string {
  const prompt = String(room.runs.get(run)?.get('prompt') ?? '').replace(/\s+/g, ' ').trim()
  const begins = prompt.length > PROMPT_SHOWN ? prompt.slice(0, PROMPT_SHOWN - 1) + '…' : prompt
  return `run ${Number(run)}${begins ? `: ${begins}` : ''}`
}
