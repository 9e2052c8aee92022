/** CO3: what a reader is told about the connection, for every signal. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Connection, next, sentence, type Signal, word } from '../../../runtime/console/src/wire/connection'

function after(...signals: Signal[]): Connection {
  return signals.reduce<Connection>(next, { kind: 'connecting' })
}

const opened: Signal = { it: 'opened' }
const synced: Signal = { it: 'synced' }
const closed = (code: number, reason = ''): Signal => ({ it: 'closed', code, reason })

test('CO3: connecting, catching up, live', () => {
  assert.equal(word(after()), 'connecting')
  assert.equal(word(after(opened)), 'catching up')
  assert.equal(word(after(opened, synced)), 'live')
})

test('CO3: a tab that is far behind says how far, until it is not', () => {
  const behind = after(opened, { it: 'behind', records: 14_200 }, synced)
  assert.equal(word(behind), 'catching up, 14,200 records behind')
  assert.equal(word(next(behind, { it: 'behind', records: 0 })), 'live')
})

test('CO3: a lost socket is offline, steadily, until one opens', () => {
  const lost = after(opened, synced, closed(1006))
  assert.equal(lost.kind, 'offline')
  assert.equal(next(lost, closed(1006)).kind, 'offline')
  assert.equal(next(lost, { it: 'behind', records: 3 }).kind, 'offline')
  assert.match(sentence(lost)!.text, /waits here/)
  assert.equal(next(lost, opened).kind, 'catching-up')
})

test('CO3: a restart and a full server have their own words', () => {
  assert.equal(word(after(opened, synced, closed(1012))), 'restarting')
  assert.equal(word(after(closed(1013))), 'busy')
})

test('CO3: a restart may take a while, but not for ever', () => {
  const down = (times: number): Signal[] => Array.from({ length: times }, () => closed(1006))
  assert.equal(word(after(opened, synced, closed(1012), ...down(12))), 'restarting')
  assert.equal(word(after(opened, synced, closed(1012), ...down(13))), 'offline')
})

test('CO3: every refusal says why and what to do', () => {
  for (const code of [4400, 4401, 4403, 4404, 4409, 4413, 4499]) {
    const refused = after(opened, closed(code, 'said-by-server'))
    assert.equal(word(refused), 'refused')
    const said = sentence(refused)!
    assert.match(said.title, new RegExp(String(code)))
    assert.match(said.text, /\(said-by-server\)\. [A-Z]/)
  }
  assert.equal(after(closed(4404), { it: 'again' }).kind, 'connecting')
})

test('CO3: an expired grant (4301) is no refusal: the provider comes back by itself', () => {
  assert.equal(after(opened, synced, closed(4301)).kind, 'offline')
})

test('while all is well there is nothing to say', () => {
  assert.equal(sentence(after(opened, synced)), null)
})
