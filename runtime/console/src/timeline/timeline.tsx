/**
 * The room's log as a row of bars: each bar is a record, its colour a kind, its height how much it carries.
 *
 * Drawn on a canvas, since thousands of records are no thousands of elements; what a bar says is told by a line of text
 * under the pointer and, for those who use the keyboard or a screen reader, by a slider of the same records.
 */

import type { VNode } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go, place } from '../page/place'
import * as api from '../wire/api'
import { type Kind, type LogRecord, summary, useRecords } from '../wire/records'
import type { Room } from '../wire/room'
import { draw, room as fitting, seqAt, type View } from './draw'
import { EVERYTHING, filter, isFiltered, placeOf, Sieve } from './filter'
import { Filters } from './filters'

const PAGE = 500
/** How many pages are read on in search of a record that passes the filter, before the reader is asked again. */
const PAGES_IN_A_ROW = 8

export function Timeline({ room }: { room: Room }): VNode {
  const records = useRecords(room.records)
  const by = useCell(filter)
  const at = useCell(place).record
  const loaded = useCell(room.line.loaded)
  const problem = useCell(room.records.problem)
  const canvas = useRef<HTMLCanvasElement>(null)
  const swatches = useRef<HTMLUListElement>(null)
  const [hovered, hover] = useState<number | null>(null)
  /** The seq that keeps the right edge, or null for the newest. */
  const [held, hold] = useState<number | null>(null)
  const size = useSize(canvas)
  const sieve = useMemo(() => new Sieve(), [room])
  const list = sieve.take(records, by)
  useEffect(() => () => filter.set(EVERYTHING), [room])
  const end = held === null ? list.length : Math.min(list.length, placeOf(list, held) + 1)
  const view: View = { list, end, at, hovered }
  // Resolving styles costs more than drawing, so colours are read again only when the theme or the size changed.
  const palette = useMemo(() => ({ read: null as ReturnType<typeof colors> | null }), [size])
  useLayoutEffect(() => {
    if (!canvas.current || !swatches.current) return
    palette.read ??= colors(swatches.current)
    draw(canvas.current, view, palette.read)
  }, [list, records.head, records.first, end, at, hovered, size])

  const { older, reading } = useOlder(room, () => sieve.take(records, filter.value).length)
  const keep = (to: number): void => hold(to >= list.length ? null : (list[Math.max(0, to - 1)]?.seq ?? null))
  const move = (to: number): void => {
    const record = list[Math.max(0, Math.min(list.length - 1, to))]
    if (!record) return
    go({ record: record.seq })
    if (to < end - fitting(canvas.current!) || to >= end) keep(to + 20)
    if (to <= 0) void older()
  }
  const pan = (event: WheelEvent): void => {
    const by = Math.round((Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.deltaY) / 8)
    keep(Math.max(Math.min(list.length, fitting(canvas.current!)), end + by))
    if (end + by < fitting(canvas.current!) + 100) void older()
  }
  const point = (event: MouseEvent): number | null => seqAt(canvas.current!, event.offsetX, view)
  const now = at === null ? list.length : placeOf(list, at)
  const keys: Record<string, () => void> = {
    ArrowLeft: () => move(now - 1),
    ArrowRight: () => move(at === null ? list.length - 1 : list[now]?.seq === at ? now + 1 : now),
    PageUp: () => move(now - 50),
    PageDown: () => move(now + 50),
    Home: () => move(0),
    End: () => move(list.length - 1)
  }
  const told = records.at(hovered ?? at ?? 0) ?? list.at(-1)
  const first = list[0]?.seq ?? 0
  const last = list.at(-1)?.seq ?? 0
  return (
    <section class="timeline" aria-label="Timeline of records">
      <canvas
        ref={canvas}
        class="bars"
        tabIndex={0}
        role="slider"
        aria-label="Records"
        aria-valuemin={first}
        aria-valuemax={last}
        aria-valuenow={Math.max(first, Math.min(last, at ?? last))}
        aria-valuetext={told ? `${told.seq}, ${summary(told)}` : 'no records'}
        onMouseMove={(event) => hover(point(event))}
        onMouseLeave={() => hover(null)}
        onClick={(event) => { const seq = point(event); if (seq !== null) go({ record: seq }) }}
        onWheel={pan}
        onKeyDown={(event) => { const act = keys[event.key]; if (act && list.length) { event.preventDefault(); act() } }}
      />
      <div class="telling">
        <span class="seq mono">{told ? told.seq.toLocaleString('en') : '0'} / {records.head.toLocaleString('en')}</span>
        <span class="told">{told ? summary(told) : !loaded ? '' : problem ? problem : isFiltered(by) ? 'None of the records that were read is so.' : room.runs.size > 0 ? 'Its records are on their way.' : 'Nothing is in the log yet.'}</span>
        {told && <span class="by">{told.author}</span>}
        {held !== null && <button type="button" class="quiet" onClick={() => hold(null)}>to the newest</button>}
        {isFiltered(by) && records.first > 1 && <button type="button" class="quiet" disabled={reading} onClick={() => void older()}>{reading ? 'reading' : 'look further back'}</button>}
        <button type="button" class="quiet" title="Go to and fro in the log ( g )" onClick={() => go({ view: 'debug', then: false })}>debug</button>
        <Filters room={room} sieve={sieve} by={by} shown={list.length} swatches={swatches} />
      </div>
    </section>
  )
}

/** Go to the record before or after the open one, as the timeline shows them; its keys are the page's as well. */
export function stepRecord(by: 1 | -1): void {
  const key = by < 0 ? 'ArrowLeft' : 'ArrowRight'
  document.querySelector('.bars')?.dispatchEvent(new KeyboardEvent('keydown', { key }))
}

/** Reading what the window does not hold yet, page by page, until one more record passes or the beginning is reached. */
function useOlder(room: Room, passing: () => number): { older: () => Promise<void>; reading: boolean } {
  const [reading, read] = useState(false)
  const busy = useRef(false)
  const older = async (): Promise<void> => {
    if (busy.current) return
    busy.current = true
    read(true)
    const before = passing()
    for (let pages = 0; pages < PAGES_IN_A_ROW && room.records.first > 1 && passing() === before; pages++) {
      const { first } = room.records
      const after = Math.max(0, first - 1 - PAGE)
      const page = (await api.records(room.name, after, first - 1 - after).catch(() => [])) as LogRecord[]
      if (page.length === 0) break
      room.records.prepend(page)
    }
    busy.current = false
    read(false)
  }
  return { older, reading }
}

/** A number that changes with the canvas's width and with the theme. */
function useSize(canvas: { current: HTMLCanvasElement | null }): number {
  const [size, setSize] = useState(0)
  useLayoutEffect(() => {
    const seen = new ResizeObserver(() => setSize(canvas.current?.clientWidth ?? 0))
    seen.observe(canvas.current!)
    const repaint = (): void => setSize((size) => size + 0.001)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const themed = new MutationObserver(repaint)
    themed.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    scheme.addEventListener('change', repaint)
    return () => {
      seen.disconnect()
      themed.disconnect()
      scheme.removeEventListener('change', repaint)
    }
  }, [])
  return size
}

/** Colours as the style sheet resolves them for the theme that is worn now; a canvas cannot read `light-dark()`. */
function colors(legend: HTMLUListElement): Record<Kind, string> & { accent: string } {
  const found: Record<string, string> = { accent: getComputedStyle(legend).color }
  for (const item of legend.querySelectorAll<HTMLElement>('.kind')) {
    found[item.dataset.kind!] = getComputedStyle(item, '::before').backgroundColor
  }
  return found as Record<Kind, string> & { accent: string }
}
