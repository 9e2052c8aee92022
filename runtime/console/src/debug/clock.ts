/**
 * Playback: how far a room has come after so much time, at the speed that was chosen.
 *
 * Time is the log's own, so tokens come as they came. A room in which nobody did anything for an hour would play nothing
 * for an hour: a pause is cut to `LONGEST_PAUSE_MS`, at whatever speed.
 */

export const LONGEST_PAUSE_MS = 2_000

/** So many times real time, or each record as soon as the one before was shown. */
export const SPEEDS = [1, 10, 100, 'shown'] as const
export type Speed = (typeof SPEEDS)[number]

export interface Stand {
  readonly seq: number
  /** Time that was played since that record, in milliseconds of the reader. */
  readonly spare: number
}

/**
 * Where playback stands when `passed` more milliseconds went by. `timeOf` gives a record's time in milliseconds, or null
 * where it is not known yet: playback waits there. At most `head` is reached.
 */
export function advance(stand: Stand, passed: number, speed: number, timeOf: (seq: number) => number | null, head: number): Stand {
  let { seq } = stand
  let spare = stand.spare + passed
  while (seq < head) {
    const [now, next] = [timeOf(seq), timeOf(seq + 1)]
    if (next === null) return { seq, spare: 0 }
    // Before the first record there is no time, and clocks of the past may have gone back.
    const pause = Math.min(LONGEST_PAUSE_MS, Math.max(0, next - (now ?? next)) / speed)
    if (spare < pause) return { seq, spare }
    spare -= pause
    seq++
  }
  return { seq: Math.max(seq, stand.seq), spare: 0 }
}

/** The first of `stops` that playback from `seq` to `to` comes upon, if any: a breakpoint. */
export function firstStop(stops: Iterable<number>, seq: number, to: number): number | null {
  let first: number | null = null
  for (const stop of stops) if (stop > seq && stop <= to && (first === null || stop < first)) first = stop
  return first
}
