/**
 * One socket after the other, with sockets that do as they are told and a clock that stands still.
 */

import type { LinkState } from 'plait-client/link'
import { address, SocketLink, type Sockets } from 'plait-client/socket'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

class FakeSocket {
  static made: FakeSocket[] = []
  readyState = 0
  sent: unknown[] = []
  onopen = (): void => {}
  onmessage = (_: { data: unknown }): void => {}
  onclose = (_: { code: number; reason: string }): void => {}

  constructor(readonly url: string, readonly protocols: string[]) {
    FakeSocket.made.push(this)
  }

  send(data: unknown): void {
    this.sent.push(data)
  }

  close(): void {
    this.readyState = 3
  }

  open(): void {
    this.readyState = 1
    this.onopen()
  }

  end(code: number, reason = ''): void {
    this.readyState = 3
    this.onclose({ code, reason })
  }
}

let link: SocketLink

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  FakeSocket.made = []
  link = new SocketLink({ url: 'http://127.0.0.1:1', session: 'me', WebSocket: FakeSocket as unknown as Sockets })
})

afterEach(() => {
  link.close()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const last = (): FakeSocket => FakeSocket.made.at(-1)!

/** How long until there is another socket, milliseconds. */
function pause(): number {
  const before = FakeSocket.made.length
  const began = Date.now()
  while (FakeSocket.made.length === before && Date.now() - began < 60_000) vi.advanceTimersByTime(25)
  return Date.now() - began
}

test('JS11: the address is the multiplexed one, with the control channel', () => {
  expect([last().url, last().protocols]).toEqual(['ws://127.0.0.1:1/hocuspocus', ['plait.v1']])
  expect(address('https://plait.example/console/')).toBe('wss://plait.example/hocuspocus')
})

test('JS13: pauses double, half of each is chance, and it says offline without flickering', () => {
  const seen: LinkState['kind'][] = []
  link.state.subscribe(() => { if (seen.at(-1) !== link.state.value.kind) seen.push(link.state.value.kind) })
  const pauses = Array.from({ length: 7 }, () => {
    last().end(1006)
    return pause()
  })
  expect(pauses).toEqual([375, 750, 1500, 3000, 3750, 3750, 3750])
  expect(seen).toEqual(['offline'])
  last().open()
  expect(seen).toEqual(['offline', 'open'])
  vi.advanceTimersByTime(10_001)
  last().end(1006)
  expect(pause()).toBe(375)
})

test('JS13: a socket that ends at once after opening is no success', () => {
  for (const expected of [375, 750, 1500]) {
    last().open()
    last().end(1006)
    expect(pause()).toBe(expected)
  }
})

test('JS14: what a close code means', () => {
  const after = (code: number, reason = ''): LinkState => {
    last().open()
    last().end(code, reason)
    const state = link.state.value
    pause()
    return state
  }
  expect(after(1012).kind).toBe('restarting')
  last().end(1006)
  expect(link.state.value.kind).toBe('restarting')
  pause()
  expect(after(1013).kind).toBe('busy')
  expect(after(1006).kind).toBe('offline')
  // A grant that is over as soon as it is shown is no reason to ask in circles.
  expect(after(4301)).toMatchObject({ kind: 'offline', again_ms: expect.toSatisfy((ms: number) => ms > 0) })
  last().open()
  vi.advanceTimersByTime(10_001)
  last().end(4301)
  expect(link.state.value).toEqual({ kind: 'offline', again_ms: 0 })
  pause()
  const before = FakeSocket.made.length
  expect(after(4403, 'not-allowed')).toEqual({ kind: 'closed', code: 4403, reason: 'not-allowed' })
  expect(FakeSocket.made.length).toBe(before)
  link.retry()
  expect(FakeSocket.made.length).toBe(before + 1)
  expect(link.state.value.kind).toBe('connecting')
  last().open()
  link.close()
  expect(link.state.value).toEqual({ kind: 'closed', code: 1000, reason: '' })
  link.retry()
  expect(FakeSocket.made.length).toBe(before + 1)
})

test('JS10: silence is asked about, an answer is life, and no answer is the end', () => {
  last().open()
  const [first] = FakeSocket.made
  vi.advanceTimersByTime(15_000)
  expect(first!.sent).toEqual([JSON.stringify({ id: 'ping-1', do: 'ping' })])
  first!.onmessage({ data: '{"id":"ping-1","ok":{}}' })
  vi.advanceTimersByTime(15_000)
  expect(first!.sent).toHaveLength(2)
  expect(link.state.value.kind).toBe('open')
  vi.advanceTimersByTime(10_000)
  expect(link.state.value.kind).toBe('offline')
  expect(first!.readyState).toBe(3)
  pause()
  // A handshake that nobody answers is given up as well.
  vi.advanceTimersByTime(10_000)
  expect(last().readyState).toBe(3)
})

test('JS11: frames go to their lane alone, and nothing of an older socket is heard', () => {
  const heard: unknown[] = []
  const lane = link.lane('rooms/lobby', {
    opened: () => heard.push('opened'),
    lost: () => heard.push('lost'),
    binary: (message) => heard.push([...message]),
    text: (said) => heard.push(said)
  })
  expect(lane.open).toBe(false)
  const old = last()
  old.open()
  lane.text({ id: '1', do: 'ping' })
  expect(JSON.parse(String(old.sent[0]))).toEqual({ to: 'rooms/lobby\0me', id: '1', do: 'ping' })
  lane.binary(Uint8Array.of(7))
  const frame = old.sent[1] as Uint8Array
  old.onmessage({ data: JSON.stringify({ to: 'rooms/lobby\0me', id: '1', ok: {} }) })
  old.onmessage({ data: JSON.stringify({ to: 'rooms/lobby\0you', id: '2', ok: {} }) })
  old.onmessage({ data: 'rubbish' })
  old.onmessage({ data: frame.buffer })
  old.onmessage({ data: Uint8Array.of(200).buffer })
  old.end(1006)
  pause()
  old.onmessage({ data: JSON.stringify({ to: 'rooms/lobby\0me', id: '3', ok: {} }) })
  expect(heard).toEqual(['opened', { id: '1', ok: {} }, [7], 'lost'])
})
