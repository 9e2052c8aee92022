/**
 * The scrubber over the whole log, and the keys of a player: back, forward, by record and by run, and how fast it plays.
 */

import type { VNode } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

import { useAgain, useCell } from '../page/cell'
import { kindOf, KINDS } from '../wire/records'
import { type Speed, SPEEDS } from './clock'
import type { Deck } from './deck'
import { useColors } from './tracks'

export function Transport({ deck }: { deck: Deck }): VNode {
  const at = useCell(deck.at)
  const playing = useCell(deck.playing)
  const speed = useCell(deck.speed)
  const stops = useCell(deck.stops)
  const here = deck.outline.at(at)
  const stopped = stops.has(at)
  return (
    <div class="transport" role="toolbar" aria-label="Playback">
      <span class="buttons">
        <button type="button" class="quiet" title="The run before (Shift ←)" aria-label="The run before" onClick={() => deck.stepRun(-1)}>{GLYPHS.runBefore}</button>
        <button type="button" class="quiet" title="The record before (←)" aria-label="The record before" disabled={at <= 1} onClick={() => deck.step(-1)}>{GLYPHS.before}</button>
        <button type="button" class="play" title={playing ? 'Pause (Space)' : 'Play (Space)'} aria-label={playing ? 'Pause' : 'Play'} onClick={() => deck.toggle()}>{playing ? GLYPHS.pause : GLYPHS.play}</button>
        <button type="button" class="quiet" title="The record after (→)" aria-label="The record after" disabled={at >= deck.head} onClick={() => deck.step(1)}>{GLYPHS.after}</button>
        <button type="button" class="quiet" title="The run after (Shift →)" aria-label="The run after" onClick={() => deck.stepRun(1)}>{GLYPHS.runAfter}</button>
      </span>
      <select class="speed" aria-label="Speed" value={String(speed)} onChange={(event) => deck.speed.set(speedOf(event.currentTarget.value))}>
        {SPEEDS.map((one) => <option key={one} value={String(one)}>{one === 'shown' ? 'as fast as shown' : `${one}× real time`}</option>)}
      </select>
      <Scrubber deck={deck} />
      <span class="where mono" title={here ? new Date(here.time).toString() : ''}>
        <strong>{at.toLocaleString('en')}</strong> / {deck.head.toLocaleString('en')}
        <span class="clock">{here ? clock(here.time) : ''}</span>
      </span>
      <button type="button" class="quiet break" aria-pressed={stopped} title="Breakpoint at this record (b)" onClick={() => deck.toggleStop()}><span aria-hidden="true">{stopped ? '◆' : '◇'}</span> break</button>
    </div>
  )
}

function speedOf(text: string): Speed {
  return SPEEDS.find((one) => String(one) === text) ?? 1
}

/** The whole log as a strip that thickens where more was said, with a native slider over it. */
function Scrubber({ deck }: { deck: Deck }): VNode {
  const at = useCell(deck.at)
  const { from, span } = useCell(deck.window)
  const canvas = useRef<HTMLCanvasElement>(null)
  const swatches = useRef<HTMLSpanElement>(null)
  const [size, colors] = useColors(canvas, swatches)
  const again = useAgain()
  useLayoutEffect(() => {
    let frame = 0
    const stop = deck.outline.watch(() => { frame ||= requestAnimationFrame(() => { frame = 0; again() }) })
    return () => {
      cancelAnimationFrame(frame)
      stop()
    }
  }, [deck])
  const { version } = deck.outline
  useLayoutEffect(() => { if (colors) strip(canvas.current!, deck, colors) }, [version, size, colors, deck.head])
  const part = (seq: number): number => Math.max(0, Math.min(1, (seq - 1) / Math.max(1, deck.head)))
  const here = deck.outline.at(at)
  return (
    <span class="scrubber">
      <canvas ref={canvas} aria-hidden="true" />
      <span class="sight" style={{ left: `${part(from) * 100}%`, width: `${(part(from + span) - part(from)) * 100}%` }} />
      <span class="played" style={{ left: `${part(at + 0.5) * 100}%` }} />
      <input
        type="range"
        min={1}
        max={Math.max(1, deck.head)}
        value={at}
        aria-label="Record"
        aria-valuetext={here ? `Record ${at} of ${deck.head}: ${here.type.replaceAll('-', ' ')} by ${here.author}` : `Record ${at} of ${deck.head}`}
        onInput={(event) => deck.goTo(Number(event.currentTarget.value))}
      />
      <span class="unseen" ref={swatches}>{KINDS.map((kind) => <i key={kind} class="kind" data-kind={kind} />)}</span>
    </span>
  )
}

/** Sampled, so that it costs its pixels and not the log: what is rare is looked for on the lanes. */
function strip(canvas: HTMLCanvasElement, deck: Deck, colors: Readonly<Record<string, string>>): void {
  const scale = devicePixelRatio || 1
  const { clientWidth: width, clientHeight: height } = canvas
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(height * scale)
  const pen = canvas.getContext('2d')!
  pen.scale(scale, scale)
  const { outline } = deck
  const wide = Math.max(2, width / Math.max(1, deck.head))
  for (let x = 0; x < width; x += wide) {
    const seq = 1 + Math.floor((x / width) * deck.head)
    if (!outline.has(seq)) {
      pen.fillStyle = colors.line!
      pen.fillRect(x, height / 2 - 0.5, wide, 1)
      continue
    }
    const tall = Math.min(height - 6, 4 + outline.size[seq - 1]! * 1.2)
    pen.fillStyle = colors[kindOf(outline.words[outline.type[seq - 1]!]!)]!
    pen.globalAlpha = 0.75
    pen.fillRect(x, (height - tall) / 2, Math.max(1, wide - (wide > 3 ? 1 : 0)), tall)
    pen.globalAlpha = 1
  }
}

/** A record's time to the millisecond, with its day. */
export function clock(ms: number): string {
  const at = new Date(ms)
  return `${at.toLocaleDateString('en', { day: 'numeric', month: 'short' })} ${at.toLocaleTimeString('en', { hour12: false })}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

function glyph(path: string): VNode {
  return <svg width="16" height="16" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true"><path d={path} /></svg>
}

const GLYPHS = {
  runBefore: glyph('M2 3h1.6v10H2zM9 3.5v9L4 8zM14 3.5v9L9 8z'),
  before: glyph('M4 3h1.6v10H4zM12 3.5v9L6.2 8z'),
  play: glyph('M4 2.5l9 5.5l-9 5.5z'),
  pause: glyph('M4 3h3v10H4zM9 3h3v10H9z'),
  after: glyph('M10.4 3H12v10h-1.6zM4 3.5v9L9.8 8z'),
  runAfter: glyph('M12.4 3H14v10h-1.6zM2 3.5v9L7 8zM7 3.5v9L12 8z')
}
