/** The timeline's filter: what passes, as records come, are read from further back, and leave the window. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { EVERYTHING, type Filter, placeOf, Sieve, withKind } from '../../../runtime/console/src/timeline/filter'
import type { LogRecord, Records } from '../../../runtime/console/src/wire/records'

function record(seq: number): LogRecord {
  const type = seq % 10 === 0 ? 'tool-failed' : 'text-streamed'
  return { seq, time: '', author: seq % 2 ? 'ann' : 'bob', run: seq % 5 ? '000000000001' : null, epoch: 1, event: { type }, document: '', update: null }
}

/** A window of the log, as far as the sieve looks at one. */
function window(first: number, last: number): Records {
  const list = Array.from({ length: last - first + 1 }, (_, nth) => record(first + nth))
  return { list, first, head: last } as Records
}

const ERRORS: Filter = withKind(EVERYTHING, 'error')
const seqs = (list: readonly LogRecord[]): number[] => list.map(({ seq }) => seq)

test('CO37: without a filter the list is the log’s own', () => {
  const all = window(1, 30)
  assert.equal(new Sieve().take(all, EVERYTHING), all.list)
})

test('CO37: kind, run and author narrow, each with the others', () => {
  const sieve = new Sieve()
  assert.deepEqual(seqs(sieve.take(window(1, 30), ERRORS)), [10, 20, 30])
  assert.deepEqual(seqs(sieve.take(window(1, 12), { ...EVERYTHING, run: '000000000001', author: 'bob' })), [2, 4, 6, 8, 12])
  assert.deepEqual(seqs(sieve.take(window(1, 30), { ...ERRORS, author: 'ann' })), [])
  assert.deepEqual([...sieve.authors].sort(), ['ann', 'bob'])
  assert.deepEqual([...sieve.runs], ['000000000001'])
})

test('CO37: what comes, what is read from further back and what leaves the window is as if all were sieved again', () => {
  const sieve = new Sieve()
  for (const [first, last] of [[51, 60], [51, 95], [11, 95], [11, 120], [41, 130], [200, 230]] as const) {
    const now = window(first, last)
    assert.deepEqual(seqs(sieve.take(now, ERRORS)), seqs(new Sieve().take(now, ERRORS)), `${first}-${last}`)
  }
})

test('CO37: a kind is added by one press and taken away by the next', () => {
  const both = withKind(ERRORS, 'tool')
  assert.deepEqual([...both.kinds], ['error', 'tool'])
  assert.deepEqual([...withKind(both, 'error').kinds], ['tool'])
  assert.equal(withKind(ERRORS, 'error').kinds.size, 0)
})

test('CO37: a place is found between records that do not pass', () => {
  const list = new Sieve().take(window(1, 40), ERRORS)
  assert.deepEqual([5, 10, 11, 40, 41].map((seq) => placeOf(list, seq)), [0, 0, 1, 3, 4])
})
