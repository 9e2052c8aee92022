/**
 * Hooks, on a room whose document is real and whose server is not there: what renders, and how often.
 */

import './dom'
import { Cell } from 'plait-client/cell'
import {
  Parts, RoomProvider, useApproval, usePart, useParts, usePresence, useRoom, useRun, useSharedText, useTool,
  type Approval, type PartKey, type SharedText
} from 'plait-client/react'
import { Room } from 'plait-client/room'
import { Snapshots } from 'plait-client/snapshot'
import { act, memo, Profiler, StrictMode, useRef, type ReactNode } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'

const RUN = '000000000002'
const closing: (() => void)[] = []
afterEach(() => act(async () => { for (const close of closing.splice(0)) close() }))

/** A room and the document behind it. */
function world() {
  const doc = new Y.Doc()
  const snapshots = new Snapshots(doc)
  const asked: unknown[][] = []
  const tools = new Map<string, (args: unknown, signal: AbortSignal) => unknown>()
  const register = vi.fn((name: string, _schema: unknown, execute: (args: unknown, signal: AbortSignal) => unknown) => {
    tools.set(name, execute)
    return () => { if (tools.get(name) === execute) tools.delete(name) }
  })
  const shared = new Y.Doc()
  const open = vi.fn(() => ({ doc: shared, close: closed }))
  const closed = vi.fn()
  const waiting = new Cell<readonly unknown[]>([])
  const presence = new Cell<readonly unknown[]>([])
  const status = new Cell<unknown>({ kind: 'live' })
  const room = new Room('lobby', {
    lane: { status, loaded: new Cell(true) },
    commands: { waiting, refusedLater: new Cell([]), ask: async (...all: unknown[]) => { asked.push(all); return { seq: 1 } } },
    snapshots,
    presence: { present: presence },
    tools: { get: async () => ({ register }) },
    documents: { open }
  } as never)
  const runs = doc.getMap<Y.Map<unknown>>('runs')
  return { doc, room, runs, asked, tools, register, shared, open, closed, waiting, presence, status }
}

function addRun(runs: Y.Map<Y.Map<unknown>>, id: string, parts: Y.Map<unknown>[]): Y.Array<Y.Map<unknown>> {
  const list = Y.Array.from(parts)
  const head = { agent: 'assistant', author: 'ann', prompt: 'hi', status: 'running', requested_at: '2026-01-01T00:00:00Z' }
  runs.set(id, new Y.Map<unknown>([...Object.entries(head), ['parts', list]]))
  return list
}

function text(part: number, said: string): Y.Map<unknown> {
  return new Y.Map<unknown>([
    ['type', 'text'], ['step', 'generate.0'], ['attempt', 1], ['part', part], ['text', Y.Array.from([new Y.Text(said)])]
  ])
}

function say(part: Y.Map<unknown>, more: string): void {
  const segments = part.get('text') as Y.Array<Y.Text>
  const last = segments.get(segments.length - 1)
  last.insert(last.length, more)
}

async function render(node: ReactNode): Promise<{ root: Root; html: () => string }> {
  const at = document.createElement('div')
  const root = createRoot(at)
  await act(async () => root.render(node))
  closing.push(() => root.unmount())
  return { root, html: () => at.innerHTML }
}

const Line = memo(function Line({ part, rendered }: { part: PartKey; rendered: (key: string) => void }) {
  const shown = usePart(part)
  rendered(part.key)
  return <p>{shown?.type === 'text' ? shown.text : shown?.type}</p>
})

function Answer({ run, rendered }: { run: string; rendered: (key: string) => void }) {
  const parts = useParts(run)
  rendered('list')
  return <>{parts.map((part) => <Line key={part.key} part={part} rendered={rendered} />)}</>
}

function Everything() {
  const { status, runs, loaded, info } = useRoom()
  const head = useRun(RUN)
  const parts = useParts(RUN)
  const here = usePresence()
  const { text } = useSharedText()
  useTool('paint', { description: 'Paints.' }, () => 'done')
  return <b>{[status.kind, runs.length, String(loaded), info.title, head?.agent, parts.length, here.length, text].join()}</b>
}

const EMPTY = '<b>connecting,0,false,,,0,0,</b>'

test('JS40: what a server rendered is taken over without a complaint, and then shows what is known', async () => {
  const { room, runs } = world()
  addRun(runs, RUN, [text(0, 'hello')])
  const at = document.createElement('div')
  at.innerHTML = EMPTY
  const complained = vi.fn()
  const node = <RoomProvider room={room}><Everything /></RoomProvider>
  const root = await act(async () => hydrateRoot(at, node, { onRecoverableError: complained }))
  closing.push(() => root.unmount())
  expect(at.innerHTML).toBe('<b>live,1,true,,assistant,1,0,</b>')
  expect(complained).not.toHaveBeenCalled()
})

test('JS41: a token renders the part that it belongs to, and nothing else', async () => {
  const { room, runs, doc } = world()
  const list = addRun(runs, RUN, [text(0, 'one'), text(1, 'two')])
  const counts = new Map<string, number>()
  const rendered = (key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)
  const { html } = await render(<RoomProvider room={room}><Answer run={RUN} rendered={rendered} /></RoomProvider>)
  expect(html()).toBe('<p>one</p><p>two</p>')
  counts.clear()
  await act(async () => say(list.get(1), ' and more'))
  expect(html()).toBe('<p>one</p><p>two and more</p>')
  expect([...counts]).toEqual([['generate.0/1/1/text', 1]])
  counts.clear()
  await act(async () => doc.transact(() => { list.push([text(2, 'three')]) }))
  expect([...counts]).toEqual([['list', 1], ['generate.0/1/2/text', 1]])
})

test('JS41: an attempt that is superseded takes its parts along; a part that stays keeps its key', async () => {
  const { room, runs } = world()
  const list = addRun(runs, RUN, [text(0, 'one'), text(1, 'two'), text(2, 'three')])
  let keys: readonly string[] = []
  function Keys() {
    const parts = useParts(RUN)
    keys = parts.map(({ key }) => key)
    return <>{parts.map((part) => <Line key={part.key} part={part} rendered={() => {}} />)}</>
  }
  const { html } = await render(<RoomProvider room={room}><Keys /></RoomProvider>)
  await act(async () => list.delete(1))
  expect(keys).toEqual(['generate.0/1/0/text', 'generate.0/1/2/text'])
  expect(html()).toBe('<p>one</p><p>three</p>')
  await act(async () => runs.delete(RUN))
  expect(html()).toBe('')
})

test('JS41: parts of one name have keys of their own, and a call that becomes a retrieval keeps its key', async () => {
  const { room, runs } = world()
  const call = new Y.Map<unknown>([['type', 'tool'], ['step', ''], ['attempt', 0], ['part', 0], ['id', 'a']])
  const other = new Y.Map<unknown>([['type', 'tool'], ['step', ''], ['attempt', 0], ['part', 0], ['id', 'b']])
  addRun(runs, RUN, [call, other])
  let keys: readonly PartKey[] = []
  const Keys = () => ((keys = useParts(RUN)), null)
  await render(<RoomProvider room={room}><Keys /></RoomProvider>)
  const before = keys
  expect(new Set(keys.map(({ key }) => key)).size).toBe(2)
  await act(async () => call.set('type', 'retrieval'))
  expect(keys).toBe(before)
})

test('JS41: neither the room nor a run renders for a token', async () => {
  const { room, runs, doc } = world()
  const list = addRun(runs, RUN, [text(0, 'one')])
  const used = vi.fn()
  const Head = () => (used(useRoom(), useRun(RUN)), null)
  await render(<RoomProvider room={room}><Head /></RoomProvider>)
  used.mockClear()
  await act(async () => say(list.get(0), ' more'))
  expect(used).not.toHaveBeenCalled()
  await act(async () => runs.get(RUN)!.set('status', 'done'))
  expect(used).toHaveBeenCalledTimes(1)
  expect(used.mock.lastCall?.[1]).toMatchObject({ status: 'done', agent: 'assistant' })
  await act(async () => doc.getMap('room').set('title', 'Plans'))
  expect(used.mock.lastCall?.[0].info).toEqual({ title: 'Plans' })
})

test('JS42: in a conversation of 10,000 parts a token renders one component', { timeout: 60_000 }, async () => {
  const { room, runs } = world()
  const list = addRun(runs, RUN, Array.from({ length: 10_000 }, (_, index) => text(index, 'word')))
  const part = list.get(9_999)
  let rendered: string[] = []
  let commits = 0
  let last = ''
  // Without elements, which take this page longer than React.
  const Said = memo(function Said({ part }: { part: PartKey }) {
    const shown = usePart(part)
    if (shown?.type === 'text') last = shown.text
    rendered.push(part.key)
    return null
  })
  const Answers = () => <Parts run={RUN}>{(part) => <Said part={part} />}</Parts>
  await render(
    <Profiler id="all" onRender={() => { commits += 1 }}><RoomProvider room={room}><Answers /></RoomProvider></Profiler>
  )
  expect(rendered.length).toBe(10_000)
  commits = 0
  rendered = []
  for (let token = 0; token < 20; token++) await act(async () => say(part, ' x'))
  expect(rendered).toEqual(Array.from({ length: 20 }, () => 'generate.0/1/9999/text'))
  expect(commits).toBe(20)
  expect(last).toBe(`word${' x'.repeat(20)}`)
  rendered = []
  await act(async () => list.push([text(10_000, 'new')]))
  expect(rendered).toEqual(['generate.0/1/10000/text'])
})

test('JS43: StrictMode mounts twice; in the end a tool is there once, runs the newest code, and leaves with its component', async () => {
  const { room, tools, register } = world()
  function Lender({ answer }: { answer: string }) {
    useTool('paint', { description: 'Paints.', parameters: { type: 'object' } }, () => answer)
    return null
  }
  const page = (answer: string) => <StrictMode><RoomProvider room={room}><Lender answer={answer} /></RoomProvider></StrictMode>
  const { root } = await render(page('red'))
  expect([...tools.keys()]).toEqual(['paint'])
  const times = register.mock.calls.length
  await act(async () => root.render(page('blue')))
  expect(register).toHaveBeenCalledTimes(times)
  expect(await tools.get('paint')!({}, new AbortController().signal)).toBe('blue')
  await act(async () => root.render(<StrictMode><RoomProvider room={room} /></StrictMode>))
  expect(tools.size).toBe(0)
})

test('JS44: an approval has what is asked, and is gone once it is decided', async () => {
  const { room, runs, asked, waiting } = world()
  const call = new Y.Map<unknown>(Object.entries({
    type: 'tool', step: 'generate.0', attempt: 1, part: 0, id: 'a', name: 'send_mail', args: '{"to":"ann"}',
    state: 'asking', asks: 'approval', reason: 'It sends.', call: 'all.0/0/call.0'
  }))
  addRun(runs, RUN, [call, text(1, 'x')])
  const seen: (Approval | null)[] = []
  const Ask = ({ part }: { part: PartKey }) => (seen.push(useApproval(part)), null)
  const Asks = () => <>{useParts(RUN).map((part) => <Ask key={part.key} part={part} />)}</>
  await render(<RoomProvider room={room}><Asks /></RoomProvider>)
  const [approval, other] = seen
  expect(other).toBeNull()
  expect(approval).toMatchObject({ asks: 'approval', name: 'send_mail', args: { to: 'ann' }, question: 'It sends.', decided: false })
  await approval!.approve({ to: 'bob' })
  const body = { do: 'approve', run: RUN, step: 'all.0/0/call.0', args: { to: 'bob' } }
  expect(asked).toEqual([[body, undefined]])
  await act(async () => waiting.set([{ id: '1', room: 'lobby', body, asked_at: 0 }]))
  expect(seen.at(-1)).toMatchObject({ decided: true })
  await act(async () => { call.set('state', 'requested') })
  expect(seen.at(-1)).toBeNull()
})

test('JS45: a shared text is read and written as a string, and only what differs is written', async () => {
  const { room, shared, closed, open } = world()
  const held = shared.getText('content')
  held.insert(0, 'The 🐈 sat.')
  const used: { current: SharedText | null } = { current: null }
  function Field() {
    used.current = useSharedText('notes')
    const renders = useRef(0)
    renders.current += 1
    return <i>{used.current.text}</i>
  }
  const { root, html } = await render(<StrictMode><RoomProvider room={room}><Field /></RoomProvider></StrictMode>)
  expect(html()).toBe('<i>The 🐈 sat.</i>')
  const deltas: unknown[] = []
  held.observe((event) => deltas.push(event.delta))
  await act(async () => used.current!.set('The 🐕 sat.'))
  await act(async () => used.current!.set('The 🐕 sat down.'))
  await act(async () => held.insert(0, '"'))
  expect(html()).toBe('<i>"The 🐕 sat down.</i>')
  expect(deltas.slice(0, 2)).toEqual([
    [{ retain: 4 }, { delete: 2 }, { insert: '🐕' }],
    [{ retain: 10 }, { insert: ' down' }]
  ])
  await act(async () => root.render(<StrictMode />))
  expect(closed).toHaveBeenCalledTimes(open.mock.calls.length)
})
