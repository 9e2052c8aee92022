/**
 * Parts that are neither text nor a call: a source that an answer stands on, a file, data of the host's own.
 */

import type { VNode } from 'preact'
import type * as Y from 'yjs'

import { safeAddress } from '../markdown/links'
import { useShared } from '../page/shared'
import type { Shown } from '../wire/room'
import { inline, pretty, Whole } from './call'
import { FileView, fileOf } from './files'

export interface Source {
  readonly url: string
  readonly title: string
  readonly excerpt: string
}

/** One source as a line: its number in the answer, its title, where it is. */
export function SourceLine({ source, number }: { source: Source; number: number }): VNode {
  const address = safeAddress(source.url)
  const title = source.title || source.url || 'a source'
  return (
    <span class="source">
      <span class="number">{number}</span>
      {address ? <a href={address} target="_blank" rel="noopener noreferrer nofollow" dir="auto">{title}</a> : <span dir="auto">{title}</span>}
      {address && <span class="host">{hostOf(address)}</span>}
      {source.excerpt && <q class="excerpt" dir="auto">{source.excerpt.slice(0, LONGEST)}</q>}
    </span>
  )
}

const LONGEST = 400

/** A run's sources: each has a number, and a search's own stand inside the search. */
export interface Sources {
  readonly numbers: ReadonlyMap<Shown, number>
  /** Step of a search -> what it found. */
  readonly found: ReadonlyMap<string, readonly Shown[]>
}

export function sourcesBySearch(parts: Y.Array<Shown>): Sources {
  const numbers = new Map<Shown, number>()
  const found = new Map<string, Shown[]>()
  for (const part of parts) {
    if (part.get('type') === 'retrieval' && part.get('call')) found.set(String(part.get('call')), [])
    else if (part.get('type') === 'source') {
      numbers.set(part, numbers.size + 1)
      found.get(String(part.get('step')))?.push(part)
    }
  }
  return { numbers, found }
}

function sourceOf(part: Shown): Source {
  const [url, title, excerpt] = ['url', 'title', 'excerpt'].map((key) => String(part.get(key) ?? ''))
  return { url: url!, title: title!, excerpt: excerpt! }
}

/** What the search at that step found, with each source's number. */
export function foundAt(sources: Sources, step: string): (readonly [number, Source])[] {
  return (sources.found.get(step) ?? []).map((part) => [sources.numbers.get(part) ?? 0, sourceOf(part)] as const)
}

export function SourcePart({ part, sources }: { part: Shown; sources: Sources }): VNode | null {
  if (sources.found.has(String(part.get('step')))) return null
  return <div class="part sources" data-part tabIndex={-1}><SourceLine source={sourceOf(part)} number={sources.numbers.get(part) ?? 1} /></div>
}

export function FilePart({ part }: { part: Shown }): VNode {
  return <div class="part files" data-part tabIndex={-1}><FileView file={fileOf(part)} /></div>
}

export function DataPart({ part }: { part: Shown }): VNode {
  const value = String(part.get('value') ?? '')
  return (
    <details class="part data" data-part>
      <summary><span class="label">data</span> <span class="tool-name">{String(part.get('name') ?? '')}</span> <span class="preview">{value.slice(0, 120)}</span></summary>
      <pre tabIndex={0}>{pretty(value)}</pre>
    </details>
  )
}

interface Found {
  readonly part: Shown
  /** The sources that it showed, numbered in their run. */
  readonly sources: readonly (readonly [number, Source])[]
}

/** A search in what the agent knows: what was looked for, and what was found. */
export function Retrieval({ part, sources }: Found): VNode {
  useShared(part)
  const state = String(part.get('state') ?? '')
  const asked = wordsIn(String(part.get('args') ?? ''))
  const word = state === 'done' ? `${sources.length} ${sources.length === 1 ? 'source' : 'sources'}` : state === 'failed' || state === 'cancelled' ? state : 'searching'
  return (
    <details class={`part tool retrieval ${state}`} data-part>
      <summary>
        <span class="shape" aria-hidden="true">{state === 'failed' ? '✕' : '⌕'}</span>
        <span class="sought">{state === 'done' ? 'Searched' : 'Searching'} <span class="tool-name">{String(part.get('name') ?? '')}</span>{asked && <> for <q dir="auto">{asked}</q></>}</span>
        <span class="state">{word}</span>
      </summary>
      {sources.length > 0
        ? <ol class="found">{sources.map(([number, source]) => <li key={number}><SourceLine source={source} number={number} /></li>)}</ol>
        : part.get('result') !== undefined && <pre tabIndex={0}>{pretty(String(part.get('result')))}</pre>}
      <Whole part={part} />
      {part.get('error') && <p class="error-line">{String(part.get('error'))}</p>}
    </details>
  )
}

/** What was looked for: the search's only text argument, or the arguments as they are. */
function wordsIn(args: string): string {
  try {
    const texts = Object.values(JSON.parse(args || '{}')).filter((value) => typeof value === 'string')
    return inline(texts.length === 1 ? String(texts[0]) : args)
  } catch {
    return inline(args)
  }
}

function hostOf(address: string): string {
  const { hostname, protocol, pathname } = new URL(address)
  return protocol === 'mailto:' ? pathname : hostname
}
