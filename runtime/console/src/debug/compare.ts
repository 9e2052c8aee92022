/**
 * What differs between two moments: in a text, in what a model was sent.
 */

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
