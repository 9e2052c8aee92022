/**
 * Draws lanes on a canvas: bars of runs and calls, and the records on them, one by one or gathered by the pixel.
 *
 * A kind has a colour and a shape: what people did is a dot, an error a cross, all else a bar as tall as it says much.
 */

import { KINDS, type Kind } from '../wire/records'
import { type Bar, gather, type Layout, NONE } from './lanes'
import type { Outline } from './outline'

export const ROW = 22
/** A lane of runs has a line more, for what was asked. */
const LABEL = 14

/** Where each lane begins, in pixels; the last number is where all end. */
export function tops(layout: Layout): number[] {
  const found = [0]
  for (const { group } of layout.lanes) found.push(found.at(-1)! + ROW + (group === 'runs' ? LABEL : 0))
  return found
}

/** What part of the log is in sight: from that record on (between two it may be), so many of them. */
export interface Window {
  readonly from: number
  readonly span: number
}

export type Colors = Readonly<Record<Kind | 'ink' | 'faint' | 'line' | 'wash' | 'paper' | 'warn' | 'bad', string>>

/** From so many pixels a record on it is drawn by itself. */
const APART = 3

export function paint(canvas: HTMLCanvasElement, log: Outline, layout: Layout, { from, span }: Window, colors: Colors, chosen: number): void {
  const scale = devicePixelRatio || 1
  const width = Math.max(1, canvas.clientWidth)
  const top = tops(layout)
  const height = Math.max(1, top.at(-1)!)
  /** Where a lane's records are drawn. */
  const bands = layout.lanes.map((_, row) => top[row + 1]! - ROW)
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale)
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale)
  const pen = canvas.getContext('2d')!
  pen.setTransform(scale, 0, 0, scale, 0, 0)
  pen.clearRect(0, 0, width, height)
  const wide = width / span
  const x = (seq: number): number => (seq - from) * wide
  unknown(pen, log, x, width, height, colors)
  layout.lanes.forEach((lane, row) => {
    if (row > 0 && layout.lanes[row - 1]!.group !== lane.group) {
      pen.fillStyle = colors.line
      pen.fillRect(0, top[row]!, width, 1)
    }
  })
  for (const bar of layout.runs) if (bar.to >= from && bar.from <= from + span) run(pen, bar, bands[bar.row]!, x, wide, width, colors, bar.run === chosen)
  for (const bar of layout.calls) if (bar.to >= from && bar.from <= from + span) call(pen, bar, bands[bar.row]!, x, wide, colors)
  if (wide >= APART) each(pen, log, layout, bands, from, span, wide, colors)
  else together(pen, log, layout, bands, from, 1 / wide, width, colors)
}

/** Where nothing is known yet, thin lines. */
function unknown(pen: CanvasRenderingContext2D, log: Outline, x: (seq: number) => number, width: number, height: number, colors: Colors): void {
  let begin = 1
  pen.strokeStyle = colors.line
  pen.lineWidth = 1
  for (const [first, last] of [...log.stretches(), [log.head + 1, log.head] as const]) {
    const [left, right] = [Math.max(0, x(begin)), Math.min(width, x(first))]
    if (first > begin && right > left) hatch(pen, left, 0, right - left, height, 8)
    begin = last + 1
  }
}

function hatch(pen: CanvasRenderingContext2D, left: number, top: number, width: number, height: number, step: number): void {
  pen.save()
  pen.beginPath()
  pen.rect(left, top, width, height)
  pen.clip()
  pen.beginPath()
  for (let at = left - height; at < left + width; at += step) {
    pen.moveTo(at, top + height)
    pen.lineTo(at + height, top)
  }
  pen.stroke()
  pen.restore()
}

function rounded(pen: CanvasRenderingContext2D, left: number, top: number, width: number, height: number, radius: number): void {
  pen.beginPath()
  pen.roundRect(left, top, Math.max(1.5, width), height, Math.min(radius, Math.max(1.5, width) / 2))
}

function run(pen: CanvasRenderingContext2D, bar: Bar, band: number, x: (seq: number) => number, wide: number, width: number, colors: Colors, chosen: boolean): void {
  const left = Math.max(-4, x(bar.from))
  const right = Math.min(width + 4, x(bar.to) + wide)
  const top = band - LABEL + 2
  rounded(pen, left, top, right - left - (wide < 1 ? 0.5 : 1), ROW + LABEL - 4, 4)
  pen.fillStyle = colors.wash
  pen.fill()
  pen.strokeStyle = bar.end === 'failed' ? colors.bad : chosen ? colors.ink : colors.line
  pen.lineWidth = chosen || bar.end === 'failed' ? 1.5 : 1
  if (bar.end === 'open') pen.setLineDash([3, 2])
  pen.stroke()
  pen.setLineDash([])
  const begin = Math.max(left, 0) + 5
  pen.font = `${chosen ? 600 : 400} 11px system-ui, sans-serif`
  pen.fillStyle = chosen ? colors.ink : colors.faint
  pen.fillText(fitted(pen, `${ENDS[bar.end]}${bar.run}`, bar.label.slice(bar.label.indexOf(':') + 1).trim(), right - begin - 6), begin, band + 1)
}

/** A run's number and as much of what was asked as there is place for; nothing where there is not even place for that. */
function fitted(pen: CanvasRenderingContext2D, number: string, label: string, width: number): string {
  if (width < LABELLED || pen.measureText(number).width > width) return ''
  const letters = Math.floor((width - pen.measureText(`${number}   `).width) / pen.measureText('e').width)
  if (letters < FEWEST || !label) return number
  return `${number}  ${label.length > letters ? label.slice(0, letters - 1).trimEnd() + '…' : label}`
}

const FEWEST = 5

/** A bar so long, in pixels, may have words on it. */
const LABELLED = 12
/** How a run ended is told by a sign as well. */
const ENDS: Readonly<Record<Bar['end'], string>> = { open: '◐ ', done: '', failed: '✕ ', stopped: '■ ' }

function call(pen: CanvasRenderingContext2D, bar: Bar, band: number, x: (seq: number) => number, wide: number, colors: Colors): void {
  const top = band + ROW / 2
  pen.fillStyle = bar.end === 'failed' ? colors.bad : colors.tool
  pen.globalAlpha = bar.end === 'open' ? 0.3 : 0.45
  pen.fillRect(x(bar.from), top - 1, Math.max(1, x(bar.to) - x(bar.from) + wide), 2)
  pen.globalAlpha = 1
  pen.strokeStyle = colors.warn
  pen.lineWidth = 1
  for (const [from, to] of bar.waits) {
    const [left, right] = [x(from), x(Math.max(to, from + 1))]
    if (right - left > 2) hatch(pen, left, band + 4, right - left, ROW - 8, 4)
  }
}

/** Each record by itself. */
function each(pen: CanvasRenderingContext2D, log: Outline, layout: Layout, bands: readonly number[], from: number, span: number, wide: number, colors: Colors): void {
  const [first, last] = [Math.max(1, Math.floor(from)), Math.min(layout.run.length, Math.ceil(from + span))]
  for (let seq = first; seq <= last; seq++) {
    if (!log.has(seq)) continue
    const index = seq - 1
    for (const row of [layout.person[index]!, layout.run[index]!, layout.tool[index]!]) {
      if (row !== NONE) mark(pen, KINDS[log.kind[index]!]!, (seq - from) * wide, bands[row]!, wide, log.size[index]!, colors)
    }
  }
}

const TALLEST = ROW - 8

function mark(pen: CanvasRenderingContext2D, kind: Kind, left: number, top: number, wide: number, size: number, colors: Colors): void {
  pen.fillStyle = colors[kind]
  const middle = left + wide / 2
  if (kind === 'people') {
    pen.beginPath()
    pen.arc(middle, top + ROW / 2, Math.min(4, Math.max(3, wide / 2)), 0, 7)
    pen.fill()
  } else if (kind === 'error') {
    const arm = Math.min(4.5, Math.max(2.5, wide / 2))
    pen.strokeStyle = colors.error
    pen.lineWidth = 2
    pen.beginPath()
    pen.moveTo(middle - arm, top + ROW / 2 - arm)
    pen.lineTo(middle + arm, top + ROW / 2 + arm)
    pen.moveTo(middle + arm, top + ROW / 2 - arm)
    pen.lineTo(middle - arm, top + ROW / 2 + arm)
    pen.stroke()
  } else {
    const tall = Math.min(TALLEST, 4 + size * 1.1)
    const thick = Math.min(7, Math.max(1, wide - 1))
    pen.fillRect(middle - thick / 2, top + (ROW - tall) / 2, thick, tall)
  }
}

function together(pen: CanvasRenderingContext2D, log: Outline, layout: Layout, bands: readonly number[], from: number, perPixel: number, width: number, colors: Colors): void {
  const columns = Math.ceil(width)
  const { kind, level } = gather(log, layout, from, perPixel, columns)
  for (let row = 0; row < layout.lanes.length; row++) {
    const top = bands[row]!
    for (let column = 0; column < columns; column++) {
      const what = kind[row * columns + column]!
      if (what === NONE) continue
      const name = KINDS[what]!
      const tall = Math.max(3, (level[row * columns + column]! / 255) * TALLEST)
      pen.fillStyle = colors[name]
      // What people did and what went wrong keeps its shape, however many records stand beside it.
      if (name === 'people' || name === 'error') mark(pen, name, column - 3, top, 7, 0, colors)
      else pen.fillRect(column, top + (ROW - tall) / 2, 1, tall)
    }
  }
}
