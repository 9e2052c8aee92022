/** CO4: a command is asked until it is answered, under one id, over any number of sockets. */

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

import { Control, deed } from '../../../runtime/console/src/wire/control'

class FakeSocket {
  static readonly OPEN = 1
  readyState = FakeSocket.OPEN
  readonly sent: any[] = []
  send(frame: string): void {
    this.sent.push(JSON.parse(frame))
  }
}
;(globalThis as any).WebSocket = FakeSocket

function connect(control: Control): FakeSocket {
  const socket = new FakeSocket()
  control.opened(socket as unknown as WebSocket)
  return socket
}

const say = (control: Control, frame: unknown): void => control.receive(JSON.stringify(frame))

test('CO4: a prompt typed while offline is sent once there is a socket', async () => {
  const control = new Control('room')
  const answer = control.prompt('hello')
  assert.equal(control.waiting.value.length, 1)
  const [frame] = connect(control).sent
  assert.deepEqual({ ...frame, id: '' }, { id: '', do: 'prompt', text: 'hello' })
  say(control, { id: frame.id, ok: { seq: 1, run: '000000000001' } })
  assert.deepEqual(await answer, { ok: { seq: 1, run: '000000000001' } })
  assert.equal(control.waiting.value.length, 0)
  assert.ok(control.mine.value.has('000000000001'))
})

test('CO4: what was not answered is sent again under the same id, what was answered is not', async () => {
  const control = new Control('room')
  const first = connect(control)
  const stopped = control.stop()
  void control.prompt('hello')
  const [stop, prompt] = first.sent
  say(control, { id: stop.id, ok: { seq: 1 } })
  await stopped
  control.closed(first as unknown as WebSocket)
  const second = connect(control)
  assert.deepEqual(second.sent, [prompt])
})

test('CO4: an unknown outcome and a passing refusal are asked again under the same id', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const control = new Control('room')
  const socket = connect(control)
  const answer = control.prompt('hello')
  const { id } = socket.sent[0]
  say(control, { id, unknown: { code: 'outcome-unknown' } })
  mock.timers.tick(500)
  say(control, { id, refused: { code: 'overloaded', message: '' } })
  mock.timers.tick(1_000)
  assert.deepEqual(socket.sent.map((frame) => frame.id), [id, id, id])
  say(control, { id, ok: { seq: 2, run: '000000000002' } })
  assert.ok('ok' in (await answer))
  mock.timers.reset()
})

test('CO4: a refusal gives the text back with its code and sentence', async () => {
  const control = new Control('room')
  const socket = connect(control)
  const answer = control.prompt('too much')
  say(control, { id: socket.sent[0].id, refused: { code: 'room-full', message: 'The room is full.' } })
  await answer
  assert.deepEqual(control.refused.value, { code: 'room-full', message: 'The room is full.', text: 'too much' })
  assert.equal(control.waiting.value.length, 0)
})

test('following goes on from where it came to', () => {
  const control = new Control('room')
  const heads: number[] = []
  control.onHead = (seq) => heads.push(seq)
  const first = connect(control)
  control.follow(10)
  assert.deepEqual([first.sent[0].do, first.sent[0].after], ['follow', 10])
  say(control, { id: first.sent[0].id, ok: { seq: 40 } })
  assert.deepEqual(heads, [40])
  control.came(25)
  assert.equal(connect(control).sent[0].after, 25)
})

test('frames that are not known or no JSON are left alone', () => {
  const control = new Control('room')
  for (const frame of ['{', 'null', '[]', '7', '{"new":1}', '{"id":"nobody","ok":{}}']) control.receive(frame)
  assert.equal(control.waiting.value.length, 0)
})

test('CO18: a decision is asked until it is answered, and remembered as this tab\'s', async () => {
  const control = new Control('room')
  const first = connect(control)
  const answer = control.decide('000000000001', 'all.0/0/call.0', { do: 'approve', args: { to: 'b' } })
  const [frame] = first.sent
  assert.deepEqual({ ...frame, id: '' }, { id: '', do: 'approve', args: { to: 'b' }, run: '000000000001', step: 'all.0/0/call.0' })
  control.closed(first as unknown as WebSocket)
  const second = connect(control)
  assert.deepEqual(second.sent, [frame])
  say(control, { id: frame.id, ok: { seq: 9 } })
  await answer
  assert.ok(control.mine.value.has(deed('000000000001', 'all.0/0/call.0')))
  const late = control.decide('000000000001', 'other', { do: 'deny' })
  say(control, { id: second.sent[1].id, refused: { code: 'already-decided', message: 'Too late.' } })
  assert.deepEqual(await late, { refused: { code: 'already-decided', message: 'Too late.' } })
  assert.ok(!control.mine.value.has(deed('000000000001', 'other')))
  assert.equal(control.refused.value, null)
})

test('CO19: what is said to a run is a steer of that run, and given back if it came too late', async () => {
  const control = new Control('room')
  const socket = connect(control)
  const answer = control.steer('left', '000000000001')
  const [frame] = socket.sent
  assert.deepEqual({ ...frame, id: '' }, { id: '', do: 'steer', text: 'left', run: '000000000001' })
  say(control, { id: frame.id, refused: { code: 'no-such-run', message: 'It is over.' } })
  await answer
  assert.deepEqual(control.refused.value, { code: 'no-such-run', message: 'It is over.', text: 'left' })
})

test('CO20: which tools a tab has is said before all else, and the commands wait for the answer', () => {
  const control = new Control('room')
  let lends = false
  control.hello = () => (lends ? { do: 'register-tools', tab: 't' } : null)
  control.beforeRun = () => {
    lends = true
    control.greet()
  }
  const first = connect(control)
  void control.prompt('hello')
  assert.deepEqual(first.sent.map((frame) => frame.do), ['register-tools'])
  say(control, { id: first.sent[0].id, ok: { seq: 1 } })
  assert.deepEqual(first.sent.map((frame) => frame.do), ['register-tools', 'prompt'])
  control.closed(first as unknown as WebSocket)
  const second = connect(control)
  assert.deepEqual(second.sent.map((frame) => frame.do), ['register-tools'])
  say(control, { id: second.sent[0].id, refused: { code: 'not-allowed', message: '' } })
  assert.deepEqual(second.sent[1], first.sent[1])
})

test('CO20: a greeting whose outcome nobody knows is said again', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const control = new Control('room')
  control.hello = () => ({ do: 'register-tools', tab: 't' })
  const socket = connect(control)
  void control.stop()
  say(control, { id: socket.sent[0].id, unknown: { code: 'outcome-unknown' } })
  assert.equal(socket.sent.length, 1)
  mock.timers.tick(500)
  say(control, { id: socket.sent[1].id, ok: { seq: 1 } })
  assert.deepEqual(socket.sent.map((frame) => frame.do), ['register-tools', 'register-tools', 'stop'])
  mock.timers.reset()
})
