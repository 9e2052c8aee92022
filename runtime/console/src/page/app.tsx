/**
 * One screen: rooms, conversation, documents, and the timeline under them; on a phone the same as tabs.
 */

import type { VNode } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'

import { Composer } from '../chat/composer'
import { Conversation } from '../chat/conversation'
import { useWaits } from '../chat/runs'
import { LazyDebugger } from '../debug/lazy'
import { DocumentPane } from '../document/pane'
import { toProposed } from '../document/proposals'
import { type Action, pressed, stepPart, toWaiting } from '../keys/actions'
import { Keys, Palette } from '../keys/dialogs'
import { freshName } from '../rooms/names'
import { RoomsPane } from '../rooms/pane'
import { Title, titleOf } from '../rooms/title'
import { EVERYTHING, filter } from '../timeline/filter'
import { RecordPanel } from '../timeline/record'
import { stepRecord, Timeline } from '../timeline/timeline'
import { Dock } from '../tools/dock'
import { questions } from '../tools/own'
import { grant, may, signOut } from '../wire/grant'
import { Room } from '../wire/room'
import { type Cell, useCell } from './cell'
import { SIGNS } from './icons'
import { Paused } from './paused'
import { People } from './people'
import { useShared } from './shared'
import { go, place } from './place'
import { Account, Renewal, SignIn } from './signin'
import { accent, documentOpen, lending, nextTheme, roomsOpen, theme, timelineOpen, toggle } from './settings'
import { Banner, Status } from './status'

type Tab = 'rooms' | 'chat' | 'document'
type Dialog = 'palette' | 'keys' | null

/** Another account is another page: nothing of the one before is left on it. */
export function Page(): VNode {
  const account = useCell(grant)?.account ?? ''
  const { room } = useCell(place)
  return <>{room && <App key={account} />}<SignIn /></>
}

function App(): VNode {
  const { room: name, document: shownDocument, view } = useCell(place)
  const room = useMemo(() => new Room(name), [name])
  useEffect(() => () => room.leave(), [room])
  const [tab, setTab] = useState<Tab>('chat')
  const [dialog, show] = useState<Dialog>(null)
  const prompt = useRef<HTMLTextAreaElement>(null)
  const search = useRef<HTMLInputElement>(null)
  const asked = useCell(questions).length > 0
  const waits = useWaits(room) || asked
  const worn = useCell(theme)
  const open = { rooms: useCell(roomsOpen), document: useCell(documentOpen), timeline: useCell(timelineOpen) }

  const before = useRef({ name, shownDocument })
  useEffect(() => {
    // Whoever opens a document from the chat wants to see it, also where there is one pane at a time.
    if (before.current.name === name && before.current.shownDocument !== shownDocument) {
      documentOpen.set('yes')
      setTab('document')
    }
    before.current = { name, shownDocument }
  }, [name, shownDocument])
  const actions = useActions(room, { prompt, search, show, setTab })
  useShared(room.about)
  const title = titleOf(room)
  useEffect(() => {
    document.title = `${waits ? '◆ ' : ''}${title} · plait`
  }, [title, waits])
  useEffect(() => {
    const keyed = (event: KeyboardEvent): void => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        show((now) => (now === 'palette' ? null : 'palette'))
      } else if (event.key === 'Escape' && (event.target === prompt.current || event.target === search.current)) {
        (event.target as HTMLElement).blur()
      } else if (place.value.view === '' && !document.querySelector('dialog[open]')) {
        pressed(event, actions)
      }
    }
    addEventListener('keydown', keyed)
    return () => removeEventListener('keydown', keyed)
  }, [actions])

  // A dialog tells of its end a moment later, when the reader may have opened the other one.
  const closed = (one: Dialog) => (): void => show((now) => (now === one ? null : now))

  const dialogs = (
    <>
      {dialog === 'palette' && <Palette actions={actions} open={(room) => go({ room, document: 'main', record: null, view: '' })} onClose={closed('palette')} />}
      {dialog === 'keys' && <Keys actions={actions} onClose={closed('keys')} />}
    </>
  )
  if (view === 'debug') return <><LazyDebugger key={name} room={room} />{dialogs}</>
  return (
    <div class="app" data-tab={tab} data-rooms={open.rooms} data-document={open.document} data-timeline={open.timeline}>
      <RoomsPane title={title} waits={waits} search={search} onChosen={() => setTab('chat')} />
      <main class="pane chat" aria-label="Chat">
        <header>
          <PaneToggle pane={roomsOpen} name="rooms" />
          <Title key={name} room={room} />
          <People awareness={room.line.awareness} label="People in this room" naming />
          <Status room={room} />
          <Account />
          <button type="button" class="quiet icon" onClick={() => theme.set(nextTheme(worn))} aria-label={`Theme: ${worn}`} title={`Theme: ${worn}`}>
            {SIGNS[worn]}
          </button>
          <button type="button" class="quiet icon" onClick={() => show('keys')} aria-label="Keys" title="Keys ( ? )">?</button>
          <PaneToggle pane={timelineOpen} name="timeline" />
          <PaneToggle pane={documentOpen} name="documents" />
        </header>
        <Conversation key={name} room={room} />
        <Renewal />
        <Paused key={name} room={room} />
        <Banner key={name} room={room} />
        <Dock />
        <Composer key={name} room={room} field={prompt} />
      </main>
      <DocumentPane key={name} room={room} />
      <Timeline key={name} room={room} />
      <RecordPanel key={name} room={room} />
      <div class="tabs" role="group" aria-label="Panes">
        {(['rooms', 'chat', 'document'] as const).map((one) => (
          <button key={one} type="button" aria-pressed={tab === one} onClick={() => setTab(one)}>{one}</button>
        ))}
        <button type="button" aria-pressed={open.timeline === 'yes'} onClick={() => toggle(timelineOpen)}>timeline</button>
      </div>
      {dialogs}
    </div>
  )
}

function PaneToggle({ pane, name }: { pane: Cell<'yes' | 'no'>; name: 'rooms' | 'timeline' | 'documents' }): VNode {
  const open = useCell(pane) === 'yes'
  return (
    <button type="button" class={`quiet icon toggle ${name}`} aria-pressed={open} aria-label={`Show ${name}`} title={`${open ? 'Hide' : 'Show'} ${name}`} onClick={() => toggle(pane)}>
      {SIGNS[name]}
    </button>
  )
}

interface Reach {
  readonly prompt: { current: HTMLTextAreaElement | null }
  readonly search: { current: HTMLInputElement | null }
  readonly show: (dialog: Dialog) => void
  readonly setTab: (tab: Tab) => void
}

function useActions(room: Room, { prompt, search, show, setTab }: Reach): readonly Action[] {
  return useMemo(
    () => [
      { name: 'write a prompt', key: '/', act: () => { setTab('chat'); prompt.current?.focus() } },
      { name: 'next part', key: 'j', act: () => stepPart(1) },
      { name: 'previous part', key: 'k', act: () => stepPart(-1) },
      { name: 'what waits for you', key: 'a', act: () => { setTab('chat'); if (!toWaiting()) requestAnimationFrame(toWaiting) } },
      { name: 'what is proposed', key: 'p', act: () => toProposed(room) },
      { name: 'stop every open run', key: '.', act: () => { if (room.open().length && may('prompt')) void room.control.stop() } },
      { name: 'find a room', key: 'r', act: () => { roomsOpen.set('yes'); setTab('rooms'); requestAnimationFrame(() => search.current?.focus()) } },
      { name: 'new room', key: 'n', act: () => go({ room: freshName(), document: 'main', record: null }) },
      { name: 'name or delete this room', act: () => document.querySelector<HTMLElement>('.title button')?.click() },
      { name: 'the record before', key: '[', act: () => stepRecord(-1) },
      { name: 'the record after', key: ']', act: () => stepRecord(1) },
      { name: 'open the debugger, or go back to now', key: 'g', act: () => go(place.value.view ? { view: '', record: null, panel: '' } : { view: 'debug', then: false }) },
      { name: 'only errors in the timeline', act: () => { timelineOpen.set('yes'); filter.set({ ...EVERYTHING, kinds: new Set(['error']) }) } },
      { name: 'all records in the timeline', act: () => filter.set(EVERYTHING) },
      { name: 'show or hide the timeline', key: 't', act: () => toggle(timelineOpen) },
      { name: 'show or hide the documents', key: 'd', act: () => toggle(documentOpen) },
      { name: 'lend this page to agents, or no longer', act: () => { toggle(lending); room.lending.changed() } },
      { name: "give the page its own colour back", act: () => accent.set('teal') },
      { name: 'change the theme', act: () => theme.set(nextTheme(theme.value)) },
      ...(grant.value ? [{ name: 'sign out', act: signOut }] : []),
      { name: 'list the keys', key: '?', act: () => show('keys') }
    ],
    [room]
  )
}
