/**
 * Tools of a page without a server: what is claimed, begun, broken off and returned, and what a reload leaves of it.
 */

import { Cell, type Refusal, type Run } from 'plait-client'
import { Refused } from 'plait-client/refused'
import { Tools } from 'plait-client/tools'
import type { Body, Done } from 'plait-client/types'
import { beforeEach, expect, test, vi } from 'vitest'

const memory = new Map<string, string>()

beforeEach(() => {
  memory.clear()
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => memory.get(key) ?? null,
    setItem: (key: string, value: string) => void memory.set(key, value),
    removeItem: (key: string) => void memory.delete(key)
  })
})

const CALL = { type: 'tool', call: 's', name: 'paint', args: '{"a":1}', state: 'assigned', tab: 't1', number: 1 }

async function turn(): Promise<void> {
  await new Promise((settle) => setTimeout(settle))
}

/** A page with one tool; what it asks of the server is answered when the test says so. */
class Page {
  runs: Record<string, Run> = {}
  begun: { args: unknown; signal: AbortSignal; end: (value: unknown) => void; fail: (error: Error) => void }[] = []
  asked: { id: string | undefined; body: Body; ok: () => Promise<void>; refuse: (code: string, message?: string) => Promise<void> }[] = []
  greetings = 0
  readonly tools: Tools

  constructor(tab = 't1') {
    this.tools = new Tools('room', tab, () => this.runs, {
      greet: () => void this.greetings++,
      send: (body, id) => new Promise<Done>((settle, fail) => {
        const ok = (): Promise<void> => (settle({}), turn())
        const refuse = (code: string, message = ''): Promise<void> => (fail(new Refused(code as never, message)), turn())
        this.asked.push({ id, body, ok, refuse })
      })
    }, new Cell<Refusal | null>(null))
  }

  /** The page has the tool. */
  async lend(): Promise<this> {
    this.tools.register('paint', {}, (args, signal) => new Promise((end, fail) => this.begun.push({ args, signal, end, fail })))
    await turn()
    return this
  }

  /** The document shows these calls. */
  show(...calls: object[]): void {
    this.runs = { 1: { status: 'waiting', parts: calls.map((call) => ({ ...CALL, ...call })) } as unknown as Run }
    this.tools.look()
  }

  get done(): string[] {
    return this.asked.map(({ body }) => body.do)
  }
}

test('JS5: nothing is begun before the claim is on disk and the document shows it, and then once', async () => {
  const page = await new Page().lend()
  page.show({})
  page.show({})
  expect(page.asked.map(({ body }) => body)).toEqual([{ do: 'claim-tool', run: '1', step: 's', number: 1 }])
  page.show({ state: 'running' })
  await page.asked[0]!.ok()
  expect(page.begun.map(({ args }) => args)).toEqual([{ a: 1 }])
  page.begun[0]!.end('done')
  await turn()
  expect(page.asked[1]!.body).toEqual({ do: 'return-tool-result', run: '1', step: 's', number: 1, result: 'done' })
})

test('JS5: a claim whose answer is older than the document begins nothing', async () => {
  const page = await new Page().lend()
  page.show({})
  page.show({ tab: 't2', number: 2 })
  await page.asked[0]!.ok()
  expect(page.begun).toEqual([])
  page.show({ number: 3 })
  expect(page.asked.at(-1)!.body).toMatchObject({ do: 'claim-tool', number: 3 })
  await page.asked.at(-1)!.refuse('not-claimed')
  page.show({ number: 4 })
  expect(page.asked.at(-1)!.body).toMatchObject({ do: 'claim-tool', number: 4 })
})

test('JS5: what other tabs were given is none of ours, nor is what is being done', async () => {
  const page = await new Page().lend()
  page.show({ tab: 't2' }, { call: 'x', name: 'unknown' }, { call: 'y', state: 'running' })
  expect(page.asked).toEqual([])
})

test('JS5: a call that is taken away is broken off, and what it gives goes nowhere', async () => {
  const page = await new Page().lend()
  page.show({})
  await page.asked[0]!.ok()
  page.show()
  expect(page.begun[0]!.signal.aborted).toBe(true)
  page.begun[0]!.end('late')
  await turn()
  expect(page.done).toEqual(['claim-tool'])
})

test('JS5: an error, arguments that are no JSON and a result that is too large are what the model is told', async () => {
  const page = await new Page().lend()
  page.show({})
  await page.asked[0]!.ok()
  page.begun[0]!.fail(new Error('no paint'))
  await turn()
  expect(page.asked[1]!.body).toMatchObject({ error: 'no paint' })
  await page.asked[1]!.ok()
  page.show({ number: 2, args: '{"a":' })
  await page.asked[2]!.ok()
  expect(page.asked[3]!.body).toMatchObject({ error: expect.stringContaining('JSON') })
  await page.asked[3]!.refuse('too-large', 'At most so much.')
  page.show({ number: 3 })
  await page.asked[4]!.ok()
  page.begun[1]!.end('x')
  await turn()
  await page.asked[5]!.refuse('too-large', 'At most so much.')
  expect(page.asked[6]!.body).toEqual({ do: 'return-tool-result', run: '1', step: 's', number: 3, error: 'At most so much.' })
  expect(page.asked[6]!.id).not.toBe(page.asked[5]!.id)
})

test('JS5: what is carried out is said to every further socket, and a page without tools says nothing', async () => {
  const page = new Page()
  expect(page.tools.hello()).toBeNull()
  await page.lend()
  expect(page.greetings).toBe(1)
  page.show({})
  const running = (): unknown => page.tools.hello()!.running
  expect(running()).toEqual(['s'])
  await page.asked[0]!.ok()
  expect(running()).toEqual(['s'])
  page.begun[0]!.end('x')
  await turn()
  expect(running()).toEqual(['s'])
  await page.asked[1]!.ok()
  expect(running()).toEqual([])
})

test('JS5: a result outlives a reload under its id, and waits until its tool is there again', async () => {
  const before = await new Page().lend()
  before.show({})
  await before.asked[0]!.ok()
  before.begun[0]!.end('x')
  await turn()
  const after = new Page()
  await turn()
  expect(after.asked).toEqual([])
  await after.lend()
  expect(after.asked.map(({ id, body }) => [id, body])).toEqual([[before.asked[1]!.id, before.asked[1]!.body]])
  expect(after.tools.hello()!.running).toEqual(['s'])
  after.show({ state: 'running' })
  after.show({ number: 2 })
  expect(after.done).toEqual(['return-tool-result'])
  await after.asked[0]!.ok()
  // It came too late, so the call has come to this tab again.
  expect(after.done).toEqual(['return-tool-result', 'claim-tool'])
  expect((await new Page().lend()).asked).toEqual([])
})

test('JS5: facts of a tab are said again on each socket, as they are then', async () => {
  const page = new Page()
  void page.tools.provideContext({ selection: 'row 3', theme: 'dark' })
  void page.tools.provideContext({ selection: null })
  await turn()
  page.tools.begun()
  await turn()
  expect(page.asked.at(-1)!.body).toEqual({ do: 'provide-context', facts: { theme: 'dark' }, tab: 't1' })
})
