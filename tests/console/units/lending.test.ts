/** CO20: whose tools are lent to a room, and when. */

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

import { Lending, type Tool } from '../../../runtime/console/src/tools/lending'

const memory = new Map<string, string>()
;(globalThis as any).sessionStorage = {
  getItem: (key: string) => memory.get(key) ?? null,
  setItem: (key: string, value: string) => void memory.set(key, value),
  removeItem: (key: string) => void memory.delete(key)
}
beforeEach(() => memory.clear())

const PAINT: Tool = { name: 'paint', description: '', parameters: {}, effect: 'write', run: () => null }

/** A room that remembers which tools it has been lent and not been withdrawn. */
class FakeRoom {
  readonly name = 'room'
  readonly has: string[] = []

  registerTool(name: string): () => void {
    this.has.push(name)
    return () => void this.has.splice(this.has.indexOf(name), 1)
  }
}

test('CO20: a page lends its tools once it is asked for a run, and again after a reload', () => {
  const room = new FakeRoom()
  const lending = new Lending(room, () => [PAINT])
  assert.deepEqual(room.has, [])
  lending.lend()
  lending.lend()
  assert.deepEqual(room.has, ['paint'])
  const reloaded = new FakeRoom()
  new Lending(reloaded, () => [PAINT])
  assert.deepEqual(reloaded.has, ['paint'])
})

test('CO20: a run that waits for a page has this one lend its tools', () => {
  const room = new FakeRoom()
  const lending = new Lending(room, () => [PAINT])
  lending.awaited('dance')
  assert.deepEqual(room.has, [])
  lending.awaited('paint')
  assert.deepEqual(room.has, ['paint'])
})

test('CO20: a page that lends nothing says nothing, and one that lends no longer takes its tools back', () => {
  const room = new FakeRoom()
  let tools: Tool[] = []
  const lending = new Lending(room, () => tools)
  lending.lend()
  lending.changed()
  assert.deepEqual(room.has, [])
  tools = [PAINT]
  lending.lend()
  assert.deepEqual(room.has, ['paint'])
  tools = []
  lending.changed()
  assert.deepEqual(room.has, [])
})
