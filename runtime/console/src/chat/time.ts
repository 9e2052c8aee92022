/**
 * Times for people: a clock, a day, a duration.
 */

/** Made once: finding out how a reader's country writes times takes longer than writing one. */
const CLOCK = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' })

export function clock(time: string): string | null {
  const moment = new Date(time)
  return Number.isNaN(moment.getTime()) ? null : CLOCK.format(moment)
}

/** How long something took: `0.8 s`, `42 s`, `3 min 10 s`. */
export function duration(from: string, to: string): string | null {
  const ms = new Date(to).getTime() - new Date(from).getTime()
  if (!Number.isFinite(ms) || ms < 0) return null
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** Whether a time is of the reader's own today. */
export function isToday(time: string | undefined): boolean {
  return time !== undefined && new Date(time).toDateString() === new Date().toDateString()
}

/** When something happened, as short as it can be told: a clock today, a date before. */
export function when(time: string | undefined): string {
  if (!time) return ''
  if (isToday(time)) return clock(time) ?? ''
  const moment = new Date(time)
  return Number.isNaN(moment.getTime()) ? '' : moment.toLocaleDateString([], { month: 'short', day: 'numeric' })
}
