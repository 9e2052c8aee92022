/** The outbox in IndexedDB: what is in it after a reload, whose it is to send, and what happens where there is no database. */

import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { MemoryOutbox, type Waiting } from 'plait-client/outbox'
import { StoredOutbox } from 'plait-client/stored'
import { FakeBrowser, type FakePage } from './fake_browser'

vi.stubGlobal('IDBKeyRange', IDBKeyRange)

const ROOM = 'lobby'
let browser: FakeBrowser
let factory: IDBFactory

beforeEach(() => {
  browser = new FakeBrowser()
  factory = new IDBFactory()
})

function prompt(id: string, asked_at = 1, text = id): Waiting {
  return { id, room: ROOM, body: { do: 'prompt', text }, asked_at }
}

/** One page and its outbox. */
class Desk {
  readonly taken: string[] = []
  readonly outbox: StoredOutbox

  constructor(readonly tab: FakePage = browser.open(), scope = 'ws://here') {
    this.outbox = new StoredOutbox(scope, tab.page, factory)
  }

  adopt(): this {
    this.outbox.adopt(ROOM, (command) => this.taken.push(command.id))
    return this
  }

  async ids(): Promise<string[]> {
    return (await this.outbox.waiting(ROOM)).map(({ id }) => id)
  }
}

/** All that follows from what happened: fake-indexeddb takes a turn of the loop for each step, however long that lasts. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 150; turn++) await new Promise((settle) => { setImmediate(settle) })
}

function opened(): Promise<IDBDatabase> {
  return new Promise((settle) => {
    const request = factory.open('plait.1 outbox')
    request.onsuccess = () => settle(request.result)
  })
}

/** What any page of the origin may do to the database. */
async function meddle(change: (commands: IDBObjectStore) => void): Promise<void> {
  const database = await opened()
  await new Promise((settle) => {
    const transaction = database.transaction('commands', 'readwrite')
    change(transaction.objectStore('commands'))
    transaction.oncomplete = settle
  })
  database.close()
}

describe('keeping', () => {
  test('JS70: what waits is there after a reload, in order, and gone once it is answered', async () => {
    const desk = new Desk()
    await desk.outbox.put(prompt('late', 9))
    await desk.outbox.put(prompt('b', 10))
    await desk.outbox.put(prompt('a', 10))
    desk.tab.close()
    const after = new Desk()
    expect(await after.outbox.waiting(ROOM)).toMatchObject([prompt('late', 9), { id: 'b' }, { id: 'a' }])
    expect(await after.outbox.waiting('another')).toEqual([])
    await after.outbox.remove(ROOM, 'b')
    expect(await after.ids()).toEqual(['late', 'a'])
  })

  test('JS70: what is kept is what would be sent: JSON', async () => {
    const desk = new Desk()
    const body = { do: 'prompt', text: 'x', options: undefined, context: { now: () => 1, when: new Date(0) } }
    await desk.outbox.put({ ...prompt('a'), body })
    expect((await desk.outbox.waiting(ROOM))[0]!.body).toEqual({ do: 'prompt', text: 'x', context: { when: '1970-01-01T00:00:00.000Z' } })
  })

  test('JS71: each tab hears of what another one asks and gets answered', async () => {
    const [one, other] = [new Desk(), new Desk()]
    const heard = vi.fn()
    const end = other.outbox.watch(ROOM, heard)
    await one.outbox.put(prompt('a'))
    await quiet()
    expect(heard).toHaveBeenCalledTimes(1)
    expect(await other.ids()).toEqual(['a'])
    await one.outbox.remove(ROOM, 'a')
    await quiet()
    expect(heard).toHaveBeenCalledTimes(2)
    end()
    await one.outbox.put(prompt('b'))
    await quiet()
    expect(heard).toHaveBeenCalledTimes(2)
  })

  test('JS71: a page that sleeps is not spoken to, and looks when it wakes', async () => {
    const [one, other] = [new Desk(), new Desk()]
    const heard = vi.fn()
    other.outbox.watch(ROOM, heard)
    other.tab.freeze()
    expect(other.tab.channels.size).toBe(0)
    await one.outbox.put(prompt('a'))
    await quiet()
    expect(heard).toHaveBeenCalledTimes(0)
    other.tab.resume()
    expect(heard).toHaveBeenCalledTimes(1)
    await one.outbox.put(prompt('b'))
    await quiet()
    expect(heard).toHaveBeenCalledTimes(2)
  })

  test('JS72: beyond COMMANDS_WAITING it is refused as too-many, and was not asked', async () => {
    const desk = new Desk()
    await Promise.all(Array.from({ length: 1024 }, (_, count) => desk.outbox.put(prompt(`p${count}`))))
    await expect(desk.outbox.put(prompt('more'))).rejects.toMatchObject({ name: 'Refused', code: 'too-many' })
    expect((await desk.ids()).length).toBe(1024)
    await desk.outbox.put({ ...prompt('elsewhere'), room: 'other' })
    await desk.outbox.remove(ROOM, 'p7')
    await desk.outbox.put(prompt('more'))
    expect((await desk.ids()).at(-1)).toBe('more')
  }, 30_000)

  test('JS73: servers and people are kept apart', async () => {
    await new Desk(browser.open(), 'ws://here ada').outbox.put(prompt('a'))
    const other = new Desk(browser.open(), 'ws://here bob').adopt()
    browser.pages.values().next().value!.crash()
    await quiet()
    expect([await other.ids(), other.taken]).toEqual([[], []])
  })
})

describe('taking over', () => {
  test('JS74: what a live page asked is nobody else\'s to send', async () => {
    const [, other] = [await asking('a'), new Desk().adopt()]
    await quiet()
    expect([other.taken, await other.ids()]).toEqual([[], ['a']])
  })

  test.each(['close', 'crash', 'freeze'] as const)('JS74: what a page leaves behind (%s) is given to exactly one other, once', async (how) => {
    const desk = await asking('a', 'b')
    const others = [new Desk().adopt(), new Desk().adopt(), new Desk().adopt()]
    await quiet()
    desk.tab[how]()
    await quiet()
    expect(others.map(({ taken }) => taken).filter((taken) => taken.length)).toEqual([['a', 'b']])
  })

  test('JS74: it goes on to the next when that page ends, too', async () => {
    const desk = await asking('a')
    const next = new Desk().adopt()
    desk.tab.crash()
    await quiet()
    next.tab.crash()
    const last = new Desk().adopt()
    await quiet()
    expect([next.taken, last.taken]).toEqual([['a'], ['a']])
  })

  test('JS74: a page that hangs, or sleeps, keeps nothing from the others', async () => {
    const desk = await asking('a')
    const [hanging, sleeping] = [new Desk().adopt(), new Desk().adopt()]
    await quiet()
    hanging.tab.hang()
    sleeping.tab.freeze()
    const other = new Desk().adopt()
    await quiet()
    desk.tab.crash()
    await quiet()
    expect([hanging.taken, sleeping.taken, other.taken]).toEqual([[], [], ['a']])
  })

  test('JS74: a page that wakes takes over what was left while it slept', async () => {
    const desk = await asking('a')
    const sleeping = new Desk().adopt()
    await quiet()
    sleeping.tab.freeze()
    desk.tab.crash()
    await quiet()
    expect(sleeping.taken).toEqual([])
    sleeping.tab.resume()
    await quiet()
    expect(sleeping.taken).toEqual(['a'])
  })

  test('JS74: a page that left the room sends nothing more of it; another that is there does', async () => {
    const desk = new Desk()
    const leave = desk.outbox.adopt(ROOM, () => {})
    await desk.outbox.put(prompt('a'))
    const other = new Desk().adopt()
    await quiet()
    leave()
    await quiet()
    expect(other.taken).toEqual(['a'])
  })

  test('JS74: so it is when it leaves the last room that it is in, or goes to sleep, before it has asked', async () => {
    const other = new Desk().adopt()
    const [leaving, sleeping] = [new Desk(), new Desk()]
    const leave = leaving.outbox.adopt(ROOM, () => {})
    await leaving.outbox.put(prompt('a'))
    leave()
    leaving.outbox.close()
    await quiet()
    expect(other.taken).toEqual(['a'])
    sleeping.tab.freeze()
    await sleeping.outbox.put(prompt('b', 2))
    await quiet()
    expect(other.taken).toEqual(['a', 'b'])
  })

  test('JS74: what it cannot store it sends itself when it is in the room again', async () => {
    const forbidden = { open: () => { throw new DOMException('private', 'SecurityError') } } as unknown as IDBFactory
    for (const outbox of [new MemoryOutbox(), new StoredOutbox('ws://here', browser.open().page, forbidden)]) {
      const leave = outbox.adopt(ROOM, () => {})
      await outbox.put(prompt('a'))
      leave()
      const taken: string[] = []
      outbox.adopt(ROOM, ({ id }) => taken.push(id))
      expect(taken).toEqual(['a'])
    }
  })

  test('JS74: a page that wakes is not given what it sends itself', async () => {
    const desk = await asking('a')
    desk.adopt()
    desk.tab.freeze()
    await quiet()
    desk.tab.resume()
    await quiet()
    expect(desk.taken).toEqual([])
    desk.tab.crash()
    const other = new Desk().adopt()
    await quiet()
    expect(other.taken).toEqual(['a'])
  })

  test('JS74: without locks a page takes over what it finds when it comes', async () => {
    const outbox = new StoredOutbox('ws://here', null, factory)
    await outbox.put(prompt('a'))
    const taken: string[] = []
    const after = new StoredOutbox('ws://here', null, factory)
    after.adopt(ROOM, ({ id }) => taken.push(id))
    await quiet()
    expect(taken).toEqual(['a'])
    // What comes later may be a live page's, which sends it itself.
    await outbox.put(prompt('b', 2))
    await after.put(prompt('c', 3))
    await quiet()
    expect(taken).toEqual(['a'])
  })
})

describe('refusals', () => {
  const refusal = { code: 'room-full', message: 'Too many runs.' }

  test('JS75: what is refused after its page has gone is told to every page until somebody has seen it', async () => {
    const desk = await asking('a')
    desk.tab.crash()
    const [taker, witness] = [new Desk().adopt(), new Desk()]
    await quiet()
    await taker.outbox.remove(ROOM, 'a', refusal)
    expect(await witness.outbox.refused(ROOM)).toMatchObject([{ ...prompt('a'), refused: refusal }])
    expect(await witness.ids()).toEqual([])
    taker.tab.close()
    const reloaded = new Desk()
    expect((await reloaded.outbox.refused(ROOM)).length).toBe(1)
    const heard = vi.fn()
    witness.outbox.watch(ROOM, heard)
    await reloaded.outbox.forget(ROOM, 'a')
    await quiet()
    expect([await witness.outbox.refused(ROOM), heard.mock.calls.length]).toEqual([[], 1])
  })

  test('JS75: one that was accepted in the end is not told as refused', async () => {
    const desk = await asking('a')
    desk.tab.freeze()
    const taker = new Desk().adopt()
    await quiet()
    await taker.outbox.remove(ROOM, 'a', refusal)
    desk.tab.resume()
    await desk.outbox.remove(ROOM, 'a')
    expect(await taker.outbox.refused(ROOM)).toEqual([])
  })

  test('JS75: a refusal that its asker heard is not told again', async () => {
    const desk = await asking('a')
    await desk.outbox.remove(ROOM, 'a')
    await desk.outbox.remove(ROOM, 'a', refusal)
    expect(await desk.outbox.refused(ROOM)).toEqual([])
  })

  test('JS75: only the newest hundred are kept', async () => {
    const desk = await asking(...Array.from({ length: 105 }, (_, count) => `p${count}`))
    for (let count = 0; count < 105; count++) await desk.outbox.remove(ROOM, `p${count}`, refusal)
    const told = await desk.outbox.refused(ROOM)
    expect([told.length, told[0]!.id]).toEqual([100, 'p5'])
    await quiet()
    await desk.outbox.forget(ROOM, 'p104')
    expect((await desk.outbox.refused(ROOM)).length).toBe(99)
  })
})

describe('the database', () => {
  test('JS76: entries that cannot be sent are not believed, and deleted', async () => {
    const desk = await asking('good')
    const key = { scope: 'ws://here', room: ROOM }
    const cycle: Record<string, unknown> = { do: 'prompt' }
    cycle.self = cycle
    await meddle((commands) => {
      commands.put({ ...key, id: 'bodiless', asked_at: 1, page: '' })
      commands.put({ ...key, id: 'null', body: null, asked_at: 1, page: '' })
      commands.put({ ...key, id: 'undone', body: { text: 'x' }, asked_at: 1, page: '' })
      commands.put({ ...key, id: 'timeless', body: { do: 'prompt' }, asked_at: NaN, page: '' })
      commands.put({ ...key, id: 'nobody', body: { do: 'prompt' }, asked_at: 1, page: 7 })
      commands.put({ ...key, id: 'x'.repeat(101), body: { do: 'prompt' }, asked_at: 1, page: '' })
      commands.put({ ...key, id: 'large', body: { do: 'prompt', text: 'x'.repeat(1 << 19) }, asked_at: 1, page: '' })
      commands.put({ ...key, id: 'big', body: { do: 'prompt', at: 10n }, asked_at: 1, page: '' })
      commands.put({ ...key, id: 'cycle', body: cycle, asked_at: 1, page: '' })
      commands.put({ ...key, id: 8, body: { do: 'prompt' }, asked_at: 1, page: '' })
    })
    const other = new Desk().adopt()
    await quiet()
    expect([await desk.ids(), other.taken]).toEqual([['good'], []])
    await quiet()
    const left = await new Promise((settle) => { void meddle((commands) => { commands.count().onsuccess = (event) => settle((event.target as IDBRequest).result) }) })
    expect(left).toBe(1)
  })

  test('JS77: where it is forbidden, commands wait in memory', async () => {
    const forbidden = { open: () => { throw new DOMException('private', 'SecurityError') } } as unknown as IDBFactory
    const outbox = new StoredOutbox('ws://here', browser.open().page, forbidden)
    const heard = vi.fn()
    outbox.watch(ROOM, heard)
    await outbox.put(prompt('a'))
    expect((await outbox.waiting(ROOM)).map(({ id }) => id)).toEqual(['a'])
    expect(heard).toHaveBeenCalledTimes(1)
    await outbox.remove(ROOM, 'a')
    expect([await outbox.waiting(ROOM), await outbox.refused(ROOM)]).toEqual([[], []])
  })

  test('JS77: where it is full, commands wait in memory beside those that it holds', async () => {
    const desk = await asking('stored')
    const put = vi.spyOn(Object.getPrototypeOf(await store()), 'put').mockImplementation(() => { throw new DOMException('full', 'QuotaExceededError') })
    await desk.outbox.put(prompt('kept', 2))
    put.mockRestore()
    expect(await desk.ids()).toEqual(['stored', 'kept'])
    desk.tab.crash()
    expect(await new Desk().ids()).toEqual(['stored'])
  })

  test('JS77: where it never opens, nobody waits for ever', async () => {
    vi.useFakeTimers()
    const stuck = { open: () => ({}) } as unknown as IDBFactory
    const outbox = new StoredOutbox('ws://here', browser.open().page, stuck)
    const done = outbox.put(prompt('a'))
    await vi.advanceTimersByTimeAsync(3_000)
    await done
    vi.useRealTimers()
    expect((await outbox.waiting(ROOM)).length).toBe(1)
  })

  test('JS77: where it opens late, it is used from then on, and what others left there is sent', async () => {
    const desk = await asking('a')
    desk.tab.crash()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const request = { result: null as IDBDatabase | null, onsuccess: () => {} }
    const slow = { open: () => request } as unknown as IDBFactory
    const outbox = new StoredOutbox('ws://here', browser.open().page, slow)
    const taken: string[] = []
    outbox.adopt(ROOM, ({ id }) => taken.push(id))
    const done = outbox.put(prompt('b', 2))
    await vi.advanceTimersByTimeAsync(3_000)
    await done
    vi.useRealTimers()
    expect([taken, (await outbox.waiting(ROOM)).map(({ id }) => id)]).toEqual([[], ['b']])
    request.result = await opened()
    request.onsuccess()
    await quiet()
    expect([taken, (await outbox.waiting(ROOM)).map(({ id }) => id)]).toEqual([['a'], ['a', 'b']])
  })

  test('JS77: a newer version is not held up by this page, which goes on', async () => {
    const desk = await asking('a')
    const newer = await new Promise<IDBDatabase>((settle, fail) => {
      const request = factory.open('plait.1 outbox', 2)
      request.onblocked = () => fail(new Error('blocked'))
      request.onsuccess = () => settle(request.result)
    })
    await desk.outbox.put(prompt('b', 2))
    expect(await desk.ids()).toEqual(['b'])
    newer.close()
  })

  test('JS77: cleared storage is opened anew', async () => {
    const desk = await asking('a')
    await new Promise((settle) => { factory.deleteDatabase('plait.1 outbox').onsuccess = settle })
    await desk.outbox.put(prompt('b', 2))
    expect(await desk.ids()).toEqual(['b'])
    expect(await new Desk().ids()).toEqual(['b'])
  })
})

async function asking(...ids: string[]): Promise<Desk> {
  const desk = new Desk()
  for (const [count, id] of ids.entries()) await desk.outbox.put(prompt(id, count + 1))
  return desk
}

async function store(): Promise<IDBObjectStore> {
  return new Promise((settle) => { void meddle(settle) })
}
