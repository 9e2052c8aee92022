/**
 * The libraries that the client stands on read and write the bytes of specs/vectors, in the versions of the lock file.
 */

import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import * as awareness from 'y-protocols/awareness'
import * as Y from 'yjs'
import { bytes, hex, vectors } from './vectors'

interface Frames {
  integers: { value: number; bytes: string }[]
  strings: { value: string; bytes: string }[]
}

interface Updates {
  updates: {
    name: string
    bytes: string
    inserted: [number, number, number][]
    deleted: [number, number, number][]
  }[]
  'state-vectors': { bytes: string; clocks: [number, number][] }[]
}

interface Stories {
  stories: { name: string; steps: { payload: string; heard: Record<string, unknown> }[] }[]
}

const frames = vectors<Frames>('frames.yaml')
const updates = vectors<Updates>('updates.yaml')
const stories = vectors<Stories>('awareness.yaml')

describe('frames', () => {
  test.each(frames.integers)('JS30: the integer $value', ({ value, bytes: written }) => {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, value)
    expect(hex(encoding.toUint8Array(encoder))).toBe(written)
    expect(decoding.readVarUint(decoding.createDecoder(bytes(written)))).toBe(value)
  })

  test.each(frames.strings)('JS30: the string $value', ({ value, bytes: written }) => {
    const encoder = encoding.createEncoder()
    encoding.writeVarString(encoder, value)
    expect(hex(encoding.toUint8Array(encoder))).toBe(written)
    expect(decoding.readVarString(decoding.createDecoder(bytes(written)))).toBe(value)
  })
})

describe('updates', () => {
  test.each(updates.updates)('JS30: what $name inserts and deletes', ({ bytes: written, inserted, deleted }) => {
    const { structs, ds } = Y.decodeUpdate(bytes(written))
    const ranges: [number, number, number][] = []
    for (const struct of structs) {
      if (struct instanceof Y.Skip) continue
      const { id, length } = struct
      const last = ranges.at(-1)
      if (last && last[0] === id.client && last[2] === id.clock) last[2] += length
      else ranges.push([id.client, id.clock, id.clock + length])
    }
    expect(ranges).toEqual(inserted)
    const gone = [...ds.clients].flatMap(([client, items]) => items.map(({ clock, len }) => [client, clock, clock + len]))
    expect(gone).toEqual(deleted)
  })

  test.each(updates['state-vectors'])('JS30: the state vector $bytes', ({ bytes: written, clocks }) => {
    expect([...Y.decodeStateVector(bytes(written))].sort()).toEqual([...clocks].sort())
  })
})

describe('awareness', () => {
  test.each(stories.stories)('JS30: after each payload of $name, what a client shows', ({ steps }) => {
    const doc = new Y.Doc()
    const heard = new awareness.Awareness(doc)
    heard.setLocalState(null)
    for (const step of steps) {
      awareness.applyAwarenessUpdate(heard, bytes(step.payload), 'server')
      expect(Object.fromEntries(heard.getStates())).toEqual(step.heard)
    }
    heard.destroy()
  })
})
