/**
 * Rooms against a real server: what is asked happens once, and every page is shown the same.
 */

import type { Part } from 'plait-client'
import { Refused } from 'plait-client'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { join_room, leave_all, Serving, when } from './serving'

const server = new Serving('echo:60', ['--agent', 'tests.console.crew:clerk'])

beforeAll(async () => { await server.start() })
afterEach(leave_all)
afterAll(() => server.remove())

const WORDS = Array.from({ length: 12 }, (_, n) => `word${n}`).join(' ')

function text(parts: readonly Part[] = []): string {
  return parts.map((part) => part.type === 'text' ? part.text ?? '' : '').join('')
}

function called(parts: readonly Part[] = []): Extract<Part, { type: 'tool' }> | undefined {
  return parts.find((part) => part.type === 'tool')
}

/** What the clerk's model does: the call that the prompt spells. */
function call(name: string, args: object): string {
  return JSON.stringify({ name, args: JSON.stringify(args) })
}

const CLERK = { agent: 'clerk' }

test('JS1: a prompt is on disk when it resolves, then streams, and another page sees the same', async () => {
  const one = join_room(server.url, 'lobby')
  const two = join_room(server.url, 'lobby')
  const { seq, run } = await one.prompt(WORDS)
  expect(Number(run)).toBe(seq)
  expect(one.snapshot.value.runs[run]?.prompt).toBe(WORDS)
  await when(one.snapshot, ({ runs }) => runs[run]?.status === 'done')
  expect(text(one.snapshot.value.runs[run]!.parts)).toBe(WORDS)
  await when(two.snapshot, ({ runs }) => runs[run]?.status === 'done')
  expect(two.snapshot.value).toEqual(one.snapshot.value)
  expect(one.status.value).toEqual({ kind: 'live' })
})

test('JS1: what cannot happen rejects with the code, and the same id is the same question', async () => {
  const room = join_room(server.url, 'codes')
  await expect(room.stop('000000000099')).rejects.toMatchObject({ code: 'no-such-run' })
  await expect(room.command({ do: 'stop', nonsense: 1 })).rejects.toBeInstanceOf(Refused)
  await expect(room.prompt('x'.repeat(70_000))).rejects.toMatchObject({ code: 'too-large' })
  await expect(room.prompt('x'.repeat(300_000))).rejects.toMatchObject({ code: 'too-large' })
  const asked = await Promise.all([room.prompt('once', { id: 'one' }), room.prompt('once', { id: 'one' })])
  expect(asked[0]).toEqual(asked[1])
  expect(await room.prompt('once', { id: 'one' })).toEqual(asked[0])
  await when(room.waiting, (waiting) => waiting.length === 0)
  expect(Object.keys(room.snapshot.value.runs)).toHaveLength(1)
})

test('RP68: a page pauses a room\'s runs, and lets them go on', async () => {
  const room = join_room(server.url, 'paused')
  await room.prompt('first')
  await room.pause('a look')
  const { run } = await room.prompt('second')
  await when(room.snapshot, (shown) => shown.runs[run] !== undefined)
  expect(room.snapshot.value.room.paused?.reason).toBe('a look')
  expect(room.snapshot.value.runs[run]!.status).not.toBe('done')
  await room.resume()
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done')
  expect(room.snapshot.value.room.paused).toBeUndefined()
})

test('FK18: a fork from a record, with another prompt, is a room of its own, and gives its edits back once', async () => {
  const room = join_room(server.url, 'office')
  const { run, seq } = await room.prompt('one')
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done')
  const asked = { as: 'office-two', change: { prompt: 'two' }, going: 'paused', id: 'fork' } as const
  const [made, again] = await Promise.all([room.fork(seq, asked), room.fork(seq, asked)])
  expect(made).toEqual({ room: 'office-two', of: 'office', at: seq - 1 })
  expect(again).toEqual(made)
  const fork = join_room(server.url, made.room)
  await when(fork.snapshot, ({ runs }) => runs[run]?.prompt === 'two')
  expect(fork.snapshot.value.room.fork?.of).toBe('office')
  await fork.resume()
  await when(fork.snapshot, ({ runs }) => runs[run]?.status === 'done')
  expect(text(fork.snapshot.value.runs[run]!.parts)).toBe('two')
  expect(text(room.snapshot.value.runs[run]!.parts)).toBe('one')
  await expect(fork.resume()).rejects.toMatchObject({ code: 'already-decided' })
  const notes = fork.document('notes')
  await notes.synced
  notes.doc.getText('content').insert(0, 'from the fork')
  await when(notes.saved, (saved) => saved)
  const looked = await fork.merge({ preview: true })
  expect([looked.seq, looked.documents['notes']?.edits]).toEqual([0, 1])
  const merged = await fork.merge({ id: 'merge' })
  expect(merged.room).toBe('office')
  expect(await fork.merge({ id: 'merge' })).toEqual(merged)
  const back = room.document('notes')
  await back.synced
  expect(back.doc.getText('content').toString()).toBe('from the fork')
  await expect(room.merge()).rejects.toMatchObject({ code: 'bad-request' })
  await expect(room.fork(9999)).rejects.toMatchObject({ code: 'no-such-moment' })
})

test('JS1: versions of a prompt, a stop, the title and the facts', async () => {
  const room = join_room(server.url, 'conversation')
  const { run } = await room.prompt('first words', { context: { page: 'Invoices' } })
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done')
  const again = await room.regenerate(run)
  const edited = await when(room.at<string>(['runs', again.run, 'status']), (status) => status === 'done').then(() => room.editPrompt(run, WORDS.repeat(9)))
  expect(room.snapshot.value.runs[edited.run]).toMatchObject({ instead: run })
  await room.stop()
  await when(room.snapshot, ({ runs }) => runs[edited.run]?.status === 'stopped')
  await room.setRoom({ title: 'Accounts', metadata: { customer: '17' } })
  expect(room.snapshot.value.room).toMatchObject({ title: 'Accounts', metadata: { customer: '17' } })
  await room.setRoom({ metadata: { customer: null } })
  expect(room.snapshot.value.room.metadata).toEqual({})
  await room.provideContext({ theme: 'dark' })
  await room.provideContext({ selection: 'row 3' }, 'tab')
})

test('JS6: a call waits for a yes, which may bring other arguments; the second decision is refused', async () => {
  const one = join_room(server.url, 'decisions')
  const two = join_room(server.url, 'decisions')
  const { run } = await one.prompt(call('act', { to: 'team' }), CLERK)
  const asking = await when(two.at<readonly Part[]>(['runs', run, 'parts']), (parts) => called(parts)?.state === 'asking')
  const { call: step } = called(asking)!
  await two.approve({ run, step: step! }, { to: 'boss', why: '', count: 2, sure: true, more: null })
  await expect(one.deny({ run, step: step! }, 'No.')).rejects.toMatchObject({ code: 'already-decided' })
  const done = await when(one.at<readonly Part[]>(['runs', run, 'parts']), (parts) => called(parts)?.state === 'done')
  expect(JSON.parse(called(done)!.result!)).toMatchObject({ to: 'boss', count: 2 })
  expect(called(done)!.decision).toBe('approved')
})

test('JS5: a tool of one page is carried out there, once, and what it throws is the error', async () => {
  const one = join_room(server.url, 'tools')
  const two = join_room(server.url, 'tools')
  const ran: string[] = []
  const schema = { parameters: { type: 'object', properties: { colour: { type: 'string' } } } }
  one.registerTool('paint', schema, ({ colour }) => {
    ran.push(`one ${colour}`)
    if (colour === 'mud') throw new Error('That is no colour.')
    return { painted: colour }
  })
  two.registerTool('paint', schema, ({ colour }) => ran.push(`two ${colour}`))
  await when(two.tab, Boolean)
  const { run } = await one.prompt(call('paint', { colour: 'red' }), CLERK)
  await when(one.snapshot, ({ runs }) => runs[run]?.status === 'done')
  expect(called(one.snapshot.value.runs[run]!.parts)).toMatchObject({ state: 'done', result: '{"painted":"red"}', tab: one.tab.value })
  const second = await one.prompt(call('paint', { colour: 'mud' }), CLERK)
  await when(one.snapshot, ({ runs }) => runs[second.run]?.status === 'done')
  expect(called(one.snapshot.value.runs[second.run]!.parts)).toMatchObject({ state: 'failed', error: expect.stringContaining('That is no colour.') })
  expect(ran).toEqual(['one red', 'one mud'])
})

test('JS5: a call that is stopped is broken off, and a result too large is told as an error', async () => {
  const room = join_room(server.url, 'breaking')
  const begun = new Promise<AbortSignal>((settle) => {
    room.registerTool('wait', {}, (_, signal) => {
      settle(signal)
      return new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('broken off'))))
    })
  })
  room.registerTool('much', {}, () => 'x'.repeat(300_000))
  const { run } = await room.prompt(call('wait', {}), CLERK)
  const signal = await begun
  expect(signal.aborted).toBe(false)
  await room.stop(run)
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'stopped')
  expect(signal.aborted).toBe(true)
  const second = await room.prompt(call('much', {}), CLERK)
  await when(room.snapshot, ({ runs }) => runs[second.run]?.status === 'done')
  expect(called(room.snapshot.value.runs[second.run]!.parts)).toMatchObject({ state: 'failed' })
})

test('JS8: a room or document that is refused says why, for good, and what waits for it is refused', async () => {
  const room = join_room(server.url, '-no-')
  await expect(room.prompt('Hello')).rejects.toMatchObject({ code: 'bad-name' })
  expect(room.status.value).toMatchObject({ kind: 'refused', code: 'bad-name', message: expect.stringContaining('name') })
  const gone = join_room(server.url, 'gone')
  await gone.prompt('Hello')
  await fetch(`${server.url}/api/rooms/gone`, { method: 'DELETE' })
  await when(gone.status, ({ kind }) => kind === 'refused')
  expect(gone.status.value).toMatchObject({ kind: 'refused', code: 'no-such-room' })
  await expect(gone.prompt('Hello?')).rejects.toMatchObject({ code: 'no-such-room' })
})

test('JS8: a grant that cannot be had refuses, and another try gets in', async () => {
  let grants = 0
  const grant = async (): Promise<string> => {
    if (grants++ === 0) throw new Refused('not-allowed', 'Log in first.')
    return 'token'
  }
  const room = join_room(server.url, 'granted', { grant })
  await when(room.status, ({ kind }) => kind === 'refused')
  expect(room.status.value).toEqual({ kind: 'refused', code: 'not-allowed', message: 'Log in first.' })
  const asked = room.prompt('Hello')
  room.retry()
  expect(await asked).toMatchObject({ run: expect.any(String) })
  expect(grants).toBe(2)
})

test('JS4: who follows gets every record once and in order, from any place, and an end if asked for', async () => {
  const room = join_room(server.url, 'records')
  const seen: number[] = []
  const live = room.records()
  const reading = (async () => { for await (const record of live) seen.push(record.seq) })()
  const { run } = await room.prompt(WORDS)
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done')
  const all: number[] = []
  for await (const record of room.records({ live: false })) all.push(record.seq)
  expect(all).toEqual(all.map((_, index) => index + 1))
  const tail: number[] = []
  for await (const record of room.records({ after: all.length - 2, live: false })) tail.push(record.seq)
  expect(tail).toEqual(all.slice(-2))
  await live.return!()
  await reading
  expect(seen).toEqual(all.slice(0, seen.length))
  expect(seen.length).toBeGreaterThanOrEqual(all.length - 1)
})

test('JS9: who is here is shown cleaned, and is gone when they leave', async () => {
  const one = join_room(server.url, 'people', { name: 'Ada', color: '#336699' })
  const two = join_room(server.url, 'people')
  two.setUser({ name: 'x'.repeat(900), color: 'url(evil)' })
  const seen = await when(one.presence, (all) => all.length === 2)
  expect(seen[0]).toMatchObject({ name: 'Ada', me: true, color: '#336699', tab: one.tab.value })
  expect(seen[1]).toMatchObject({ name: 'x'.repeat(60), color: '#5f6368', me: false, tab: two.tab.value })
  two.close()
  await when(one.presence, (all) => all.length === 1)
})

test('JS7: a shared document converges, says when it is saved, and one page has each once', async () => {
  const one = join_room(server.url, 'writers')
  const two = join_room(server.url, 'writers')
  const mine = one.document('notes')
  const theirs = two.document('notes')
  await Promise.all([mine.synced, theirs.synced])
  expect(one.document('notes').doc).toBe(mine.doc)
  mine.doc.getText('content').insert(0, 'Hello')
  expect(mine.saved.value).toBe(false)
  await when(mine.saved, Boolean)
  await expect.poll(() => theirs.doc.getText('content').toString()).toBe('Hello')
  theirs.doc.getText('content').insert(0, '> ')
  await when(theirs.saved, Boolean)
  await expect.poll(() => mine.doc.getText('content').toString()).toBe('> Hello')
  const { result } = await one.blame({ document: 'notes', root: 'content' })
  expect(result).toHaveProperty('spans')
})
