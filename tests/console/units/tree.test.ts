/** CO22: which runs are the conversation, and which versions its turns have. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { branchOf, newestUnder, type Turn } from '../../../runtime/console/src/chat/tree'

const turn = (id: string, after?: string, parent?: string): Turn => ({ id, after, parent })

test('CO22: runs that do not say what they go on from go on from the run before', () => {
  const { turns, versions } = branchOf([turn('1'), turn('3'), turn('2')], undefined)
  assert.deepEqual(turns, ['1', '2', '3'])
  assert.deepEqual(turns.map((id) => versions.get(id)), [['1'], ['2'], ['3']])
})

test('CO22: the chosen branch is shown, and the versions of each of its turns', () => {
  const all = [turn('1', ''), turn('2', '1'), turn('3', '2'), turn('4', '1'), turn('5', '4'), turn('6', '1')]
  const { turns, versions } = branchOf(all, '5')
  assert.deepEqual(turns, ['1', '4', '5'])
  assert.deepEqual(versions.get('4'), ['2', '4', '6'])
  assert.deepEqual(versions.get('5'), ['5'])
  assert.deepEqual(branchOf(all, '3').turns, ['1', '2', '3'])
})

test('CO22: the first prompt has versions as well', () => {
  assert.deepEqual(branchOf([turn('1', ''), turn('2', '1'), turn('3', '')], '3').versions.get('3'), ['1', '3'])
})

test('CO22: a run whose predecessor left the document is where the page begins', () => {
  assert.deepEqual(branchOf([turn('7', '4'), turn('8', '7'), turn('9', '4')], '8').turns, ['7', '8'])
})

test('CO22: a tip that is not there is the newest run', () => {
  assert.deepEqual(branchOf([turn('7', '4'), turn('8', '7')], '5').turns, ['7', '8'])
  assert.deepEqual(branchOf([], '5').turns, [])
})

test('CO22: runs of sub-agents are no turns, also where nobody says what goes on from what', () => {
  const all = [turn('1'), turn('2', '', '1'), turn('3')]
  assert.deepEqual(branchOf(all, '3').turns, ['1', '3'])
  assert.equal(newestUnder(all, '1'), '3')
})

test('CO22: a version is chosen with the newest run under it', () => {
  const all = [turn('1', ''), turn('2', '1'), turn('3', '2'), turn('4', '1'), turn('5', '2'), turn('6', '3')]
  assert.equal(newestUnder(all, '2'), '6')
  assert.equal(newestUnder(all, '4'), '4')
})

test('CO22: runs that go on from each other hang nothing up', () => {
  assert.deepEqual(branchOf([turn('1', '2'), turn('2', '1')], '2').turns, ['1', '2'])
  assert.equal(newestUnder([turn('1', '2'), turn('2', '1')], '1'), '2')
})
