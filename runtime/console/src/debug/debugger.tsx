/**
 * The debugger: the room as it stood after any record, what made it so, and the log as lanes to go to and fro on.
 *
 * It is a view of the page, loaded when somebody opens it. The room goes on meanwhile, and nothing here changes it.
 */

import type { VNode } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'

import { useAgain, useCell } from '../page/cell'
import { MARK } from '../page/icons'
import { Paused } from '../page/paused'
import { go, place } from '../page/place'
import { titleOf } from '../rooms/title'
import { kindOf } from '../wire/records'
import type { Room } from '../wire/room'
import { Deck } from './deck'
import { Export, Lineage, Link, useAble } from './deeds'
import { Drop } from './drop'
import { ForkForm } from './fork'
import { Panels } from './panels'
import { Conditions, Search } from './search'
import { Then } from './then'
import { Tracks } from './tracks'
import { Transport } from './transport'

type Open = 'search' | 'find' | 'fork' | 'keys' | null

export function Debugger({ room }: { room: Room }): VNode {
  const deck = useMemo(() => new Deck(room), [room])
  useEffect(() => () => deck.end(), [deck])
  const [open, show] = useState<Open>(null)
  const [side, turn] = useState<'then' | 'panels'>('then')
  const able = useAble(room.name)
  const shown = useCell(deck.moments.shown)
  const { document: documentName } = useCell(place)
  const again = useAgain()
  useEffect(() => deck.outline.watch(again), [deck])
  const frame = useRef<HTMLDivElement>(null)
  useEffect(() => { frame.current?.focus({ preventScroll: true }) }, [deck])
  useKeys(deck, (what) => show((now) => (now === what ? null : what)), () => (open ? show(null) : toNow()), able.lineage !== null)
  const toNow = (): void => go({ view: '', record: null, panel: '', then: false })
  const close = (): void => {
    show(null)
    frame.current?.focus({ preventScroll: true })
  }
  const doing = (what: Exclude<Open, null>, word: string, key: string, title: string): VNode => (
    <button type="button" class="quiet" aria-expanded={open === what} title={`${title} ( ${key} )`} onClick={() => show(open === what ? null : what)}>{word}</button>
  )
  return (
    <div class="debugger" ref={frame} tabIndex={-1} data-side={side} aria-label="Debugger">
      <header>
        <h1>{MARK} {titleOf(room)}</h1>
        <span class="mode">debugger</span>
        <Lineage lineage={able.lineage} deck={deck} />
        <span class="spacer" />
        <span class="doings">
          {doing('search', 'search', '/', 'Search the log')}
          {able.finds && doing('find', 'find', 'w', 'Go to where a condition begins to hold')}
          {able.lineage && doing('fork', 'fork', 'f', 'Go on from this record in a room of its own')}
          {able.exports && <Export deck={deck} />}
          <Link deck={deck} />
          {doing('keys', '?', '?', 'Keys')}
        </span>
        <button type="button" class="chosen" onClick={toNow}>to now <kbd>esc</kbd></button>
      </header>
      <Paused room={room} />
      {open === 'search' && <Search deck={deck} close={close} />}
      {open === 'find' && <Conditions deck={deck} document={documentName} close={close} />}
      {open === 'fork' && <ForkForm deck={deck} close={close} />}
      {open === 'keys' && <KeyList />}
      <div class="sides" role="group" aria-label="What is shown">
        <button type="button" aria-pressed={side === 'then'} onClick={() => turn('then')}>conversation</button>
        <button type="button" aria-pressed={side === 'panels'} onClick={() => turn('panels')}>the rest</button>
      </div>
      <main class="stood" aria-busy={shown.busy}>
        <Happened deck={deck} />
        {shown.problem && <p class="error-line" role="alert">{shown.problem}</p>}
        {shown.moment ? <Then name={room.name} moment={shown.moment} run={deck.outline.at(shown.moment.seq)?.run ?? 0} /> : !shown.problem && <p class="note opening">Reading the log up to here.</p>}
      </main>
      {shown.moment ? <Panels deck={deck} moment={shown.moment} lineage={able.lineage} /> : <section class="panels" />}
      <footer>
        <Transport deck={deck} />
        <Tracks deck={deck} />
      </footer>
      <Said deck={deck} />
      <Drop />
    </div>
  )
}

/** What the record is that one stands at, in a line. */
function Happened({ deck }: { deck: Deck }): VNode {
  const at = useCell(deck.at)
  const facts = deck.outline.at(at)
  return (
    <p class="happened">
      <span class="past">past</span>
      {facts
        ? <><span class="kind" data-kind={kindOf(facts.type)} /><span class="what">{facts.type.replaceAll('-', ' ')}{facts.name && facts.type !== 'run-requested' ? ` ${facts.name}` : ''}</span><span class="by">{facts.author}{facts.run ? ` · run ${facts.run}` : ''}{facts.document ? ` · ${facts.document}` : ''}</span></>
        : <span class="by">after record {at}</span>}
    </p>
  )
}

/** For those who hear the page: where they are once they rest there, and not each record that they pass. */
function Said({ deck }: { deck: Deck }): VNode {
  const at = useCell(deck.at)
  const word = useCell(deck.said)
  const playing = useCell(deck.playing)
  const [said, say] = useState('')
  useEffect(() => {
    if (playing) return
    const later = setTimeout(() => {
      const facts = deck.outline.at(at)
      say(`Record ${at} of ${deck.head}${facts ? `: ${facts.type.replaceAll('-', ' ')} by ${facts.author}` : ''}.`)
    }, 600)
    return () => clearTimeout(later)
  }, [at, playing])
  useEffect(() => say(word), [word])
  return <p class="unseen" aria-live="polite">{said}</p>
}

const KEYS: readonly (readonly [string, string])[] = [
  ['← →', 'the record before or after'],
  ['Shift ← →', 'the run before or after'],
  ['Home End', 'the first record, the newest'],
  ['Space', 'play or pause'],
  ['1 2 3 4', 'real time, 10×, 100×, as fast as shown'],
  ['+ − 0', 'zoom in, out, the whole log'],
  ['/', 'search the log'],
  ['b', 'a breakpoint here, or no longer'],
  ['w', 'go to where a condition holds'],
  ['f', 'fork the room here'],
  ['Esc', 'back to now']
]

function KeyList(): VNode {
  return <dl class="key-list card">{KEYS.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
}

/** Whether a key press belongs to what has the focus: words are typed there, or its own keys are pressed. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null
  if (target?.closest('input:not([type=range]), textarea, select, [contenteditable="true"], dialog')) return true
  return event.key === ' ' && target?.closest('button, summary, a') != null
}

function useKeys(deck: Deck, open: (what: Exclude<Open, null>) => void, back: () => void, forks: boolean): void {
  const latest = useRef({ open, back, forks })
  latest.current = { open, back, forks }
  useEffect(() => {
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => deck.step(-1),
      ArrowRight: () => deck.step(1),
      'Shift+ArrowLeft': () => deck.stepRun(-1),
      'Shift+ArrowRight': () => deck.stepRun(1),
      Home: () => deck.goTo(1),
      End: () => deck.goTo(deck.head),
      ' ': () => deck.toggle(),
      '1': () => deck.speed.set(1),
      '2': () => deck.speed.set(10),
      '3': () => deck.speed.set(100),
      '4': () => deck.speed.set('shown'),
      '+': () => deck.zoom(0.5),
      '=': () => deck.zoom(0.5),
      '-': () => deck.zoom(2),
      '0': () => deck.fit(),
      b: () => deck.toggleStop(),
      '/': () => latest.current.open('search'),
      w: () => latest.current.open('find'),
      f: () => { if (latest.current.forks) latest.current.open('fork') },
      '?': () => latest.current.open('keys'),
      Escape: () => latest.current.back()
    }
    const pressed = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
      const act = keys[(event.shiftKey && event.key.startsWith('Arrow') ? 'Shift+' : '') + event.key]
      if (!act) return
      event.preventDefault()
      act()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [deck])
}
