/**
 * This page as other pages of its origin see it: an id, and a lock that it holds for as long as it lives and runs.
 *
 * The browser frees a lock when its page is closed, reloaded or crashes, so waiting for a page's lock is waiting for its
 * end, without a timer and without polling. A page that is frozen or lies in the back/forward cache runs no code and
 * may never come back, so it is as good as gone: it lets go of everything that others wait for, and comes back under
 * a new id.
 */

import { Cell, type Watched } from './cell'
import { newId } from './ids'

/** How names of locks, channels and databases begin; raised with what is said there, so that releases do not mix. */
export const FAMILY = 'plait.1'

/** Where a page hears what becomes of it: `pagehide` and `pageshow` at the window, the other events at the document. */
export interface Life {
  readonly window: EventTarget
  readonly document: EventTarget & { readonly visibilityState: string }
}

export class Page {
  /** Empty while the page sleeps. */
  readonly id: Watched<string>
  /** Changes whenever the page comes into sight. */
  readonly seen = new Cell(0)
  private readonly named: Cell<string>
  private held: Promise<void>
  private release = (): void => {}

  constructor(readonly locks: LockManager, life: Life = { window, document }) {
    this.named = new Cell(newId())
    this.id = this.named
    this.held = this.hold()
    const sleep = (): void => this.sleep()
    const wake = (): void => this.wake()
    life.window.addEventListener('pagehide', sleep)
    life.window.addEventListener('pageshow', wake)
    life.document.addEventListener('freeze', sleep)
    life.document.addEventListener('resume', wake)
    life.document.addEventListener('visibilitychange', () => {
      if (life.document.visibilityState === 'visible') this.seen.set(this.seen.value + 1)
    })
  }

  /** Resolves once others can wait for this page's end. Rejects where the browser forbids locks. */
  ready(): Promise<void> {
    return this.held
  }

  /** Resolves when that page is gone. Rejects when `signal` is aborted, or where the browser forbids locks. */
  async gone(id: string, signal: AbortSignal): Promise<void> {
    // Shared, so that one waiting page that was put to sleep unawares keeps nobody else waiting.
    await this.locks.request(lockOf(id), { mode: 'shared', signal }, () => {})
  }

  /** A channel to the other pages of the origin; this page hears nothing of what it says itself. */
  channel(name: string): BroadcastChannel {
    return new BroadcastChannel(`${FAMILY} ${name}`)
  }

  private sleep(): void {
    if (!this.named.value) return
    this.release()
    this.named.set('')
  }

  private wake(): void {
    if (this.named.value) return
    const id = newId()
    this.held = this.hold(id)
    this.named.set(id)
  }

  private hold(id: string = this.named.value): Promise<void> {
    const held = new Promise<void>((settle, fail) => {
      const kept = new Promise<void>((release) => { this.release = release })
      this.locks.request(lockOf(id), () => { settle(); return kept }).catch(fail)
    })
    held.catch(() => {})
    return held
  }
}

function lockOf(id: string): string {
  return `${FAMILY} page ${id}`
}

let page: Page | null = null

/** The page that this code runs in, or null where there is none, or no locks or channels to share anything with. */
export function thisPage(): Page | null {
  const able = typeof document !== 'undefined' && typeof BroadcastChannel !== 'undefined' && !!navigator.locks
  if (able) page ??= new Page(navigator.locks)
  return page
}
