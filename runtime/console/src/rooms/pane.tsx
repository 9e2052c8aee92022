/**
 * The rooms: searched, by last activity, with a mark on those where an agent works.
 *
 * The list is read from the server while the page is looked at, every few seconds and at once when the reader comes back.
 */

import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

import { isToday, when } from '../chat/time'
import { useCell } from '../page/cell'
import { MARK } from '../page/icons'
import { go, place, roomNameProblem } from '../page/place'
import * as api from '../wire/api'
import { freshName } from './names'

const AGAIN_MS = 5_000
const TYPING_MS = 150

export function RoomsPane({ title, waits, search, onChosen }: { title: string; waits: boolean; search: { current: HTMLInputElement | null }; onChosen: () => void }): VNode {
  const { room } = useCell(place)
  const [query, setQuery] = useState('')
  const { rooms, more, problem, read } = useRooms(query, room)
  const list = useRef<HTMLDivElement>(null)
  const choose = (name: string): void => {
    go({ room: name, document: 'main', record: null })
    onChosen()
  }
  const known = rooms.some(({ name }) => name === room)
  const shown = known || query ? rooms : [{ name: room, time: undefined }, ...rooms]
  const today = shown.filter(({ name, time }) => isToday(time) || name === room)
  const earlier = shown.filter((line) => !today.includes(line))
  const submitted = (event: Event): void => {
    event.preventDefault()
    const asked = query.trim()
    if (rooms[0] && asked) choose(rooms.find(({ name }) => name === asked)?.name ?? rooms[0].name)
    else if (asked && roomNameProblem(asked) === null) choose(asked)
  }
  const wrong = query.trim() && rooms.length === 0 ? roomNameProblem(query.trim()) : null
  return (
    <nav class="pane rooms" aria-label="Rooms">
      <header>
        <h1>{MARK} plait</h1>
        <button type="button" class="quiet" onClick={() => choose(freshName())}>new room</button>
      </header>
      <form role="search" onSubmit={submitted}>
        <input ref={search} type="search" placeholder="Find or name a room" aria-label="Find or name a room" value={query} autocomplete="off" onInput={(event) => setQuery(event.currentTarget.value)} />
      </form>
      <div class="list" ref={list}>
        <Group title="today" rooms={today} current={room} called={title} waits={waits} choose={choose} />
        <Group title="earlier" rooms={earlier} current={room} called={title} waits={waits} choose={choose} />
        {query.trim() !== '' && rooms.length === 0 && !problem && (
          <p class="note">{wrong ?? <>No room is called so. <button type="button" class="quiet" onClick={() => choose(query.trim())}>open “{query.trim()}”</button></>}</p>
        )}
        {problem && <p class="note">{problem}</p>}
        {more && <button type="button" class="quiet" onClick={() => void read(true)}>more rooms</button>}
      </div>
    </nav>
  )
}

interface GroupProps {
  readonly title: string
  readonly rooms: readonly api.RoomLine[]
  readonly current: string
  /** What the open room is called now; the list says it a little later. */
  readonly called: string
  /** Whether a run of the room that is open here waits for a person; of the others the list knows, a little later. */
  readonly waits: boolean
  readonly choose: (name: string) => void
}

function Group({ title, rooms, current, called, waits, choose }: GroupProps): VNode | null {
  if (rooms.length === 0) return null
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul>
        {rooms.map(({ name, title: told, time, open_runs: open, waiting_runs: waiting }) => (
          <li key={name}>
            <button type="button" class="room" title={name} aria-current={name === current ? 'page' : undefined} onClick={() => choose(name)}>
              <span class="name">{name === current ? called : told || name}</span>
              {(name === current ? waits : waiting) ? <span class="open waits">◆ waits for you</span> : open ? <span class="open" title={`${open} open`}>● working</span> : <span class="time">{when(time)}</span>}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

interface Listing {
  readonly rooms: readonly api.RoomLine[]
  readonly more: boolean
  readonly problem: string
  readonly read: (further?: boolean) => Promise<void>
}

function useRooms(query: string, current: string): Listing {
  const [pages, setPages] = useState<{ rooms: api.RoomLine[]; cursor?: string | undefined }>({ rooms: [] })
  const [problem, setProblem] = useState('')
  const asked = useRef(0)
  const read = async (further = false): Promise<void> => {
    const turn = ++asked.current
    try {
      const page = await api.rooms(query.trim(), further ? pages.cursor : undefined)
      // An answer that was overtaken by a later question is not shown.
      if (turn !== asked.current) return
      setPages({ rooms: further ? api.newestFirst([...pages.rooms, ...page.rooms]) : page.rooms, cursor: page.cursor })
      setProblem('')
    } catch (error) {
      if (turn === asked.current && (error as api.ApiError).code !== 'unreachable') setProblem((error as Error).message)
    }
  }
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === 'visible') void read()
    }
    const soon = setTimeout(look, query ? TYPING_MS : 0)
    const again = setInterval(look, AGAIN_MS)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearTimeout(soon)
      clearInterval(again)
      document.removeEventListener('visibilitychange', look)
    }
  }, [query, current])
  return { rooms: pages.rooms, more: pages.cursor !== undefined && pages.cursor !== null, problem, read }
}
