/**
 * Keeps the end of a growing conversation in sight, but only while the reader is there.
 *
 * Whether the reader is at the end is decided by the reader's own scrolling, never by growth: content that grows while the
 * end is in sight keeps it in sight, content that grows while something else is read does not move what is being read
 * (the browser's scroll anchoring sees to that).
 */

import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** How near the end counts as there, in pixels: a line and a half. */
const NEAR = 36

export interface Pin {
  readonly frame: { current: HTMLDivElement | null }
  readonly content: { current: HTMLDivElement | null }
  /** Whether the end is out of sight. */
  readonly away: boolean
  readonly toEnd: () => void
}

export function usePin(room: unknown): Pin {
  const frame = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const pinned = useRef(true)
  const [away, setAway] = useState(false)

  const toEnd = useCallback(() => {
    pinned.current = true
    setAway(false)
    if (frame.current) frame.current.scrollTop = frame.current.scrollHeight
  }, [])

  useLayoutEffect(() => {
    const box = frame.current
    const inner = content.current
    if (!box || !inner) return
    let top = 0
    let height = 0
    const grown = new ResizeObserver(() => {
      if (pinned.current) box.scrollTop = box.scrollHeight
      height = box.scrollHeight
    })
    const scrolled = (): void => {
      const near = box.scrollHeight - box.clientHeight - box.scrollTop <= NEAR
      // Upwards without a change of height is the reader's hand; so is arriving at the end.
      if (near) pinned.current = true
      else if (box.scrollTop < top && box.scrollHeight === height) pinned.current = false
      top = box.scrollTop
      height = box.scrollHeight
      setAway(!pinned.current)
    }
    // A wheel or a key upwards is meant, even if the content grows in the same frame.
    const meant = (event: WheelEvent): void => {
      if (event.deltaY < 0 && box.scrollHeight > box.clientHeight) pinned.current = false
    }
    grown.observe(inner)
    grown.observe(box)
    box.addEventListener('scroll', scrolled, { passive: true })
    box.addEventListener('wheel', meant, { passive: true })
    pinned.current = true
    setAway(false)
    box.scrollTop = box.scrollHeight
    return () => {
      grown.disconnect()
      box.removeEventListener('scroll', scrolled)
      box.removeEventListener('wheel', meant)
    }
  }, [room])

  return { frame, content, away, toEnd }
}
