/**
 * Finding in the log: records by what they say, by kind, author, run and document; and moments by a condition.
 *
 * The log is searched where it is, stretch by stretch, so hits come while the rest is looked through, and whoever changes
 * the words stops what was asked before.
 */

import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

import * as past from '../wire/past'
import { useLack } from '../wire/grant'
import { kindOf } from '../wire/records'
import type { Deck } from './deck'
import { focusOnce } from './fork'
import { read } from './query'

/** Hits that are shown at most; who has more narrows the search. */
const SHOWN = 500
const TYPING_MS = 200

interface Found {
  readonly hits: readonly past.Hit[]
  readonly looked: number
  readonly over: boolean
  readonly problem: string
}

const NOTHING: Found = { hits: [], looked: 0, over: false, problem: '' }

export function Search({ deck, close }: { deck: Deck; close: () => void }): VNode {
  const [words, setWords] = useState('')
  const [at, setAt] = useState(0)
  const found = useSearch(deck, words)
  const list = useRef<HTMLUListElement>(null)
  const chosen = Math.min(at, found.hits.length - 1)
  const take = (hit: past.Hit | undefined): void => { if (hit) deck.goTo(hit.seq) }
  const keyed = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by) {
      event.preventDefault()
      const next = Math.max(0, Math.min(found.hits.length - 1, chosen + by))
      setAt(next)
      take(found.hits[next])
      list.current?.children[next]?.scrollIntoView({ block: 'nearest' })
    } else if (event.key === 'Enter') {
      take(found.hits[chosen])
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      close()
    }
  }
  const asked = Object.keys(read(words)).length > 0
  return (
    <section class="search card" role="search" aria-label="Search the log">
      <p class="line">
        <input ref={focusOnce} type="search" aria-label="Search the log" placeholder="words, type:tool-failed, by:ada, run:12, in:notes" value={words} autocomplete="off" spellcheck={false} onInput={(event) => { setWords(event.currentTarget.value); setAt(0) }} onKeyDown={keyed} />
        <button type="button" class="quiet" onClick={close}>close <kbd>esc</kbd></button>
      </p>
      {asked && (
        <p class="note" role="status">
          {found.problem || `${found.hits.length.toLocaleString('en')}${found.hits.length >= SHOWN ? ' or more' : ''} ${found.hits.length === 1 ? 'record' : 'records'}${found.over ? '' : `, looked through ${found.looked.toLocaleString('en')} of ${deck.head.toLocaleString('en')}`}`}
        </p>
      )}
      <ul class="hits" ref={list}>
        {found.hits.map((hit, index) => (
          <li key={hit.seq}>
            <button type="button" aria-current={index === chosen} onClick={() => { setAt(index); take(hit) }}>
              <span class="kind" data-kind={kindOf(hit.type)} /><span class="mono seq">{hit.seq}</span>
              <span class="line">{hit.line || hit.type.replaceAll('-', ' ')}</span>
              <span class="by">{hit.type.replaceAll('-', ' ')} · {hit.author}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

function useSearch(deck: Deck, words: string): Found {
  const [found, find] = useState<Found>(NOTHING)
  useEffect(() => {
    const sought = read(words)
    find(NOTHING)
    if (!Object.keys(sought).length) return
    let here = true
    const begin = async (): Promise<void> => {
      let now = NOTHING
      try {
        while (here && !now.over) {
          const page = await past.search(deck.room.name, sought, now.looked)
          const hits = [...now.hits, ...page.hits].slice(0, SHOWN)
          now = { hits, looked: page.looked, over: page.looked >= page.head || hits.length >= SHOWN || page.looked <= now.looked, problem: '' }
          if (here) find(now)
        }
      } catch (error) {
        if (here) find({ ...now, over: true, problem: error instanceof Error ? error.message : String(error) })
      }
    }
    const later = setTimeout(() => void begin(), TYPING_MS)
    return () => {
      here = false
      clearTimeout(later)
    }
  }, [deck, words])
  return found
}

const CONDITIONS = [
  { key: 'when', label: 'an expression holds', hint: 'spent.cost > `1000000`' },
  { key: 'matches', label: 'the document matches', hint: 'TODO' },
  { key: 'tool-error', label: 'a tool returned an error', hint: 'search' }
] as const

/** Going to the first record at which a condition begins to hold; offered where the server knows how. */
export function Conditions({ deck, document, close }: { deck: Deck; document: string; close: () => void }): VNode {
  const [kind, setKind] = useState<(typeof CONDITIONS)[number]['key']>('when')
  const [value, setValue] = useState('')
  const [busy, setBusy] = useState(false)
  const [told, tell] = useState('')
  const stopped = useRef(false)
  const watching = useRef<AbortController | null>(null)
  const [watched, setWatched] = useState(false)
  const [pauses, setPauses] = useState(true)
  const lack = useLack('prompt')
  const stops = pauses && !lack
  useEffect(() => () => {
    stopped.current = true
    watching.current?.abort()
  }, [])
  const go = async (after: number): Promise<void> => {
    setBusy(true)
    tell('')
    try {
      let from = after
      for (;;) {
        const { seq, rest, held } = await past.find(deck.room.name, { [kind]: value, ...(kind === 'matches' ? { document } : {}) }, from)
        if (seq !== null) deck.goTo(seq)
        tell(seq !== null ? `It begins to hold at record ${seq}.` : rest !== undefined ? `Looked through ${rest.toLocaleString('en')} records.` : held ? 'It held there already, and does not begin again.' : 'It begins to hold at no later record.')
        if (seq !== null || rest === undefined || stopped.current) break
        from = rest
      }
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
    setBusy(false)
  }
  const watch = async (): Promise<void> => {
    const { signal } = (watching.current = new AbortController())
    setWatched(true)
    tell('')
    try {
      await past.watch(deck.room.name, { [kind]: value, ...(kind === 'matches' ? { document } : {}) }, stops, deck.head, signal, (caught) => {
        if (!caught) return tell(stops ? 'Waiting. The agents stop where it begins to hold.' : 'Waiting for it to begin to hold.')
        tell(`It begins to hold at record ${caught.seq}.${caught.paused ? ' The agents are paused.' : caught.paused === false ? ' The agents were paused already.' : ''}`)
        deck.reach(caught.seq)
      })
      if (!signal.aborted) tell('The server does not look any more.')
    } catch (error) {
      if (!signal.aborted) tell(error instanceof Error ? error.message : String(error))
    }
    if (watching.current?.signal === signal) setWatched(false)
  }
  const look = (): void => {
    watching.current?.abort()
    setWatched(false)
    if (watched) tell('')
    else void watch()
  }
  return (
    <form class="conditions card" aria-label="Go to where a condition holds" onSubmit={(event) => { event.preventDefault(); if (value) void go(0) }} onKeyDown={(event) => { if (event.key === 'Escape') { event.stopPropagation(); close() } }}>
      <p class="line">
        <label>first record where <select value={kind} onChange={(event) => setKind(event.currentTarget.value as typeof kind)}>{CONDITIONS.map((one) => <option key={one.key} value={one.key}>{one.label}</option>)}</select></label>
        <input ref={focusOnce} aria-label="Condition" class="mono" placeholder={CONDITIONS.find((one) => one.key === kind)!.hint} value={value} autocomplete="off" spellcheck={false} onInput={(event) => setValue(event.currentTarget.value)} />
        <button class="chosen" disabled={busy || !value}>first</button>
        <button type="button" class="quiet" disabled={busy || !value} onClick={() => void go(deck.at.value)}>next</button>
        <button type="button" class="quiet" aria-pressed={watched} disabled={!value} title="Wait for it, as long as this is open" onClick={look}>{watched ? 'stop watching' : 'watch'}</button>
        <label title={lack}><input type="checkbox" checked={stops} disabled={watched || lack !== ''} onChange={() => setPauses(!pauses)} /> and pause the agents there</label>
        <button type="button" class="quiet" onClick={close}>close <kbd>esc</kbd></button>
      </p>
      <p class="note" role="status">{busy ? 'Looking.' : told}</p>
    </form>
  )
}
