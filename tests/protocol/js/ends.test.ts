/**
 * A page ends at any step of what it does with the outbox: what it kept is asked by somebody who is there, and in the
 * end nobody shows anything as waiting that does not.
 */

import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { beforeEach, expect, test, vi } from 'vitest'
import { Commands } from 'plait-client/commands'
import { StoredOutbox } from 'plait-client/stored'
import { FakeBrowser } from './fake_browser'

vi.stubGlobal('IDBKeyRange', IDBKeyRange)

const ROOM = 'lobby'
/** In so many turns of the loop a page has asked, is answered and has told the others; the test of that is below. */
const TURNS = 32
/** In so many turns everything has happened that follows from anything. */
const QUIET = 200
const SEEDS = 100
const STEPS = 30

let browser: FakeBrowser
let factory: IDBFactory
/** What the server was asked, by id. */
let happened: Set<string>

beforeEach(begin)

function begin(): void {
  browser = new FakeBrowser()
  factory = new IDBFactory()
  happened = new Set()
}

/** What a page had under way in the database when it ended is done all the same, or not at all. */
type Rest = 'done' | 'dropped'

/** A page in the room, on a socket of its own. */
class Seat {
  readonly tab = browser.open()
  /** The prompts of which it heard that they are kept. */
  readonly kept: string[] = []
  left = false
  private asleep = false
  private readonly running = new Set<IDBTransaction>()
  private readonly outbox = new StoredOutbox('ws://here', this.tab.page, { open: () => this.open() } as unknown as IDBFactory)
  readonly commands = new Commands(ROOM, this.outbox, { open: true, say: ({ id }) => this.say(id as string) })

  constructor() {
    const put = this.outbox.put.bind(this.outbox)
    this.outbox.put = async (command) => {
      await put(command)
      if (!this.tab.gone) this.kept.push(command.id)
    }
  }

  ask(id: string): void {
    this.commands.ask({ do: 'prompt', text: id }, id).catch(() => {})
  }

  get waiting(): string[] {
    return this.commands.waiting.value.map(({ id }) => id)
  }

  get here(): boolean {
    return !this.tab.gone && !this.left
  }

  sleep(): void {
    if (!this.asleep) this.tab.freeze()
    this.asleep = true
  }

  wake(): void {
    if (this.asleep) this.tab.resume()
    this.asleep = false
  }

  end(how: 'close' | 'crash', rest: Rest): void {
    this.tab[how]()
    if (rest === 'dropped') for (const transaction of this.running) transaction.abort()
  }

  leave(): void {
    this.left = true
    this.commands.close()
    queueMicrotask(() => this.outbox.close())
  }

  private say(id: string): void {
    if (this.tab.gone) return
    happened.add(id)
    setImmediate(() => this.tab.run(() => this.commands.heard({ id, ok: { seq: 1 } })))
  }

  /** The database, which a page that is gone does nothing more to. */
  private open(): IDBOpenDBRequest {
    if (this.tab.gone) throw new DOMException('gone', 'InvalidStateError')
    const request = factory.open('plait.1 outbox', 1)
    request.addEventListener('success', () => {
      const database = request.result
      const begin = database.transaction.bind(database)
      database.transaction = (...what: Parameters<typeof begin>) => {
        if (this.tab.gone) throw new DOMException('gone', 'InvalidStateError')
        const transaction = begin(...what)
        this.running.add(transaction)
        for (const over of ['complete', 'abort']) transaction.addEventListener(over, () => this.running.delete(transaction))
        return transaction
      }
    })
    return request
  }
}

/** Small, and the same everywhere (mulberry32). */
function chance(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** How many commands are in the database. */
async function left(): Promise<number> {
  const opened = factory.open('plait.1 outbox', 1)
  await new Promise((settle) => { opened.onsuccess = settle })
  const counted = opened.result.transaction('commands').objectStore('commands').count()
  await new Promise((settle) => { counted.onsuccess = settle })
  return counted.result
}

async function turns(many: number): Promise<void> {
  for (let turn = 0; turn < many; turn++) await new Promise((settle) => { setImmediate(settle) })
}

const quiet = (): Promise<void> => turns(QUIET)

const ENDS = (['close', 'crash'] as const).flatMap((how) => (['done', 'dropped'] as const).map((rest) => [how, rest] as const))

test('a page asks, is answered and has told the others in less than the turns after which it ends below', async () => {
  const [asker, other] = [new Seat(), new Seat()]
  await quiet()
  asker.ask('a')
  await turns(TURNS)
  expect([asker.kept, [...happened], asker.waiting, other.waiting]).toEqual([['a'], ['a'], [], []])
})

test('JS79: a page ends after any step: the other page asks what it left, and shows nothing for ever', async () => {
  for (const [how, rest] of ENDS) {
    for (let turn = 0; turn < TURNS; turn++) {
      begin()
      const [asker, other] = [new Seat(), new Seat()]
      await quiet()
      asker.ask('a')
      await turns(turn)
      asker.end(how, rest)
      await quiet()
      const missed = asker.kept.filter((id) => !happened.has(id))
      expect([how, rest, turn, other.waiting, missed, await left()]).toEqual([how, rest, turn, [], [], 0])
    }
  }
})

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))('JS79: after any story all is asked that was kept, and nothing waits (%i)', async (seed) => {
  const draw = chance(seed)
  let seats: Seat[] = []
  const kept: string[] = []
  const end = (seat: Seat): void => seat.end(draw(2) ? 'close' : 'crash', draw(2) ? 'done' : 'dropped')
  for (let step = 0; step < STEPS; step++) {
    if (seats.length < 2) seats.push(new Seat())
    const seat = seats[draw(seats.length)]!
    switch (draw(8)) {
      case 0: end(seat); break
      case 1: end(seat); seats.push(new Seat()); break
      case 2: seat.sleep(); break
      case 3: seat.wake(); break
      case 4: seat.leave(); break
      default: seat.ask(`${step}`)
    }
    await turns(draw(TURNS))
    for (const { kept: its } of seats) kept.push(...its)
    seats = seats.filter(({ here }) => here)
  }
  if (!seats.length) seats.push(new Seat())
  for (const seat of seats) seat.wake()
  await turns(10 * QUIET)
  expect([seats.map(({ waiting }) => waiting), kept.filter((id) => !happened.has(id))]).toEqual([seats.map(() => []), []])
})
