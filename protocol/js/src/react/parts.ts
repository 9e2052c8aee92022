/**
 * The parts of an answer, each watched by itself: a token makes one of them render, however many there are.
 *
 * So a list of parts is a list of names (`PartKey`), which changes only when a part comes or goes, and the component of
 * each asks for its own part. React itself touches every sibling of what it renders, so `Parts` nests them.
 */

import { Fragment, createElement, memo, useMemo, type ReactNode } from 'react'
import type { Room } from '../room'
import { ENTRIES } from '../nodes'
import type { Part } from '../types'
import { useConnected } from './provider'
import { derived, unchanged, useWatched } from './watch'

/** Which part is meant. The same object as long as the part is where it was. */
export interface PartKey {
  /** For React: the same for a part's whole life, and no other part of the run has it. */
  readonly key: string
  readonly run: string
  readonly index: number
}

const NONE: readonly PartKey[] = []

/** The parts of a run, in order. */
export function useParts(run: string): readonly PartKey[] {
  const room = useConnected()
  const keys = useMemo(() => room && derived(room.at(['runs', run, 'parts', ENTRIES]), keysOf(room, run)), [room, run])
  return useWatched(keys, NONE)
}

/** One part as it is now; undefined if it has left. */
export function usePart({ run, index }: PartKey): Part | undefined {
  const room = useConnected()
  const part = useMemo(() => room && room.at<Part>(['runs', run, 'parts', index]), [room, run, index])
  return useWatched(part, undefined)
}

export interface PartsProps {
  readonly run: string
  /** What shows a part: an element of a component that asks for it with `usePart`. */
  readonly children: (part: PartKey) => ReactNode
}

/** All parts of a run, shown by `children`. In long answers cheaper than a list of one's own. */
export function Parts({ run, children }: PartsProps): ReactNode {
  return createElement(Span, { keys: useParts(run), show: children, sizes: SPANS })
}

/** With these a token in 10,000 parts touches 65 siblings instead of 10,000. A part's place depends on its index only. */
const SPANS: readonly number[] = [576, 24]

interface SpanProps {
  readonly keys: readonly PartKey[]
  readonly show: (part: PartKey) => ReactNode
  readonly sizes: readonly number[]
}

const Span = memo(function Span({ keys, show, sizes: [size, ...sizes] }: SpanProps): ReactNode {
  if (size === undefined) return keys.map((part) => createElement(Fragment, { key: part.key }, show(part)))
  const starts = Array.from({ length: Math.ceil(keys.length / size) }, (_, index) => index * size)
  return starts.map((start) => createElement(Span, { key: start, keys: keys.slice(start, start + size), show, sizes }))
}, (before, after) => before.show === after.show && unchanged(after.keys, before.keys) === before.keys)

function keysOf(room: Room, run: string) {
  return (_entries: unknown, before: readonly PartKey[] = NONE): readonly PartKey[] => {
    const taken = new Map<string, number>()
    const keys = (room.at<readonly Part[]>(['runs', run, 'parts']).value ?? []).map((part, index) => {
      const name = named(part)
      const nth = taken.get(name) ?? 0
      taken.set(name, nth + 1)
      const key = nth === 0 ? name : `${name}/${nth}`
      const old = before[index]
      return old?.key === key ? old : { key, run, index }
    })
    return unchanged(keys, before)
  }
}

/** What a part is called; parts that no model streamed may share a name. A call becomes a retrieval while it is shown. */
function named(part: Part): string {
  const type = part.type === 'retrieval' ? 'tool' : part.type
  return `${part.step}/${part.attempt}/${part.part}/${type}`
}
