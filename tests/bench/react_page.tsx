/**
 * A page that shows one run of many parts and measures what a token of the last one costs: React's work, not the layout.
 *
 * `window.measure(parts, tokens)` gives microseconds for each token, and how many components it rendered.
 */

import { Cell } from 'plait-client/cell'
import { Parts, RoomProvider, usePart, useParts, useRoom, useRun, type PartKey } from 'plait-client/react'
import { Room } from 'plait-client/room'
import { Snapshots } from 'plait-client/snapshot'
import { memo, type ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { createRoot } from 'react-dom/client'
import * as Y from 'yjs'

const RUN = '000000000002'
let rendered = 0

const Line = memo(function Line({ part }: { part: PartKey }) {
  const shown = usePart(part)
  rendered += 1
  return <p>{shown?.type === 'text' ? shown.text : ''}</p>
})

const showLine = (part: PartKey): ReactNode => <Line part={part} />

function Nested() {
  rendered += 1
  return <section title={`${useRoom().runs.length} ${useRun(RUN)?.status}`}><Parts run={RUN}>{showLine}</Parts></section>
}

function Listed() {
  rendered += 1
  return <section>{useParts(RUN).map((part) => <Line key={part.key} part={part} />)}</section>
}

function world(count: number): { room: Room; text: Y.Text } {
  const doc = new Y.Doc()
  const snapshots = new Snapshots(doc)
  const text = new Y.Text('word')
  const part = (index: number): Y.Map<unknown> => new Y.Map<unknown>([
    ['type', 'text'], ['step', 'generate.0'], ['attempt', 1], ['part', index],
    ['text', Y.Array.from([index === count - 1 ? text : new Y.Text('word')])]
  ])
  const parts = Y.Array.from(Array.from({ length: count }, (_, index) => part(index)))
  doc.getMap('runs').set(RUN, new Y.Map<unknown>([['status', 'running'], ['parts', parts]]))
  const none = new Cell<readonly never[]>([])
  const room = new Room('lobby', {
    lane: { status: new Cell({ kind: 'live' }), loaded: new Cell(true) },
    commands: { waiting: none, refusedLater: none }, snapshots, presence: { present: none }, tools: {}, documents: {}
  } as never)
  return { room, text }
}

function measure(count: number, tokens: number, how: 'nested' | 'listed'): { us: number; components: number } {
  const { room, text } = world(count)
  const at = document.body.appendChild(document.createElement('main'))
  // What is measured is React: a page that lays all of this out has other worries.
  at.style.display = 'none'
  const root = createRoot(at)
  flushSync(() => root.render(<RoomProvider room={room}>{how === 'nested' ? <Nested /> : <Listed />}</RoomProvider>))
  const say = (): void => flushSync(() => text.insert(text.length, ' x'))
  for (let token = 0; token < 100; token++) say()
  rendered = 0
  const began = performance.now()
  for (let token = 0; token < tokens; token++) say()
  const us = ((performance.now() - began) / tokens) * 1000
  root.unmount()
  at.remove()
  return { us, components: rendered / tokens }
}

Object.assign(window, { measure })
