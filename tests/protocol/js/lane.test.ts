/**
 * A document over a link that says what it is told: what is sent on each socket, and what "saved" means.
 */

import * as encoding from 'lib0/encoding'
import { Cell } from 'plait-client/cell'
import * as frames from 'plait-client/hocuspocus'
import { Lane } from 'plait-client/lane'
import type { LaneEvents, LinkState } from 'plait-client/link'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'

let events: LaneEvents
let sent: Uint8Array[]
let lane: Lane
let doc: Y.Doc

beforeEach(async () => {
  vi.useFakeTimers()
  sent = []
  doc = new Y.Doc()
  const sender = { open: true, binary: (message: Uint8Array) => sent.push(message), text: () => {}, close: () => {} }
  const link = {
    state: new Cell<LinkState>({ kind: 'open' }),
    lane: (_: string, heard: LaneEvents) => { events = heard; return sender },
    retry: () => {},
    close: () => {}
  }
  lane = new Lane('room/notes', doc, { link, grant: async () => 'token', writes: true })
  await open()
})

afterEach(() => {
  lane.close()
  vi.useRealTimers()
})

async function open(): Promise<void> {
  events.opened()
  await vi.advanceTimersByTimeAsync(0)
}

/** What was sent, in words. */
function kinds(): string[] {
  return sent.splice(0).map((message) => message[0] === 2 ? 'token' : frames.read(message)?.is ?? 'other')
}

const saved = Uint8Array.of(8, 1)
const unsaved = Uint8Array.of(8, 0)

function refused(code: string): Uint8Array {
  return encoding.encode((to) => {
    encoding.writeVarUint(to, 5)
    encoding.writeVarString(to, JSON.stringify({ refused: { code, message: 'Not now.' } }))
  })
}

test('JS7: it is saved when all edits have their word, and not before', () => {
  expect(kinds()).toEqual(['token', 'step1'])
  doc.getText('content').insert(0, 'a')
  doc.getText('content').insert(0, 'b')
  expect(kinds()).toEqual(['update', 'update'])
  for (const [word, is] of [[saved, false], [unsaved, false], [saved, false], [saved, true]] as const) {
    events.binary(word)
    expect(lane.saved.value).toBe(is)
  }
})

test('JS7: what was written without a socket is offered when the server asks for it', async () => {
  events.lost()
  doc.getText('content').insert(0, 'offline')
  expect(lane.saved.value).toBe(false)
  await open()
  kinds()
  events.binary(frames.step1(Uint8Array.of(0)))
  const [answer] = sent.splice(0)
  const other = new Y.Doc()
  const read = frames.read(answer!)
  Y.applyUpdate(other, read?.is === 'step2' ? read.update : Uint8Array.of(0, 0))
  expect(other.getText('content').toString()).toBe('offline')
  events.binary(saved)
  expect(lane.saved.value).toBe(true)
})

test('JS7: an edit that was not taken for now is offered again, one that never will be is told', async () => {
  doc.getText('content').insert(0, 'a')
  kinds()
  events.binary(unsaved)
  events.binary(refused('store-failed'))
  await vi.advanceTimersByTimeAsync(1_000)
  expect(kinds()).toEqual(['step1'])
  expect(lane.denied.value).toBeNull()
  events.binary(saved)
  expect(lane.saved.value).toBe(true)
  events.binary(refused('room-full'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(kinds()).toEqual([])
  expect(lane.denied.value).toEqual({ code: 'room-full', message: 'Not now.' })
})

test('JS8: what is refused for good says nothing more until it is asked to; what passes tries again by itself', async () => {
  kinds()
  const denied = (code: string): void => events.binary(encoding.encode((to) => {
    encoding.writeVarUint(to, 2)
    encoding.writeVarUint(to, 1)
    encoding.writeVarString(to, code)
  }))
  denied('overloaded')
  expect(lane.status.value).toEqual({ kind: 'busy' })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(kinds()).toEqual(['token', 'step1'])
  denied('not-allowed')
  expect(lane.status.value).toMatchObject({ kind: 'refused', code: 'not-allowed' })
  events.lost()
  await open()
  expect(kinds()).toEqual([])
  lane.retry()
  await vi.advanceTimersByTimeAsync(0)
  expect(kinds()).toEqual(['token', 'step1'])
})
