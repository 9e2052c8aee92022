/**
 * A stretch of a conversation that is there only while it is near what is being read: else an empty box as tall as it was.
 *
 * So ten thousand parts cost what a few screens cost, when a room is opened, scrolled or written to. A stretch that
 * somebody is at (the focus, a selection, something unfolded, a form) stays, however far it is scrolled away. What is
 * unknown of a stretch that was never near is its height: it is guessed, and once it is known the browser keeps what is
 * being read in its place. A browser that does not (Safari) is helped. The price: searching in the page finds only what
 * is near.
 */

import type { ComponentChildren, VNode } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

/** How far beyond the screen is near, in pixels: what a fast wheel scrolls before the next frame. */
const MARGIN = 1_600
const ANCHORS = CSS.supports('overflow-anchor', 'auto')

interface NearHow {
  /** How tall it probably is, in pixels, before anybody was near. */
  readonly guess: number
  /** Whether it is shown before anybody knows how near it is: the end of a conversation, where reading begins. */
  readonly first: boolean
  /** Whether it stays wherever the reader is, because it still changes or waits for somebody. */
  readonly always: boolean
  readonly children: () => ComponentChildren
}

export function Near({ guess, first, always, children }: NearHow): VNode {
  const box = useRef<HTMLDivElement>(null)
  const [near, come] = useState(first)
  const [height, keep] = useState(guess)
  const shown = near || always
  const stood = useRef(0)
  useLayoutEffect(() => {
    const element = box.current!
    return watch(element, (entered) => {
      if (!entered && inUse(element)) return
      stood.current = element.offsetHeight
      if (!entered) keep(element.offsetHeight)
      come(entered)
    })
  }, [])
  useLayoutEffect(() => {
    const element = box.current!
    const scroll = element.closest('.scroll')
    const grown = element.offsetHeight - stood.current
    if (ANCHORS || !scroll || !shown || stood.current === 0 || grown === 0) return
    if (element.getBoundingClientRect().top < scroll.getBoundingClientRect().top) scroll.scrollTop += grown
  }, [shown])
  return <div class="stretch" ref={box} style={shown ? undefined : { height: `${height}px` }}>{shown ? children() : null}</div>
}

function inUse(element: HTMLElement): boolean {
  const selection = getSelection()
  return element.contains(document.activeElement) || element.querySelector('details[open], form') !== null || (selection !== null && !selection.isCollapsed && selection.containsNode(element, true))
}

type Heard = (entered: boolean) => void

const heard = new WeakMap<Element, Heard>()
const observers = new WeakMap<Element, IntersectionObserver>()

/** Tell whenever the element comes near or leaves, until the returned function is called. One observer serves them all. */
function watch(element: Element, told: Heard): () => void {
  const root = element.closest('.scroll')
  if (!root) return () => {}
  let observer = observers.get(root)
  if (!observer) {
    observer = new IntersectionObserver((entries) => { for (const { target, isIntersecting } of entries) heard.get(target)?.(isIntersecting) }, { root, rootMargin: `${MARGIN}px 0px` })
    observers.set(root, observer)
  }
  heard.set(element, told)
  observer.observe(element)
  return () => {
    observer.unobserve(element)
    heard.delete(element)
  }
}
