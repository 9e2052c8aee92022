/**
 * One value that the page watches.
 *
 * The page's state lives in cells and in Yjs types, never in a store that is rendered whole: who shows a value subscribes
 * to that value, so a streamed token wakes one component and not the conversation.
 */

import { useLayoutEffect, useState } from 'preact/hooks'

export class Cell<T> {
  private watchers = new Set<() => void>()

  constructor(private held: T) {}

  get value(): T {
    return this.held
  }

  /** Hold another value; setting the same one wakes nobody. */
  set(value: T): void {
    if (Object.is(value, this.held)) return
    this.held = value
    for (const watcher of [...this.watchers]) watcher()
  }

  /** Call `watcher` after each change until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }
}

/** The cell's value, and a new rendering whenever it changes. */
export function useCell<T>(cell: Cell<T>): T {
  const again = useAgain()
  useLayoutEffect(() => {
    const seen = cell.value
    const stop = cell.watch(again)
    // The value may have changed between rendering and subscribing.
    if (!Object.is(seen, cell.value)) again()
    return stop
  }, [cell])
  return cell.value
}

/** A function that renders this component again. */
export function useAgain(): () => void {
  const [, count] = useState(0)
  return () => count((n) => n + 1)
}
