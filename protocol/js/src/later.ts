/**
 * A part of this package that many pages never need, fetched when one first does: lending tools, reading the log.
 *
 * A bundler makes a file of its own of what is imported so. A page that is offline just then cannot fetch it, so it is
 * tried again until it is here; whoever asked waits that long, and is served in the order of asking.
 */

import { Backoff } from './backoff'

const FIRST_MS = 1_000
const LONGEST_MS = 30_000

export class Later<T> {
  /** The part, once it is here. */
  now: T | undefined
  /** The part to come, once somebody has asked for it. */
  asked: Promise<T> | undefined

  constructor(private readonly fetch: () => Promise<T>) {}

  get(): Promise<T> {
    return this.asked ??= this.tried()
  }

  private async tried(): Promise<T> {
    const backoff = new Backoff(FIRST_MS, LONGEST_MS)
    for (;;) {
      try {
        return this.now = await this.fetch()
      } catch {
        await new Promise((again) => setTimeout(again, backoff.next()))
      }
    }
  }
}
