/**
 * Snapshots of the room document: plain, shared where nothing changed, told only to whom it concerns, at a token's cost.
 */

import type { Part, Run } from 'plait-client'
import { Snapshots } from 'plait-client/snapshot'
import { expect, test } from 'vitest'
import * as Y from 'yjs'

const RUN = '000000000001'

/** A room document as the server writes it. */
function written(parts: number, text = 'Hello'): { server: Y.Doc; list: Y.Array<Y.Map<any>> } {
  const server = new Y.Doc()
  const list = new Y.Array<Y.Map<any>>()
  server.transact(() => {
    server.getMap('room').set('title', 'Lobby')
    server.getMap('runs').set(RUN, new Y.Map<any>([['agent', 'assistant'], ['status', 'running'], ['parts', list]]))
    list.push(Array.from({ length: parts }, (_, index) => part(index, text)))
  })
  return { server, list }
}

/** The same, and what a page makes of its copy. */
function made(parts: number): { server: Y.Doc; snapshots: Snapshots; list: Y.Array<Y.Map<any>> } {
  const { server, list } = written(parts)
  const page = new Y.Doc()
  Y.applyUpdate(page, Y.encodeStateAsUpdate(server))
  server.on('update', (update) => Y.applyUpdate(page, update))
  return { server, snapshots: new Snapshots(page), list }
}

function part(index: number, text: string): Y.Map<any> {
  const segments = new Y.Array<Y.Text>()
  segments.push([new Y.Text(text)])
  return new Y.Map<any>([['type', 'text'], ['step', 's'], ['part', index], ['text', segments]])
}

function segments(map: Y.Map<any>): Y.Array<Y.Text> {
  return map.get('text') as Y.Array<Y.Text>
}

function token(map: Y.Map<any>, text = '!'): void {
  const last = segments(map).get(segments(map).length - 1)
  last.insert(last.length, text)
}

test('JS20: a change gives a new value along its path and leaves all others the same objects', () => {
  const { snapshots, list } = made(3)
  const whole = snapshots.at([])
  const before = whole.value as { runs: Record<string, Run>; room: object }
  expect(before).toEqual({
    room: { title: 'Lobby' },
    drafts: {},
    runs: { [RUN]: { agent: 'assistant', status: 'running', parts: [0, 1, 2].map((part) => ({ type: 'text', step: 's', part, text: 'Hello' })) } }
  })
  expect(whole.value).toBe(before)
  token(list.get(1))
  const after = whole.value as typeof before
  expect(after.runs[RUN]!.parts.map((part) => (part as { text: string }).text)).toEqual(['Hello', 'Hello!', 'Hello'])
  expect((before.runs[RUN]!.parts[1] as { text: string }).text).toBe('Hello')
  expect(after.room).toBe(before.room)
  expect(after.runs[RUN]!.parts[0]).toBe(before.runs[RUN]!.parts[0])
  expect(after.runs[RUN]!.parts[1]).not.toBe(before.runs[RUN]!.parts[1])
})

test('JS20: parts come, go and take the place of others, keys come and go, runs leave, and it is what Yjs says', () => {
  const { server, snapshots, list } = made(3)
  const doc = new Y.Doc()
  server.on('update', (update) => Y.applyUpdate(doc, update))
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(server))
  const changes = [
    () => list.delete(1),
    () => list.insert(0, [part(7, 'first')]),
    () => token(list.get(0)),
    () => list.get(2).set('state', 'done'),
    () => list.get(2).delete('state'),
    () => server.getMap('room').set('metadata', new Y.Map([['customer', '17']])),
    () => (server.getMap('room').get('metadata') as Y.Map<string>).delete('customer'),
    () => segments(list.get(1)).push([new Y.Text('more'), new Y.Text('and more')]),
    () => token(list.get(1)),
    () => segments(list.get(1)).get(0).insert(0, '>'),
    () => segments(list.get(1)).delete(1, 1),
    () => server.getMap('drafts').set('d', new Y.Map([['of', 'main']])),
    () => server.getMap('runs').set('000000000002', new Y.Map<any>([['parts', new Y.Array()]])),
    () => server.getMap('runs').delete(RUN)
  ]
  for (const change of changes) {
    change()
    expect(snapshots.at([]).value).toEqual(plain(doc))
  }
})

/** The document as values, made the slow way. */
function plain(doc: Y.Doc): object {
  const all = Object.fromEntries(['room', 'drafts', 'runs'].map((root) => [root, doc.getMap(root).toJSON()])) as Record<string, any>
  for (const run of Object.values(all.runs) as any[]) {
    for (const part of run.parts) part.text = part.text.join('')
  }
  return all
}

test('JS21: only a change of that very value wakes who listens to a path, also before there is one', () => {
  const { server, snapshots, list } = made(3)
  const heard: string[] = []
  const listen = (...path: (string | number)[]): (() => void) => snapshots.at(path).subscribe(() => heard.push(path.join('/')))
  const take = (): string[] => heard.splice(0).sort()
  listen()
  listen('runs', RUN, 'parts', 0)
  const stop = listen('runs', RUN, 'parts', 1)
  listen('runs', RUN, 'parts', 1, 'text')
  listen('runs', RUN, 'status')
  listen('runs', '000000000002', 'status')
  listen('room', 'title')
  token(list.get(1))
  expect(take()).toEqual(['', `runs/${RUN}/parts/1`, `runs/${RUN}/parts/1/text`])
  stop()
  ;(server.getMap('runs').get(RUN) as Y.Map<any>).set('status', 'done')
  expect(take()).toEqual(['', `runs/${RUN}/status`])
  list.push([part(3, 'new')])
  expect(take()).toEqual([''])
  list.delete(0)
  expect(take()).toEqual(['', `runs/${RUN}/parts/0`, `runs/${RUN}/parts/1/text`])
  server.getMap('runs').set('000000000002', new Y.Map<any>([['status', 'queued'], ['parts', new Y.Array()]]))
  expect(take()).toEqual(['', 'runs/000000000002/status'])
  expect(snapshots.at(['runs', '000000000002', 'status']).value).toBe('queued')
  expect(snapshots.at(['runs', 'none', 'parts', 3, 'text']).value).toBeUndefined()
})

test('JS22: a token costs as much in a run of 10,000 parts, behind a long text, as in a small one', () => {
  const cost = (parts: number, segmented: number): number => {
    const { server, list } = written(parts)
    const snapshots = new Snapshots(server)
    const last = list.get(parts - 1)
    for (let n = 0; n < segmented; n++) segments(last).push([new Y.Text('x'.repeat(2000))])
    segments(last).push([new Y.Text()])
    const shown = snapshots.at(['runs', RUN, 'parts', parts - 1])
    let renders = 0
    shown.subscribe(() => { renders += (shown.value as Part & { text: string }).text.length > 0 ? 1 : 0 })
    const batch = (): number => {
      const began = performance.now()
      for (let n = 0; n < 50; n++) token(last, 'token ')
      return (performance.now() - began) / 50
    }
    const best = Math.min(...Array.from({ length: 24 }, batch))
    expect(renders).toBe(1_200)
    return best
  }
  const small = cost(3, 2)
  const large = cost(10_000, 200)
  // Both are some 20 µs on a laptop; counting through 10,000 parts would be 50 µs more, joining 400 KB 100 µs.
  expect(large).toBeLessThan(2 * small + 0.03)
})
