/**
 * The lanes as one sees them: names at the left, a canvas, the line that is now, and a word about what is under the pointer.
 *
 * The canvas is drawn again when the sight or the log changes; going from record to record only moves a line over it.
 * Dragging goes there, a wheel with Ctrl (or a pinch) zooms around the pointer, a wheel sideways (or with Shift) moves on.
 */

import type { VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

import { useAgain, useCell } from '../page/cell'
import { KINDS, kindOf } from '../wire/records'
import type { Deck } from './deck'
import { nearest } from './lanes'
import type { Facts } from './outline'
import { type Colors, paint, ROW, tops } from './paint'

export function Tracks({ deck }: { deck: Deck }): VNode {
  const { from, span } = useCell(deck.window)
  const stops = useCell(deck.stops)
  const canvas = useRef<HTMLCanvasElement>(null)
  const swatches = useRef<HTMLUListElement>(null)
  const again = useLog(deck)
  const [hovered, hover] = useState<{ x: number; y: number; seq: number } | null>(null)
  const [size, colors] = useColors(canvas, swatches)
  const layout = deck.layout
  const top = tops(layout)
  const chosen = deck.outline.at(deck.at.value)?.run ?? 0
  useLayoutEffect(() => {
    if (canvas.current && colors) paint(canvas.current, deck.outline, layout, { from, span }, colors, chosen)
  }, [from, span, layout, size, colors, chosen, again])
  const width = Math.max(1, canvas.current?.clientWidth ?? 1)
  const seqAt = (x: number): number => Math.floor(from + (x / width) * span)
  const place = useDragging(deck, canvas, seqAt, (x, y) => {
    const row = top.findIndex((_, index) => y < (top[index + 1] ?? Infinity))
    const reach = Math.ceil((6 / width) * span)
    return nearest(layout, row, seqAt(x), reach) ?? seqAt(x)
  }, hover)
  const told = hovered ? deck.outline.at(hovered.seq) : null
  const left = (seq: number): string => `${((seq + 0.5 - from) / span) * 100}%`
  return (
    <div class="tracks">
      <div class="lanes" tabIndex={0} role="group" aria-label="Lanes of people, runs and tools">
        <ul class="lane-names" style={{ height: `${top.at(-1)}px` }}>
          {layout.lanes.map((lane, row) => (
            <li key={`${lane.group} ${row}`} class={`${lane.group}${row > 0 && layout.lanes[row - 1]!.group !== lane.group ? ' first' : ''}`} style={{ height: `${top[row + 1]! - top[row]!}px` }} title={lane.name}>
              <span class="sign" aria-hidden="true">{lane.name ? SIGNS[lane.group] : ''}</span><span>{lane.name}</span>
            </li>
          ))}
        </ul>
        <div class="lane-area" style={{ height: `${Math.max(ROW, top.at(-1)!)}px` }}>
          <canvas ref={canvas} aria-hidden="true" style={{ height: `${Math.max(ROW, top.at(-1)!)}px` }} {...place} />
          {[...stops].filter((seq) => seq >= from && seq <= from + span).map((seq) => <span key={seq} class="stop" style={{ left: left(seq) }} title={`Breakpoint at record ${seq}`} />)}
          <Now deck={deck} left={left} from={from} span={span} />
          {told && hovered && <Told facts={told} x={hovered.x} width={width} />}
        </div>
        {layout.lanes.length === 0 && <p class="note">{deck.outline.problem || (deck.outline.loading ? 'Reading the log.' : deck.head ? 'What is in sight has no runs, people or tools.' : 'Nothing is in the log yet.')}</p>}
      </div>
      <ul class="legend keyed" ref={swatches} aria-label="What the marks mean">
        {KINDS.map((kind) => <li key={kind} class="kind" data-kind={kind}>{kind}</li>)}
        <li class="hatched">waits</li>
        <li class="spacer" />
        <li class="in-sight">{deck.outline.loading ? <span role="status">reading the log</span> : deck.outline.problem ? <span class="error-line">{deck.outline.problem}</span> : <span>{Math.min(deck.head, Math.round(span)).toLocaleString('en')} of {deck.head.toLocaleString('en')} records in sight</span>}</li>
        <li class="zooms">
          <button type="button" class="quiet" aria-label="Zoom out" title="Zoom out ( - )" onClick={() => deck.zoom(2)}>−</button>
          <button type="button" class="quiet" aria-label="Zoom in" title="Zoom in ( + )" onClick={() => deck.zoom(0.5)}>+</button>
          <button type="button" class="quiet" title="The whole log ( 0 )" onClick={() => deck.fit()}>all</button>
        </li>
      </ul>
    </div>
  )
}

const SIGNS = { people: '●', runs: '▭', tools: '◇' } as const

/** The line that is now; it alone moves while the room plays. */
function Now({ deck, left, from, span }: { deck: Deck; left: (seq: number) => string; from: number; span: number }): VNode | null {
  const at = useCell(deck.at)
  return at >= from - 1 && at <= from + span ? <span class="now" style={{ left: left(at) }} /> : null
}

function Told({ facts, x, width }: { facts: Facts; x: number; width: number }): VNode {
  return (
    <p class="hovered" style={x > width / 2 ? { right: `${width - x + 10}px` } : { left: `${x + 10}px` }}>
      <span class="kind" data-kind={kindOf(facts.type)} /><span class="mono">{facts.seq}</span> {facts.type.replaceAll('-', ' ')}{facts.name && facts.type !== 'run-requested' ? ` ${facts.name}` : ''}
      <span class="by">{facts.author}{facts.run ? ` · run ${facts.run}` : ''}{facts.document ? ` · ${facts.document}` : ''}</span>
    </p>
  )
}

/** Pointing, dragging and turning the wheel over the canvas. */
function useDragging(deck: Deck, canvas: { current: HTMLCanvasElement | null }, seqAt: (x: number) => number, near: (x: number, y: number) => number, hover: (at: { x: number; y: number; seq: number } | null) => void): Record<string, unknown> {
  const latest = useRef({ seqAt, near })
  latest.current = { seqAt, near }
  const drags = useRef(false)
  useEffect(() => {
    // Preact listens passively to no wheel, and a wheel that zooms must not scroll the page.
    const element = canvas.current!
    const turned = (event: WheelEvent): void => {
      const sideways = event.shiftKey ? event.deltaY : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0
      if (!event.ctrlKey && !event.metaKey && !sideways) return
      event.preventDefault()
      if (sideways) deck.pan((sideways / element.clientWidth) * deck.window.value.span)
      else deck.zoom(Math.exp(event.deltaY / 240), latest.current.seqAt(event.offsetX))
    }
    element.addEventListener('wheel', turned, { passive: false })
    return () => element.removeEventListener('wheel', turned)
  }, [deck])
  return {
    onPointerDown: (event: PointerEvent) => {
      drags.current = true
      canvas.current!.setPointerCapture(event.pointerId)
      deck.goTo(latest.current.near(event.offsetX, event.offsetY))
    },
    onPointerMove: (event: PointerEvent) => {
      const seq = drags.current ? latest.current.seqAt(event.offsetX) : latest.current.near(event.offsetX, event.offsetY)
      hover({ x: event.offsetX, y: event.offsetY, seq })
      if (drags.current) deck.goTo(seq)
    },
    onPointerUp: () => { drags.current = false },
    onPointerCancel: () => { drags.current = false },
    onPointerLeave: () => hover(null),
    onDblClick: (event: MouseEvent) => deck.zoom(0.25, latest.current.seqAt(event.offsetX))
  }
}

/** A number that changes, at most once a frame, when more of the log came, or when another run is stood in. */
function useLog(deck: Deck): number {
  const again = useAgain()
  useEffect(() => {
    let frame = 0
    let run = deck.outline.at(deck.at.value)?.run
    const soon = (): void => { frame ||= requestAnimationFrame(() => { frame = 0; again() }) }
    const stepped = (): void => {
      const now = deck.outline.at(deck.at.value)?.run
      if (now !== run) soon()
      run = now
    }
    const stop = [deck.outline.watch(soon), deck.at.watch(stepped)]
    soon()
    return () => {
      cancelAnimationFrame(frame)
      for (const one of stop) one()
    }
  }, [deck])
  return deck.outline.version
}

/** The canvas's width, and colours as the style sheet resolves them; both again when the width or the theme changes. */
export function useColors(canvas: { current: HTMLCanvasElement | null }, swatches: { current: HTMLElement | null }): [number, Colors | null] {
  const [size, setSize] = useState(0)
  const [colors, setColors] = useState<Colors | null>(null)
  useLayoutEffect(() => {
    const read = (): void => setColors(readColors(swatches.current!))
    const seen = new ResizeObserver(() => setSize(canvas.current?.clientWidth ?? 0))
    seen.observe(canvas.current!)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const themed = new MutationObserver(read)
    themed.observe(document.documentElement, { attributeFilter: ['data-theme', 'data-accent'] })
    scheme.addEventListener('change', read)
    read()
    return () => {
      seen.disconnect()
      themed.disconnect()
      scheme.removeEventListener('change', read)
    }
  }, [])
  return [size, colors]
}

function readColors(within: HTMLElement): Colors {
  const found: Record<string, string> = {}
  const probe = within.appendChild(document.createElement('i'))
  const resolved = (color: string): string => {
    probe.style.color = color
    return getComputedStyle(probe).color
  }
  for (const [name, variable] of Object.entries({ ink: '--ink', faint: '--ink-2', line: '--line-2', wash: '--paper', paper: '--paper', warn: '--warn', bad: '--bad' })) found[name] = resolved(`var(${variable})`)
  for (const item of within.querySelectorAll<HTMLElement>('.kind')) found[item.dataset.kind!] = getComputedStyle(item, '::before').backgroundColor
  probe.remove()
  return found as Colors
}
