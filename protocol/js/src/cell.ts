/**
 * A value that can be watched: what every state of this package is, and what `useSyncExternalStore` takes as it stands.
 *
 * A value is replaced and never changed in place, so "the same object" means "nothing is new".
 */

export interface Watched<T> {
  /** The value now. The same object as long as nothing changed. */
  readonly value: T
  /** Be called after each change; the answer ends it. What is thrown by one listener reaches no other. */
  subscribe(listener: () => void): () => void
}

export class Cell<T> implements Watched<T> {
  private readonly listeners = new Set<() => void>()

  constructor(private held: T) {}

  get value(): T {
    return this.held
  }

  set(value: T): void {
    if (Object.is(value, this.held)) return
    this.held = value
    for (const listener of [...this.listeners]) {
      try {
        listener()
      } catch (error) {
        queueMicrotask(() => { throw error })
      }
    }
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => { this.listeners.delete(listener) }
  }
}
