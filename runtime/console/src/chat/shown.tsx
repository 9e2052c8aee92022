/**
 * Parts that are neither text nor a call: a source that an answer stands on, a file, data of the host's own.
 */

import type { VNode } from 'preact'

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

export function SourcePart({ part, number }: { part: Shown; number: number }): VNode {
  const [url, title, excerpt] = ['url', 'title', 'excerpt'].map((key) => String(part.get(key) ?? ''))
  return <div class="part sources" data-part tabIndex={-1}><SourceLine source={{ url: url!, title: title!, excerpt: excerpt! }} number={number} /></div>
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

/** A search in what the agent knows: what was looked for, and what was found. */
export function Retrieval({ part }: { part: Shown }): VNode {
  useShared(part)
  const state = String(part.get('state') ?? '')
  const found = sourcesIn(part.get('result') as string | undefined)
  const asked = wordsIn(String(part.get('args') ?? ''))
  const word = state === 'done' ? `${found.length} ${found.length === 1 ? 'source' : 'sources'}` : state === 'failed' || state === 'cancelled' ? state : 'searching'
  return (
    <details class={`part tool retrieval ${state}`} data-part>
      <summary>
        <span class="shape" aria-hidden="true">{state === 'failed' ? '✕' : '⌕'}</span>
        <span class="sought">{state === 'done' ? 'Searched' : 'Searching'} <span class="tool-name">{String(part.get('name') ?? '')}</span>{asked && <> for <q dir="auto">{asked}</q></>}</span>
        <span class="state">{word}</span>
      </summary>
      {found.length > 0
        ? <ol class="found">{found.map((source, index) => <li key={index}><SourceLine source={source} number={index + 1} /></li>)}</ol>
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

/** The sources in a search's result, whichever of the usual shapes it has. */
export function sourcesIn(result: string | undefined): Source[] {
  let found: any
  try {
    found = JSON.parse(result ?? 'null')
  } catch {
    return []
  }
  const list: unknown = Array.isArray(found) ? found : (found?.sources ?? found?.results ?? found?.passages)
  if (!Array.isArray(list)) return []
  return list.filter((one) => typeof one === 'object' && one !== null).map((one) => ({
    url: String(one.url ?? one.source ?? ''),
    title: String(one.title ?? one.name ?? ''),
    excerpt: String(one.excerpt ?? one.text ?? '')
  }))
}

function hostOf(address: string): string {
  const { hostname, protocol, pathname } = new URL(address)
  return protocol === 'mailto:' ? pathname : hostname
}
