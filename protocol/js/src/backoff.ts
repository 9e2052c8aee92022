/**
 * How long to wait before the next try: twice as long after each failure, and half of it by chance.
 *
 * Chance keeps the pages of a server that was restarted from coming back all at once.
 */

export class Backoff {
  private tries = 0

  /** How many pauses there were since it worked. */
  get count(): number {
    return this.tries
  }

  constructor(private readonly first_ms: number, private readonly longest_ms: number) {}

  /** The next pause. */
  next(): number {
    const whole = Math.min(this.first_ms * 2 ** this.tries++, this.longest_ms)
    return whole / 2 + Math.random() * whole / 2
  }

  /** It worked: begin anew. */
  reset(): void {
    this.tries = 0
  }
}
