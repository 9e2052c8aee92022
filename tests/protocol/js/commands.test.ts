/**
 * Commands without a server: what is said on each socket, in which order, and what becomes of each answer.
 */

import { Cell } from 'plait-client/cell'
import { Commands } from 'plait-client/commands'
import { Following } from 'plait-client/following'
import { MemoryOutbox } from 'plait-client/outbox'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

let said: Record<string, any>[]
let mouth: { open: boolean; say(command: Readonly<Record<string, unknown>>): void }
let outbox: MemoryOutbox
let commands: Commands

beforeEach(() => {
  vi.useFakeTimers()
  said = []
  mouth = { open: true, say: (command) => said.push(command) }
  outbox = new MemoryOutbox()
  commands = new Commands('lobby', outbox, mouth)
})

afterEach(() => { vi.useRealTimers() })

/** Have promises go as far as they can. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

const ids = (): string[] => said.splice(0).map(({ id }) => id)

test('JS2: each is sent once on a socket, in order, so many at a time, and again on the next one', async () => {
  for (let n = 0; n < 100; n++) void commands.ask({ do: 'stop', run: String(n) }, `id-${n}`)
  await settle()
  const first = ids()
  expect(first).toEqual(Array.from({ length: 62 }, (_, n) => `id-${n}`))
  commands.heard({ id: 'id-1', ok: { seq: 2 } })
  commands.heard({ id: 'id-0', ok: { seq: 1 } })
  expect(ids()).toEqual(['id-62', 'id-63'])
  mouth.open = false
  commands.lost()
  mouth.open = true
  commands.begun()
  expect(ids()).toEqual(Array.from({ length: 62 }, (_, n) => `id-${n + 2}`))
  expect((await outbox.waiting('lobby')).length).toBe(98)
})

test('JS2: a refusal that passes and an unknown outcome are asked again, under the same id', async () => {
  const asked = commands.ask({ do: 'stop' }, 'one')
  await settle()
  for (const answer of [{ refused: { code: 'overloaded' } }, { unknown: { code: 'outcome-unknown' } }, { refused: { code: 'no-such-document' } }]) {
    expect(ids()).toEqual(['one'])
    commands.heard({ id: 'one', ...answer })
    expect(said).toEqual([])
    await vi.advanceTimersByTimeAsync(2_000)
  }
  expect(ids()).toEqual(['one'])
  commands.heard({ id: 'one', ok: { seq: 7 } })
  expect(await asked).toEqual({ seq: 7 })
  await settle()
  expect(await outbox.waiting('lobby')).toEqual([])
})

test('JS2: one id is one question; another one under it is refused, and the first still gets its answer', async () => {
  const first = commands.ask({ do: 'stop', run: '1' }, 'one')
  const same = commands.ask({ do: 'stop', run: '1' }, 'one')
  await expect(commands.ask({ do: 'stop', run: '2' }, 'one')).rejects.toMatchObject({ code: 'id-reused' })
  await settle()
  expect(ids()).toEqual(['one'])
  commands.heard({ id: 'one', ok: { seq: 1 } })
  expect(await Promise.all([first, same])).toEqual([{ seq: 1 }, { seq: 1 }])
})

test('JS5: what a socket says first is answered before anything else is said', async () => {
  commands.hello = () => ({ do: 'register-tools', tools: [] })
  void commands.ask({ do: 'stop' }, 'one')
  mouth.open = false
  await settle()
  mouth.open = true
  commands.begun()
  const [greeting] = said.splice(0)
  expect(greeting).toMatchObject({ do: 'register-tools' })
  commands.heard({ id: greeting!.id, refused: { code: 'overloaded' } })
  await vi.advanceTimersByTimeAsync(1_000)
  const [again] = said.splice(0)
  expect(again).toMatchObject({ do: 'register-tools' })
  commands.heard({ id: again!.id, ok: { seq: 3 } })
  expect(ids()).toEqual(['one'])
})

test('JS5: what is asked while the tools of a page are fetched waits for their greeting, and not for ever', async () => {
  commands.hold()
  void commands.ask({ do: 'prompt', text: 'use my tool' }, 'one')
  await settle()
  expect(said).toEqual([])
  commands.hello = () => ({ do: 'register-tools', tools: [] })
  commands.greet()
  commands.release()
  const [greeting] = said.splice(0)
  expect(greeting).toMatchObject({ do: 'register-tools' })
  commands.heard({ id: greeting!.id, ok: { seq: 3 } })
  expect(ids()).toEqual(['one'])

  commands.hold()
  void commands.ask({ do: 'stop' }, 'two')
  await vi.advanceTimersByTimeAsync(9_000)
  expect(said).toEqual([])
  await vi.advanceTimersByTimeAsync(2_000)
  expect(ids()).toEqual(['two'])
})

test('JS2: when a room is closed its promises end, and what waits stays', async () => {
  const asked = commands.ask({ do: 'stop' }, 'one')
  await settle()
  // Nobody has to wait for this one, and its end is nobody's fault.
  void commands.ask({ do: 'stop', run: '2' }, 'two')
  commands.close()
  await expect(asked).rejects.toMatchObject({ code: 'outcome-unknown' })
  expect(await outbox.waiting('lobby')).toHaveLength(2)
})

test('JS4: a reader that does not read is left behind, and what it missed is asked for again', async () => {
  const head = new Cell(0)
  const following = new Following(mouth, head)
  const slow = following.records({ after: 0 })
  const quick = following.records({ after: 0 })
  expect(said.splice(0)).toMatchObject([{ do: 'follow', after: 0 }])
  let read = 0
  const take = async (reader: typeof quick): Promise<number> => (await reader.next()).value!.seq
  for (let seq = 1; seq <= 2_500; seq++) {
    following.heard({ record: { seq } })
    expect(await take(quick)).toBe(++read)
  }
  for (let seq = 1; seq <= 2_000; seq++) expect(await take(slow)).toBe(seq)
  const next = take(slow)
  expect(said.splice(0)).toMatchObject([{ do: 'follow', after: 2_000 }])
  for (let seq = 2_001; seq <= 2_501; seq++) following.heard({ record: { seq } })
  expect(await next).toBe(2_001)
  expect(await take(quick)).toBe(2_501)
  following.lost()
  following.begun()
  expect(said.splice(0)).toMatchObject([{ do: 'follow', after: 2_501 }])
  await slow.return!()
  expect(await slow.next()).toEqual({ done: true, value: undefined })
})

test('JS4: a log that is shorter than what a reader has is another one', async () => {
  const head = new Cell(0)
  const following = new Following(mouth, head)
  const reader = following.records({ after: 40 })
  const next = reader.next()
  following.heard({ id: said[0]!.id, ok: { seq: 7 } })
  await expect(next).rejects.toMatchObject({ code: 'lineage-changed' })
  expect(head.value).toBe(7)
})
