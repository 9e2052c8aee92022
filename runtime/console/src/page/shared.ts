/**
 * Watching Yjs types from components: one subscription for each type, and text read once a frame.
 *
 * A token changes one `Y.Text`, so it must cost about the length of that segment (at most 2 KiB) and not that of the
 * answer. Everything that streams is therefore read from the last segment only, at most once per animation frame; a
 * hidden tab draws no frames and so does no work at all until it is looked at.
 */

import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import * as Y from 'yjs'

import { useAgain } from './cell'

/** Render again when the type itself changes (its keys or its items, not what is nested in them). */
export function useShared(type: Y.AbstractType<any>): void {
  const again = useAgain()
  useLayoutEffect(() => {
    type.observe(again)
    again()
    return () => type.unobserve(again)
  }, [type])
}

/** The joined text of a part's segments, read again in the frame after it changed. */
export function useSegments(segments: Y.Array<Y.Text>): string {
  const [text, show] = useState(() => join(segments, 0, segments.length))
  useEffect(() => {
    let settled = ''
    let count = 0
    let frame = 0
    /** The last segment that was read, which may have grown before the next one began. */
    let tail: Y.Text | null = null
    const read = (): void => {
      frame = 0
      const last = segments.length - 1
      if (count > last || count < 0) {
        settled = ''
        count = 0
      }
      settled += join(segments, count, Math.max(last, 0))
      count = Math.max(last, 0)
      tail = last >= 0 ? segments.get(last) : null
      show(settled + join(segments, count, last + 1))
    }
    const changed = (events: Y.YEvent<any>[]): void => {
      // Segments are only ever appended to at the end; anything else means that all is read again. An event's `path`
      // would say which one changed, and counts the segments before it each time.
      if (events.some(({ target }) => target !== segments && target !== tail)) count = -1
      frame ||= requestAnimationFrame(read)
    }
    read()
    segments.observeDeep(changed)
    return () => {
      segments.unobserveDeep(changed)
      cancelAnimationFrame(frame)
    }
  }, [segments])
  return text
}

function join(segments: Y.Array<Y.Text>, from: number, to: number): string {
  return segments.slice(from, to).map((segment) => segment.toString()).join('')
}
