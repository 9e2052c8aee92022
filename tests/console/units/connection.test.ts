/** CO3: what a reader is told about the connection. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { sentence, told, word } from '../../../runtime/console/src/wire/connection'

test('CO3: each state has its word', () => {
  for (const kind of ['connecting', 'live', 'offline', 'restarting', 'busy'] as const) assert.equal(word({ kind }), kind)
  assert.equal(word({ kind: 'catching-up', behind: 0 }), 'catching up')
})

test('CO3: a tab that is far behind says how far, until it is not', () => {
  assert.equal(word(told({ kind: 'live' }, 14_200)), 'catching up, 14,200 records behind')
  assert.equal(word(told({ kind: 'live' }, 0)), 'live')
  assert.equal(word(told({ kind: 'offline' }, 3)), 'offline')
})

test('CO3: every refusal says why and what to do', () => {
  for (const code of ['bad-name', 'not-allowed', 'no-such-room', 'lineage-changed', 'too-large', 'of-tomorrow']) {
    const refused = { kind: 'refused', code, message: 'The server said why.' } as const
    assert.equal(word(refused), 'refused')
    const said = sentence(refused)!
    assert.match(said.title, new RegExp(code))
    assert.match(said.text, /^The server said why\. [A-Z]/)
  }
})

test('while all is well there is nothing to say, and what is offline says that what is typed waits', () => {
  assert.equal(sentence({ kind: 'live' }), null)
  assert.match(sentence({ kind: 'offline' })!.text, /waits here/)
})
