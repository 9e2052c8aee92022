/** What is read from a token and from what somebody pastes; nothing of it is believed by the server. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { claimsOf, tokenIn } from '../../../runtime/console/src/wire/grant'

function token(claims: unknown): string {
  const part = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part(claims)}.c2ln`
}

test('CO41: a token is found in a line, in a header and in a link', () => {
  const made = token({ sub: 'ann', rights: [] })
  for (const pasted of [made, `  ${made}\n`, `Bearer ${made}`, `bearer ${made}`, `http://127.0.0.1:8787/?room=a#grant=${made}`, `#grant=${encodeURIComponent(made)}`]) {
    assert.equal(tokenIn(pasted), made)
  }
  for (const nothing of ['', '  ', 'two words', 'a\nb', 'naïve', 'http://x/?room=a#grant=', 'x'.repeat(9000), '#grant=%zz %']) {
    assert.equal(tokenIn(nothing), null)
  }
})

test('CO42: what a token says is read as far as it is one', () => {
  const said = claimsOf(token({ sub: 'ann', name: 'Ann Lée', rights: ['read', 'write'], exp: 1_700_000_000 }))
  assert.deepEqual(said, { sub: 'ann', name: 'Ann Lée', rights: ['read', 'write'], ends: 1_700_000_000_000 })
  assert.deepEqual(claimsOf(token({ sub: 'ann', rights: [], name: 7, exp: 'x' })), { sub: 'ann', name: '', rights: [] })
  for (const opaque of ['', 'abc', 'a.b.c', token('no json'), token({ rights: [] }), token({ sub: 'ann', rights: 'all' }), token(null), token([])]) {
    assert.equal(claimsOf(opaque), null)
  }
})
