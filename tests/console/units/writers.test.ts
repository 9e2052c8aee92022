/** CO29: one request for a line until the text changes, and no answer that speaks of other words. */

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

import { planOf } from '../../../runtime/console/src/chat/plan'
import { Writers } from '../../../runtime/console/src/document/writers'

const asked: string[] = []

/** Answers of the server, in order; the last one is given again and again. */
function serve(...texts: string[]): void {
  asked.length = 0
  ;(globalThis as any).fetch = async (address: string) => {
    asked.push(address)
    const text = texts.length > 1 ? texts.shift()! : texts[0]!
    const at = Number(new URLSearchParams(address.split('?')[1]).get('at'))
    const spans = [{ units: [at, at + 4], text: text.slice(0, 4), seq: 3 }, { units: [at + 4, at + text.length], text: text.slice(4), seq: 5 }]
    const records = { 3: { seq: 3, time: '', author: 'ann' }, 5: { seq: 5, time: '', author: 'agent:clerk', prompt_seq: 4 } }
    return { ok: true, json: async () => ({ spans, records, prompts: { 4: 'Write.' } }) }
  }
}

const LINE = { from: 10, text: 'one and two' }

test('CO29: a line is asked for once, and again when the text has changed', async () => {
  serve(LINE.text)
  const writers = new Writers('room', 'main', 'content')
  const [first, second] = await Promise.all([writers.of(LINE, 11), writers.of(LINE, 16)])
  assert.deepEqual(first, { from: 10, to: 14, by: { seq: 3, time: '', author: 'ann' }, accepted: null, restored: null, prompt: '' })
  assert.ok('by' in second && second.by.author === 'agent:clerk' && second.prompt === 'Write.')
  assert.deepEqual(asked, ['/api/rooms/room/blame?document=main&root=content&at=10&length=11'])
  writers.forget()
  await writers.of(LINE, 11)
  assert.equal(asked.length, 2)
})

test('CO29: an answer about other words is asked for again, and none is given if it stays so', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const elapse = async (of: Promise<unknown>): Promise<unknown> => {
    let over = false
    void of.then(() => (over = true))
    while (!over) {
      await new Promise(setImmediate)
      mock.timers.tick(1000)
    }
    return of
  }
  const writers = new Writers('room', 'main', 'content')
  serve('one and', LINE.text)
  assert.ok('by' in ((await elapse(writers.of(LINE, 11))) as object))
  writers.forget()
  serve('something')
  assert.deepEqual(await elapse(writers.of(LINE, 11)), { problem: 'These words are not on disk yet.' })
  mock.timers.reset()
  serve(LINE.text)
  assert.ok('by' in (await writers.of(LINE, 11)), 'a failure is not kept')
})

test('CO30: an answer is told as numbers and places, and what is not understood is left out', () => {
  const result = { documents: { main: { records: [1, 2], kept: [{ path: ['plan'], key: 'a', by: 9 }, null] }, notes: { records: 'x' }, odd: 3 } }
  assert.deepEqual(planOf(result), { edits: 2, documents: ['main', 'notes'], kept: [{ where: 'main: plan › a', by: 9 }] })
  assert.deepEqual(planOf(undefined), { edits: 0, documents: [], kept: [] })
})
