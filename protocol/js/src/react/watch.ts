/**
 * Watched values in React: the one door to `useSyncExternalStore`, and values that are made of others.
 *
 * On a server, and for the first render in a page, every value is what it is before anything came. So what a server
 * rendered fits, and nothing is connected while rendering.
 */

import { useCallback, useSyncExternalStore } from 'react'
import type { Watched } from '../cell'

/** The value now, and a render after each change; `empty`, which must stay the same object, while there is none. */
export function useWatched<T>(watched: Watched<T> | null, empty: T): T {
  const subscribe = useCallback((heard: () => void) => watched?.subscribe(heard) ?? nothing, [watched])
  return useSyncExternalStore(subscribe, () => (watched ? watched.value : empty), () => empty)
}

function nothing(): void {}

/**
 * What is made of a watched value, made at most once for each. `make` is given what it made before, and returns the same
 * object where that still holds: then nobody renders.
 */
export function derived<T, U>(source: Watched<T>, make: (value: T, before: U | undefined) => U): Watched<U> {
  let made: { readonly of: T; readonly value: U } | undefined
  return {
    get value(): U {
      const value = source.value
      if (made === undefined || !Object.is(made.of, value)) made = { of: value, value: make(value, made?.value) }
      return made.value
    },
    subscribe: (listener) => source.subscribe(listener)
  }
}

/** `value`, or `before` if all its entries are the same. */
export function unchanged<T extends object>(value: T, before: T | undefined): T {
  if (before === undefined) return value
  const keys = Object.keys(value)
  const same = keys.length === Object.keys(before).length && keys.every((key) => Object.is(entry(value, key), entry(before, key)))
  return same ? before : value
}

function entry(value: object, key: string): unknown {
  return (value as { readonly [key: string]: unknown })[key]
}
