/**
 * What is so about the room's runs as a whole: how many are open, whether one waits for a person.
 */

import { useLayoutEffect, useState } from 'preact/hooks'
import type * as Y from 'yjs'

import type { Room } from '../wire/room'

/** How many runs are open. */
export function useOpenRuns(room: Room): number {
  return useRuns(room, () => room.open().length)
}

/** Whether a run waits for somebody's word. */
export function useWaits(room: Room): boolean {
  return useRuns(room, () => room.waits())
}

/** Heard from the runs' own maps, since a status is nested in them. */
function useRuns<T>(room: Room, read: () => T): T {
  const [value, setValue] = useState(read)
  useLayoutEffect(() => {
    const changed = (events: { target: Y.AbstractType<any> }[]): void => {
      // Deeper than a run's own keys are its parts and their text, which cannot open or end it. An event's `path` would
      // say how deep, and counts the parts before it each time.
      if (events.some(({ target }) => target === room.runs || target.parent === room.runs)) setValue(read)
    }
    setValue(read)
    room.runs.observeDeep(changed)
    return () => room.runs.unobserveDeep(changed)
  }, [room])
  return value
}
