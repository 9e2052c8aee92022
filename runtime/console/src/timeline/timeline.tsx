/**
 * The room's log as a row of bars: each bar is a record, its colour a kind, its height how much it carries.
 *
 * Drawn on a canvas, since thousands of records are no thousands of elements; what a bar says is told by a line of text
 * under the pointer and, for those who use the keyboard or a screen reader, by a slider of the same records.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go, place } from '../page/place'
import * as api from '../wire/api'
import { KINDS, type Kind, type LogRecord, summary, useRecords } from '../wire/records'
import type { Room } from '../wire/room'
import { draw, seqAt, type View } from './draw'

const PAGE = 500

export function Timeline({ room }: { room: Room }): VNode {
  const records = useRecords(room.records)
  const at = useCell(place).record
  const loaded = useCell(room.line.loaded)
  const canvas = useRef<HTMLCanvasElement>(null)
  const swatches = useRef<HTMLUListElement>(null)
  const [hovered, hover] = useState<number | null>(null)
  const [end, setEnd] = useState<number | null>(null)
  const [size, setSize] = useState(0)
  const shownAt = end ?? records.head
  const view: View = { records, end: shownAt, at, hovered }

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
  // Resolving styles costs more than drawing, so colours are read again only when the theme or the size changed.
  const palette = useMemo(() => ({ read: null as ReturnType<typeof colors> | null }), [size])
  useLayoutEffect(() => {
    if (!canvas.current || !swatches.current) return
    palette.read ??= colors(swatches.current)
    draw(canvas.current, view, palette.read)
  }, [records.head, records.first, shownAt, at, hovered, size])

  const older = async (): Promise<void> => {
    const before = records.first
    if (before <= 1) return
    const after = Math.max(0, before - 1 - PAGE)
    const page = (await api.records(room.name, after, before - 1 - after).catch(() => [])) as LogRecord[]
    records.prepend(page)
  }
  const move = (seq: number): void => {
    const to = Math.max(records.first, Math.min(records.head, seq))
    go({ record: to })
    if (to < shownAt - 40 || to > shownAt) setEnd(to >= records.head ? null : to + 20)
    if (to === records.first) void older()
  }
  const pan = (event: WheelEvent): void => {
    const by = Math.round((Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.deltaY) / 8)
    const to = Math.max(records.first, Math.min(records.head, shownAt + by))
    setEnd(to >= records.head ? null : to)
    if (shownAt + by < records.first + 100) void older()
  }
  const point = (event: MouseEvent): number | null => seqAt(canvas.current!, event.offsetX, view)
  const keys: Record<string, () => void> = {
    ArrowLeft: () => move((at ?? records.head + 1) - 1),
    ArrowRight: () => move((at ?? records.head) + 1),
    PageUp: () => move((at ?? records.head) - 50),
    PageDown: () => move((at ?? records.head) + 50),
    Home: () => move(records.first),
    End: () => move(records.head)
  }
  const told = records.at(hovered ?? at ?? records.head)
  return (
    <section class="timeline" aria-label="Timeline of records">
      <canvas
        ref={canvas}
        class="bars"
        tabIndex={0}
        role="slider"
        aria-label="Records"
        aria-valuemin={records.first}
        aria-valuemax={records.head}
        aria-valuenow={at ?? records.head}
        aria-valuetext={told ? `${told.seq}, ${summary(told)}` : 'no records'}
        onMouseMove={(event) => hover(point(event))}
        onMouseLeave={() => hover(null)}
        onClick={(event) => { const seq = point(event); if (seq !== null) go({ record: seq }) }}
        onWheel={pan}
        onKeyDown={(event) => { const act = keys[event.key]; if (act && records.list.length) { event.preventDefault(); act() } }}
      />
      <div class="telling">
        <span class="seq mono">{told ? told.seq.toLocaleString('en') : '0'} / {records.head.toLocaleString('en')}</span>
        <span class="told">{told ? summary(told) : loaded ? 'Nothing is in the log yet.' : ''}</span>
        {told && <span class="by">{told.author}</span>}
        {end !== null && <button type="button" class="quiet" onClick={() => setEnd(null)}>to the newest</button>}
        <ul class="legend" ref={swatches} aria-label="Kinds of records">
          {KINDS.map((kind) => <li key={kind} class="kind" data-kind={kind}>{kind}</li>)}
        </ul>
      </div>
    </section>
  )
}

/** Colours as the style sheet resolves them for the theme that is worn now; a canvas cannot read `light-dark()`. */
function colors(legend: HTMLUListElement): Record<Kind, string> & { accent: string } {
  const found: Record<string, string> = { accent: getComputedStyle(legend).color }
  for (const item of legend.querySelectorAll<HTMLElement>('li')) {
    found[item.dataset.kind!] = getComputedStyle(item, '::before').backgroundColor
  }
  return found as Record<Kind, string> & { accent: string }
}
