/**
 * Taking over what other pages left in a room's outbox, as soon as they are gone and not before.
 *
 * The end of a page is waited for (page.ts) and not looked for. Whether there is anything left to take is decided by
 * the database, in one transaction, since several pages hear of the same end. Rules:
 *
 * 1. Every page that may have written is waited for: those that entries name, and those that say that they will write.
 * 2. After each end the database is read again, whoever was first: the page may have ended between a write and telling
 *    the others, and what it sent may be sent by another page now, which is the one to wait for.
 */

import type { Waiting } from './outbox'
import type { Page } from './page'

/** One page's readiness to take over what others leave in a room. */
export class Adoption {
  private readonly waits = new Map<string, AbortController>()
  private readonly unwatch: () => void
  private ended = false
  private looked = false

  constructor(
    private readonly page: Page | null,
    /** Send from now on what that page sent, and look again, whatever that was. */
    private readonly claim: (page: string) => Promise<readonly Waiting[]>,
    private readonly senders: () => Promise<Set<string>>,
    private readonly take: (command: Waiting) => void
  ) {
    // A page that sleeps waits for nobody; when it wakes, it looks who has gone.
    this.unwatch = page?.id.subscribe(() => { this.stop(); this.look() }) ?? (() => {})
  }

  /** Wait for the end of every page that has commands here; take over what nobody sends. */
  look(): void {
    // Without locks nobody knows who lives: a page then takes over, once, whatever it finds, which is safe and only more
    // to send.
    if (this.ended || this.page?.id.value === '' || (!this.page && this.looked)) return
    this.looked = true
    void this.senders().then((pages) => {
      for (const id of pages) {
        if (!this.page || id === '' || id === this.page.id.value) void this.over(id)
        else this.wait(id)
      }
    })
  }

  /** Look again when that page has ended. */
  wait(id: string): void {
    const { page } = this
    if (this.ended || !page?.id.value || id === page.id.value || this.waits.has(id)) return
    const wait = new AbortController()
    this.waits.set(id, wait)
    const gone = (): Promise<void> | undefined => {
      if (wait.signal.aborted) return
      this.waits.delete(id)
      return this.over(id)
    }
    page.gone(id, wait.signal).then(gone, () => {})
  }

  end(): void {
    this.ended = true
    this.unwatch()
    this.stop()
  }

  private stop(): void {
    for (const wait of this.waits.values()) wait.abort()
    this.waits.clear()
  }

  private async over(id: string): Promise<void> {
    // Nothing is taken by a page that has left meanwhile, or sleeps: nobody would ask it.
    if (this.ended || this.page?.id.value === '') return
    for (const command of await this.claim(id)) {
      if (!this.ended) this.take(command)
    }
  }
}
