/**
 * What differs between two moments: in a text, in what a model was sent, in the runs of two rooms.
 */

import type { Moment, RunThen } from '../wire/api'
import type { Outline } from './outline'

/** What two texts begin with, what is new between, what went there, and what they end with. */
export function changed(before: string, now: string): [string, string, string, string] {
  let start = 0
  const most = Math.min(before.length, now.length)
  while (start < most && before[start] === now[start]) start++
  let end = 0
  while (end < most - start && before[before.length - 1 - end] === now[now.length - 1 - end]) end++
  // Half of a surrogate pair is no sign.
  if (start > 0 && /[\uD800-\uDBFF]/.test(now[start - 1]!)) start--
  if (end > 0 && /[\uDC00-\uDFFF]/.test(now[now.length - end]!)) end--
  return [now.slice(0, start), now.slice(start, now.length - end), before.slice(start, before.length - end), now.slice(now.length - end)]
}

/** How many of two lists' first entries are the same. */
export function common(a: readonly string[], b: readonly string[]): number {
  let same = 0
  while (same < a.length && same < b.length && a[same] === b[same]) same++
  return same
}

/** The model requests at or before a record that are known, the newest first; of one run, if it is named. */
export function requestsBefore(log: Outline, seq: number, run: number, most: number): number[] {
  const found: number[] = []
  // No record of a run stands before the one that gave it its number.
  for (let at = Math.min(seq, log.head); at >= Math.max(1, run) && found.length < most && log.has(at); at--) {
    if (log.words[log.type[at - 1]!] === 'model-requested' && (!run || log.run[at - 1] === run)) found.push(at)
  }
  return found
}

export interface RunApart {
  readonly id: string
  readonly apart: readonly { readonly what: string; readonly here?: string; readonly there?: string }[]
}

/** The runs that are not the same in both, with what of them is not: what was asked, how they stand, what they answered. */
export function runsApart(here: Moment, there: Moment): RunApart[] {
  const found: RunApart[] = []
  for (const id of [...new Set([...Object.keys(here.runs), ...Object.keys(there.runs)])].sort()) {
    const [mine, theirs] = [told(here.runs[id]), told(there.runs[id])]
    // What one of both did not bring is not said to differ.
    const unknown = here.runs[id]?.parts_left !== undefined || there.runs[id]?.parts_left !== undefined
    const apart = ['prompt', 'status', 'answer']
      .filter((what) => mine[what] !== theirs[what] && !(unknown && what === 'answer'))
      .map((what) => ({ what, here: mine[what], there: theirs[what] }))
    if (apart.length) found.push({ id, apart })
  }
  return found
}

function told(run: RunThen | undefined): Record<string, string | undefined> {
  if (!run) return {}
  const answer = run.parts.map((part) => (part.type === 'text' ? String(part.text ?? '') : part.type === 'tool' ? `[${part.name}: ${part.state}]` : '')).filter(Boolean).join(' ')
  return { prompt: run.prompt, status: run.status, answer }
}
