/**
 * Draws the timeline's bars and finds the bar under a point. Costs what is in sight, whatever the log's length.
 */

import { type Kind, kindOf, type LogRecord, weight } from '../wire/records'

export interface View {
  /** What is shown, oldest first. */
  readonly list: readonly LogRecord[]
  /** The place in the list behind the right edge. */
  readonly end: number
  /** Seqs of the record that is open and of the one under the pointer. */
  readonly at: number | null
  readonly hovered: number | null
}

const BAR = 3
const STEP = 4

/** How many bars fit. */
export function room(canvas: HTMLCanvasElement): number {
  return Math.max(1, Math.floor(canvas.clientWidth / STEP))
}

/** The place of the leftmost bar; bars begin at the left until the row is full, then the newest keeps the right edge. */
function leftmost(canvas: HTMLCanvasElement, { end }: View): number {
  return Math.max(0, end - room(canvas))
}

/** The seq of the record under `x`, or null. */
export function seqAt(canvas: HTMLCanvasElement, x: number, view: View): number | null {
  const place = leftmost(canvas, view) + Math.floor(x / STEP)
  return place < view.end ? (view.list[place]?.seq ?? null) : null
}

export function draw(canvas: HTMLCanvasElement, view: View, colors: Record<Kind, string> & { accent: string }): void {
  const scale = devicePixelRatio || 1
  const { clientWidth: width, clientHeight: height } = canvas
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale)
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale)
  const pen = canvas.getContext('2d')!
  pen.setTransform(scale, 0, 0, scale, 0, 0)
  pen.clearRect(0, 0, width, height)
  const from = leftmost(canvas, view)
  for (let place = from; place < view.end; place++) {
    const record = view.list[place]
    if (!record) continue
    const tall = Math.max(4, Math.round(weight(record) * (height - 6)))
    const x = (place - from) * STEP
    if (record.seq === view.at || record.seq === view.hovered) {
      pen.globalAlpha = 0.2
      pen.fillStyle = colors.accent
      pen.fillRect(x - 1, 0, BAR + 2, height)
      pen.globalAlpha = 1
    }
    pen.fillStyle = colors[kindOf(record.event.type)]
    pen.fillRect(x, height - tall, BAR, tall)
  }
}
