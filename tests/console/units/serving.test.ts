/** CO20, CO21: a call is claimed before it is begun, carried out once, and returned until that is answered. */

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { type Call, Serving, type Tool } from '../../../runtime/console/src/tools/serving'
import type { Answer, Body } from '../../../runtime/console/src/wire/control'

const memory = new Map<string, string>()
;(globalThis as any).sessionStorage = {
  getItem: (key: string) => memory.get(key) ?? null,
  setItem: (key: string, value: string) => void memory.set(key, value),
  removeItem: (key: string) => void memory.delete(key)
}
beforeEach(() => memory.clear())

const OK: Answer = { ok: {} }

/** A page with one tool; what it asks of the server is answered when the test says so. */
class Page {
  calls: Call[] = []
  begun: { args: unknown; signal: AbortSignal; end: (value: unknown) => void; fail: (error: Error) => void }[] = []
  asked: { id: string | undefined; body: Body; answer: (answer: Answer) => Promise<void> }[] = []
  greetings = 0
  readonly serving: Serving

  constructor(tools?: Tool[]) {
    const tool: Tool = {
      name: 'paint',
      description: '',
      parameters: {},
      effect: 'write',
      run: (args, signal) => new Promise((end, fail) => this.begun.push({ args, signal, end, fail }))
    }
    this.serving = new Serving('t1', 'room', () => tools ?? [tool], () => this.calls, {
      greet: () => void this.greetings++,
      send: (body, id) =>
        new Promise((settle) => {
          const answer = async (answer: Answer): Promise<void> => {
            settle(answer)
            await new Promise(setImmediate)
          }
          this.asked.push({ id, body, answer })
        })
    })
  }

  show(...calls: Partial<Call>[]): void {
    this.calls = calls.map((call) => ({ run: '1', step: 's', name: 'paint', args: '{"a":1}', state: 'assigned', tab: 't1', number: 1, ...call }))
    this.serving.look()
  }

  get done(): string[] {
    return this.asked.map(({ body }) => body.do)
  }
}

test('CO21: nothing is begun before the claim is on disk, and then once', async () => {
  const page = new Page()
  page.show({})
  page.show({})
  assert.deepEqual(page.asked.map(({ body }) => body), [{ do: 'claim-tool', run: '1', step: 's', number: 1 }])
  assert.equal(page.begun.length, 0)
  await page.asked[0]!.answer(OK)
  page.show({ state: 'running' })
  assert.deepEqual(page.begun.map(({ args }) => args), [{ a: 1 }])
  page.begun[0]!.end('done')
  await new Promise(setImmediate)
  assert.deepEqual(page.asked[1]!.body, { do: 'return-tool-result', run: '1', step: 's', number: 1, result: 'done' })
})

test('CO21: a claim that is refused begins nothing, and a later number is another chance', async () => {
  const page = new Page()
  page.show({})
  await page.asked[0]!.answer({ refused: { code: 'not-claimed', message: '' } })
  assert.equal(page.begun.length, 0)
  page.show({ number: 2 })
  assert.equal(page.asked.at(-1)!.body.number, 2)
})

test('CO21: what other tabs were given is none of ours', () => {
  const page = new Page()
  page.show({ tab: 't2' }, { step: 'x', name: 'unknown' }, { step: 'y', state: 'running' })
  assert.deepEqual(page.asked, [])
})

test('CO21: a call that is taken away is broken off, and what it gives goes nowhere', async () => {
  const page = new Page()
  page.show({})
  await page.asked[0]!.answer(OK)
  page.show()
  assert.ok(page.begun[0]!.signal.aborted)
  page.begun[0]!.end('late')
  await new Promise(setImmediate)
  assert.deepEqual(page.done, ['claim-tool'])
})

test('CO21: an error is what the model is told', async () => {
  const page = new Page()
  page.show({})
  await page.asked[0]!.answer(OK)
  page.begun[0]!.fail(new Error('no paint'))
  await new Promise(setImmediate)
  assert.equal(page.asked[1]!.body.error, 'no paint')
})

test('CO21: arguments that are no JSON are an error, not a crash', async () => {
  const page = new Page()
  page.show({ args: '{"a":' })
  await page.asked[0]!.answer(OK)
  assert.match(String(page.asked[1]!.body.error), /JSON/)
})

test('CO21: a result that is too large is told as an error', async () => {
  const page = new Page()
  page.show({})
  await page.asked[0]!.answer(OK)
  page.begun[0]!.end('x')
  await new Promise(setImmediate)
  await page.asked[1]!.answer({ refused: { code: 'too-large', message: 'At most so much.' } })
  assert.deepEqual(page.asked[2]!.body, { do: 'return-tool-result', run: '1', step: 's', number: 1, error: 'At most so much.' })
  assert.notEqual(page.asked[2]!.id, page.asked[1]!.id)
})

test('CO20: a page lends its tools once it is asked for a run, and again after a reload', () => {
  const page = new Page()
  assert.equal(page.serving.hello(), null)
  page.serving.lend()
  page.serving.lend()
  assert.equal(page.greetings, 1)
  const hello = page.serving.hello()!
  assert.deepEqual([hello.do, hello.tab, hello.running], ['register-tools', 't1', []])
  assert.deepEqual(new Page().serving.hello(), hello)
})

test('CO20: a run that waits for a page has this one lend its tools', () => {
  const page = new Page()
  page.show({ state: 'awaiting', tab: '', name: 'other' })
  assert.equal(page.greetings, 0)
  page.show({ state: 'awaiting', tab: '' })
  assert.equal(page.greetings, 1)
})

test('CO20: a page that lends nothing says nothing', () => {
  const page = new Page([])
  page.serving.lend()
  assert.equal(page.greetings, 0)
  assert.equal(page.serving.hello(), null)
})

test('CO21: what is carried out is said to every further socket', async () => {
  const page = new Page()
  page.serving.lend()
  page.show({})
  assert.deepEqual(page.serving.hello()!.running, ['s'])
  await page.asked[0]!.answer(OK)
  assert.deepEqual(page.serving.hello()!.running, ['s'])
  page.begun[0]!.end('x')
  await new Promise(setImmediate)
  assert.deepEqual(page.serving.hello()!.running, ['s'])
  await page.asked[1]!.answer(OK)
  assert.deepEqual(page.serving.hello()!.running, [])
})

test('CO21: a result outlives a reload under its id, and its call is not begun again', async () => {
  const before = new Page()
  before.serving.lend()
  before.show({})
  await before.asked[0]!.answer(OK)
  before.begun[0]!.end('x')
  await new Promise(setImmediate)
  const after = new Page()
  assert.deepEqual([after.asked[0]!.id, after.asked[0]!.body], [before.asked[1]!.id, before.asked[1]!.body])
  assert.deepEqual(after.serving.hello()!.running, ['s'])
  after.show({ state: 'running' })
  assert.deepEqual(after.done, ['return-tool-result'])
  await after.asked[0]!.answer(OK)
  assert.deepEqual(new Page().asked, [])
})

test('CO21: a result that came too late makes room for the call under its new number', async () => {
  const before = new Page()
  before.show({})
  await before.asked[0]!.answer(OK)
  before.begun[0]!.end('x')
  await new Promise(setImmediate)
  const after = new Page()
  after.show({ number: 2 })
  assert.deepEqual(after.done, ['return-tool-result'])
  await after.asked[0]!.answer(OK)
  assert.deepEqual(after.done, ['return-tool-result', 'claim-tool'])
})
