/**
 * The client's frames on the shared socket are those of specs/vectors/hocuspocus.yaml: what it sends is byte for byte what
 * the stock provider sends, and what the server answers is understood.
 */

import * as hocuspocus from 'plait-client/hocuspocus'
import { expect, test } from 'vitest'
import { bytes, hex, vectors } from './vectors'

interface Vectors {
  sent: { version: string; name: string; token?: string; frame: string }[]
  answers: { name: string; reason?: string; payload?: string; frame: string }[]
  refused: { why: string; frame: string }[]
}

const { sent, answers, refused } = vectors<Vectors>('hocuspocus.yaml')

function taken(frame: string): readonly [string, Uint8Array] {
  return hocuspocus.unframe(bytes(frame))!
}

/** What the client has words for; it says nothing stateless, and the provider's version behind a token it leaves out. */
const spoken = sent.filter(({ name, version }) => !['stateless', 'pong'].includes(name) && !(name === 'auth' && version !== '3.4.4'))

test.each(spoken)('JS30: the client sends $name as the stock provider $version does', ({ name, token, frame }) => {
  const [key, message] = taken(frame)
  const said = again(name, token ?? '', message)
  expect(hex(hocuspocus.frame(key, said))).toBe(frame)
})

function again(name: string, token: string, message: Uint8Array): Uint8Array {
  if (name === 'auth') return hocuspocus.token(token)
  if (name === 'close') return hocuspocus.LEAVE
  const read = hocuspocus.read(message)
  switch (read?.is) {
    case 'step1': return hocuspocus.step1(read.stateVector)
    case 'step2': return hocuspocus.step2(read.update)
    case 'update': return hocuspocus.update(read.update)
    case 'awareness': return hocuspocus.awareness(read.update)
    default: throw new Error(`${name} is not understood`)
  }
}

const MEANS: { readonly [name: string]: object } = {
  'read-write': { is: 'granted', writes: true },
  readonly: { is: 'granted', writes: false },
  denied: { is: 'denied', code: 'bad-name' },
  saved: { is: 'status', saved: true },
  'not-saved': { is: 'status', saved: false },
  stateless: { is: 'stateless', payload: 'ü' }
}

test.each(answers)('JS30: the client understands $name', ({ name, frame }) => {
  const [key, message] = taken(frame)
  expect(key).toBe('pad/notes')
  expect(hocuspocus.read(message)).toEqual(MEANS[name])
})

test.each(refused)('JS30: what a server refuses ($why) trips no client', ({ frame }) => {
  const read = hocuspocus.unframe(bytes(frame))
  expect(() => read && hocuspocus.read(read[1])).not.toThrow()
})
