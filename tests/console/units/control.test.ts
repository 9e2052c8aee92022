/** CO4: what a tab asked is known to it until it is answered, and given back if it is refused. */

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { Cell, type Done, Refused } from 'plait-client'

import { Control, deed } from '../../../runtime/console/src/wire/control'

const memory = new Map<string, string>()
;(globalThis as any).sessionStorage = {
  getItem: (key: string) => memory.get(key) ?? null,
  setItem: (key: string, value: string) => void memory.set(key, value),
  removeItem: (key: string) => void memory.delete(key)
}
beforeEach(() => memory.clear())

/** A client whose commands are answered when the test says so. */
class FakeClient {
  readonly name = 'room'
  readonly refusedLater = new Cell<readonly any[]>([])
  readonly asked: { id: string | undefined; body: any; ok: (done: Done) => void; refuse: (code: string, message: string) => void }[] = []
  readonly forgotten: unknown[] = []

  command(body: unknown, id?: string): Promise<Done> {
    return new Promise((ok, fail) => {
      this.asked.push({ id, body, ok, refuse: (code, message) => fail(new Refused(code as never, message)) })
    })
  }

  forget(later: unknown): void {
    this.forgotten.push(later)
  }
}

function made(): { control: Control; client: FakeClient } {
  const client = new FakeClient()
  return { client, control: new Control(client as never) }
}

test('CO4: a prompt waits until it is on disk, over a reload under the same id', async () => {
  const first = made()
  void first.control.prompt('hello')
  assert.deepEqual(first.control.waiting.value.map(({ text }) => text), ['hello'])
  const second = made()
  second.control.begin()
  assert.deepEqual(second.client.asked.map(({ id, body }) => [id, body]), first.client.asked.map(({ id, body }) => [id, body]))
  second.client.asked[0]!.ok({ seq: 1, run: '000000000001' })
  await new Promise(setImmediate)
  assert.deepEqual(second.control.waiting.value, [])
  assert.ok(second.control.mine.value.has('000000000001'))
  const third = made()
  third.control.begin()
  assert.deepEqual(third.client.asked, [])
  assert.ok(third.control.mine.value.has('000000000001'))
})

test('CO4: a refusal gives the text back with its code and sentence', async () => {
  const { control, client } = made()
  const answer = control.prompt('too much')
  client.asked[0]!.refuse('room-full', 'The room is full.')
  await answer
  assert.deepEqual(control.refused.value, { code: 'room-full', message: 'The room is full.', text: 'too much' })
  assert.equal(control.waiting.value.length, 0)
})

test('CO4: what was refused after its page had gone is given to whoever looks, once', () => {
  const { control, client } = made()
  const later = { id: 'x', body: { do: 'prompt', text: 'lost' }, refused: { code: 'room-full', message: 'The room is full.' } }
  client.refusedLater.set([later])
  assert.deepEqual(control.refused.value, { code: 'room-full', message: 'The room is full.', text: 'lost' })
  assert.deepEqual(client.forgotten, [later])
})

test('CO4: a refusal that this page heard as an answer is not given back a second time', async () => {
  const { control, client } = made()
  const answer = control.prompt('lost')
  client.asked[0]!.refuse('room-full', 'The room is full.')
  await answer
  control.refused.set(null)
  client.refusedLater.set([{ id: client.asked[0]!.id, body: { do: 'prompt', text: 'lost' }, refused: { code: 'room-full', message: '' } }])
  assert.equal(control.refused.value, null)
})

test('CO18: a decision is remembered as this tab\'s once it is on disk, and not if another one was first', async () => {
  const { control, client } = made()
  const answer = control.decide('000000000001', 'all.0/0/call.0', { do: 'approve', args: { to: 'b' } })
  assert.deepEqual(client.asked[0]!.body, { do: 'approve', args: { to: 'b' }, run: '000000000001', step: 'all.0/0/call.0' })
  client.asked[0]!.ok({ seq: 9 })
  await answer
  assert.ok(control.mine.value.has(deed('000000000001', 'all.0/0/call.0')))
  const late = control.decide('000000000001', 'other', { do: 'deny' })
  client.asked[1]!.refuse('already-decided', 'Too late.')
  assert.deepEqual(await late, { refused: { code: 'already-decided', message: 'Too late.' } })
  assert.ok(!control.mine.value.has(deed('000000000001', 'other')))
  assert.equal(control.refused.value, null)
})

test('CO19: what is said to a run is a steer of that run, and given back if it came too late', async () => {
  const { control, client } = made()
  const answer = control.steer('left', '000000000001')
  assert.deepEqual(client.asked[0]!.body, { do: 'steer', text: 'left', run: '000000000001' })
  client.asked[0]!.refuse('no-such-run', 'It is over.')
  await answer
  assert.deepEqual(control.refused.value, { code: 'no-such-run', message: 'It is over.', text: 'left' })
})

test('CO20: tools are lent before a run is asked for', () => {
  const { control, client } = made()
  const order: string[] = []
  control.beforeRun = () => order.push(`lend, ${client.asked.length} asked`)
  void control.prompt('hello')
  void control.steer('left', '1')
  void control.again('1')
  assert.deepEqual(order, ['lend, 0 asked', 'lend, 2 asked'])
})
