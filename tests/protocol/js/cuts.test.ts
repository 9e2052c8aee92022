/**
 * What a page does when its socket or its server goes: nothing is lost, nothing happens twice, and it comes back itself.
 */

import type { LaneEvents } from 'plait-client/link'
import { type Sockets, SocketLink } from 'plait-client/socket'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { join_room, leave_all, Proxy, Serving, when } from './serving'

const server = new Serving('echo:60', ['--agent', 'tests.console.crew:clerk'])
const other = new Serving('echo')
let proxy: Proxy

beforeAll(async () => { await Promise.all([server.start(), other.start()]) })
beforeEach(async () => { proxy = await new Proxy(() => server.url).start() })
afterEach(() => {
  leave_all()
  proxy.end()
})
afterAll(async () => { await Promise.all([server.remove(), other.remove()]) })

const PAGES = 3
const ROUNDS = 12
const WORDS = Array.from({ length: 40 }, (_, n) => `word${n}`).join(' ')

test('JS2: a command whose answer was lost is sent again and happens once, with its first answer', async () => {
  const room = join_room(proxy.url, 'once')
  await when(room.status, ({ kind }) => kind === 'live')
  proxy.deaf = true
  const asked = room.prompt('Once only')
  const seen = join_room(server.url, 'once')
  await when(seen.snapshot, ({ runs }) => Object.keys(runs).length === 1)
  expect(room.waiting.value).toMatchObject([{ body: { do: 'prompt', text: 'Once only' } }])
  proxy.deaf = false
  proxy.cut()
  const { run } = await asked
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done')
  expect(Object.keys(room.snapshot.value.runs)).toEqual([run])
  await when(room.waiting, (waiting) => waiting.length === 0)
})

test('JS2: what is asked while there is no server waits, in order, and happens once it is there', async () => {
  proxy.refuses = true
  const room = join_room(proxy.url, 'later')
  await when(room.status, ({ kind }) => kind === 'offline')
  const asked = ['one', 'two', 'three'].map((text) => room.prompt(text))
  await when(room.waiting, (waiting) => waiting.length === 3)
  expect(room.status.value).toEqual({ kind: 'offline' })
  proxy.refuses = false
  room.retry()
  const runs = (await Promise.all(asked)).map(({ run }) => run)
  expect(runs.map((run) => room.snapshot.value.runs[run]?.prompt)).toEqual(['one', 'two', 'three'])
  expect(runs).toEqual([...runs].sort())
})

test('JS3: killed in the middle of a stream and started again, the page goes on to the end, and so does who follows', async () => {
  const room = join_room(server.url, 'killed')
  const seen: number[] = []
  const reading = (async () => { for await (const { seq } of room.records()) seen.push(seq) })()
  const { run } = await room.prompt(WORDS)
  await when(room.at<string>(['runs', run, 'parts', 0, 'text']), (text) => (text ?? '').split(' ').length > 8)
  await server.end()
  await when(room.status, ({ kind }) => kind === 'offline')
  const asked = room.prompt('Are you there?')
  await server.start()
  const second = await asked
  await when(room.snapshot, ({ runs }) => runs[second.run]?.status === 'done')
  expect(room.snapshot.value.runs[run]?.parts.map((part) => 'text' in part ? part.text : '').join('')).toBe(WORDS)
  expect(Object.keys(room.snapshot.value.runs)).toHaveLength(2)
  const fresh = join_room(server.url, 'killed')
  await when(fresh.status, ({ kind }) => kind === 'live')
  expect(room.snapshot.value).toEqual(fresh.snapshot.value)
  room.close()
  await reading
  expect(seen).toEqual(seen.map((_, index) => index + 1))
  expect(seen.length).toBeGreaterThan(8)
})

test('JS7: edits made offline on both sides converge, and are saved when the server says so', async () => {
  const one = join_room(proxy.url, 'offline').document()
  const two = join_room(server.url, 'offline').document()
  await Promise.all([one.synced, two.synced])
  one.doc.getText('content').insert(0, 'shared ')
  await expect.poll(() => two.doc.getText('content').toString()).toBe('shared ')
  proxy.refuses = true
  proxy.cut()
  await when(one.status, ({ kind }) => kind === 'offline')
  one.doc.getText('content').insert(7, 'by one ')
  two.doc.getText('content').insert(7, 'by two ')
  expect(one.saved.value).toBe(false)
  await when(two.saved, Boolean)
  proxy.refuses = false
  await when(one.saved, Boolean)
  await expect.poll(() => two.doc.getText('content').length).toBe('shared by one by two '.length)
  expect(one.doc.getText('content').toString()).toBe(two.doc.getText('content').toString())
})

test('JS5: a tool at work when the socket goes is carried out once all the same', async () => {
  const room = join_room(proxy.url, 'lent')
  let ran = 0
  let finish: (value: unknown) => void = () => {}
  room.registerTool('slow', {}, () => {
    ran += 1
    return new Promise((settle) => { finish = settle })
  })
  const { run } = await room.prompt(JSON.stringify({ name: 'slow', args: '{}' }), { agent: 'clerk' })
  await expect.poll(() => ran).toBe(1)
  proxy.cut()
  await when(room.status, ({ kind }) => kind !== 'live')
  finish('at last')
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done')
  expect(room.snapshot.value.runs[run]?.parts[0]).toMatchObject({ state: 'done', result: '"at last"' })
  expect(ran).toBe(1)
})

test('JS10: a socket whose other end has vanished is found out, and another one takes its place', async () => {
  const link = new SocketLink({ url: proxy.url, session: 's', WebSocket: WebSocket as unknown as Sockets, quiet_ms: 100, patience_ms: 5_000, first_ms: 20 })
  await when(link.state, ({ kind }) => kind === 'open')
  // What lives answers, however long nothing else is said.
  await new Promise((settle) => setTimeout(settle, 600))
  expect(proxy.connections).toBe(1)
  proxy.swallows = true
  await when(link.state, ({ kind }) => kind === 'offline')
  proxy.swallows = false
  await when(link.state, ({ kind }) => kind === 'open')
  expect(proxy.connections).toBeGreaterThan(1)
  link.close()
})

test('JS12: a room that was given another history is refused, and the text that was typed stays', async () => {
  let { url } = server
  const between = await new Proxy(() => url).start()
  const room = join_room(between.url, 'other')
  const document = room.document()
  await room.prompt('Hello')
  await document.synced
  document.doc.getText('content').insert(0, 'Typed')
  await when(document.saved, Boolean)
  url = other.url
  between.cut()
  await when(room.status, ({ kind }) => kind === 'refused')
  expect(room.status.value).toMatchObject({ kind: 'refused', code: 'lineage-changed' })
  expect(document.doc.getText('content').toString()).toBe('Typed')
  leave_all()
  between.end()
})

test('JS11: two sessions of one document are two lanes, and a lane that is closed hears nothing more', async () => {
  const link = new SocketLink({ url: server.url, session: 's', WebSocket: WebSocket as unknown as Sockets })
  const heard: string[] = []
  const events = (name: string): LaneEvents => ({
    opened: () => heard.push(`${name} opened`),
    lost: () => heard.push(`${name} lost`),
    binary: () => heard.push(`${name} binary`),
    text: () => heard.push(`${name} text`)
  })
  const one = link.lane('rooms/lanes', events('one'))
  link.lane('rooms/lanes\0other', events('two'))
  await when(link.state, ({ kind }) => kind === 'open')
  one.close()
  link.close()
  expect(heard).toEqual(['one opened', 'two opened', 'two lost'])
})

/** Numbers as good as random, the same ones each time. */
function dice(seed: number): (sides: number) => number {
  return (sides) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor(seed / 65_536) % sides
  }
}

test('JS2, JS7: under cuts, lost answers and a killed server each command happens once and documents converge', async () => {
  const roll = dice(6)
  const proxies = await Promise.all(Array.from({ length: PAGES }, () => new Proxy(() => server.url).start()))
  const rooms = proxies.map((proxy) => join_room(proxy.url, 'storm'))
  const documents = rooms.map((room) => room.document('notes'))
  const asked: { text: string; done: Promise<{ run: string }> }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const [page, room] of rooms.entries()) {
      const text = `page ${page}, round ${round}`
      asked.push({ text, done: room.prompt(text) })
      const notes = documents[page]!.doc.getText('content')
      notes.insert(roll(notes.length + 1), `<${page}.${round}>`)
      const proxy = proxies[page]!
      if (roll(3) === 0) proxy.cut()
      proxy.deaf = roll(4) === 0
      proxy.refuses = roll(5) === 0
    }
    if (round === 6) {
      await server.end()
      await server.start()
    }
    await new Promise((settle) => setTimeout(settle, roll(60)))
  }
  for (const [page, proxy] of proxies.entries()) {
    proxy.deaf = proxy.refuses = false
    proxy.cut()
    rooms[page]!.retry()
  }
  const runs = await Promise.all(asked.map(({ done }) => done))
  expect(new Set(runs.map(({ run }) => run)).size).toBe(asked.length)
  const seen: string[] = []
  for await (const { event } of rooms[0]!.records({ live: false })) if (event.type === 'run-requested') seen.push(event.prompt)
  expect(seen.sort()).toEqual(asked.map(({ text }) => text).sort())
  for (const { saved } of documents) await when(saved, Boolean)
  const fresh = join_room(server.url, 'storm').document('notes')
  await fresh.synced
  const whole = fresh.doc.getText('content').toString()
  expect(whole.match(/<\d\.\d+>/g)?.length ?? 0).toBeGreaterThan(0)
  expect(whole.length).toBe(Array.from({ length: PAGES * ROUNDS }, (_, n) => `<${n % PAGES}.${Math.floor(n / PAGES)}>`).join('').length)
  for (const { doc } of documents) await expect.poll(() => doc.getText('content').toString()).toBe(whole)
  for (const room of rooms) await when(room.waiting, (waiting) => waiting.length === 0)
  for (const proxy of proxies) proxy.end()
})
