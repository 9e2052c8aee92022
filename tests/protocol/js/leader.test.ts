/** One socket for all pages of an origin: who holds it, who speaks through it, and what happens when that changes. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LaneSender } from 'plait-client/link'
import { SharedLink } from 'plait-client/leader'
import { FakeBrowser, type FakePage, settled } from './fake_browser'
import { FakeLink } from './fake_link'

/** One page with one lane, which notes what it hears. */
class Visitor {
  readonly sockets: FakeLink[] = []
  readonly heard: unknown[] = []
  readonly link: SharedLink
  readonly lane: LaneSender

  constructor(readonly tab: FakePage, document = 'rooms/lobby', server = 'ws://here/hocuspocus') {
    this.link = new SharedLink(server, tab.page, () => {
      const socket = new FakeLink()
      this.sockets.push(socket)
      return socket
    })
    this.lane = this.listen(document)
  }

  listen(document: string): LaneSender {
    return this.link.lane(document, {
      opened: () => this.heard.push('opened'),
      binary: (message) => this.heard.push(message.length > 100 ? message.length : [...message]),
      text: (said) => this.heard.push(said),
      lost: () => this.heard.push('lost')
    })
  }

  /** The socket that this page holds now. */
  get socket(): FakeLink | undefined {
    return this.sockets.find((socket) => !socket.closed)
  }
}

let browser: FakeBrowser

async function visit(document?: string, server?: string): Promise<Visitor> {
  const visitor = new Visitor(browser.open(), document, server)
  await settled()
  return visitor
}

/** A leader with an open socket, and those who follow it. */
async function crowd(followers = 1): Promise<[Visitor, ...Visitor[]]> {
  const leader = await visit()
  leader.socket!.open()
  const others: Visitor[] = []
  for (let count = 0; count < followers; count++) others.push(await visit())
  await settled()
  return [leader, ...others]
}

beforeEach(() => {
  browser = new FakeBrowser()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
})

afterEach(() => { vi.useRealTimers() })

describe('sharing', () => {
  test('JS60: two pages have one socket, on which their lanes are two', async () => {
    const [leader, follower] = await crowd()
    expect(leader.sockets.length + follower!.sockets.length).toBe(1)
    const names = [...leader.socket!.lanes.keys()]
    expect(names.map((name) => name.split('\0')[0])).toEqual(['rooms/lobby', 'rooms/lobby'])
    expect(new Set(names).size).toBe(2)
    expect(follower!.heard).toEqual(['opened'])
    expect(follower!.link.state.value.kind).toBe('open')
  })

  test('JS60: what is said goes to the right lane, both ways and in order', async () => {
    const [leader, follower] = await crowd()
    follower!.lane.binary(Uint8Array.of(1, 2))
    follower!.lane.text({ id: 'a', do: 'ping' })
    leader.lane.binary(Uint8Array.of(3))
    await settled()
    const [mine, theirs] = [...leader.socket!.lanes.keys()]
    expect(leader.socket!.said).toEqual([[mine, [3]], [theirs, [1, 2]], [theirs, { id: 'a', do: 'ping' }]])
    const lane = leader.socket!.lanes.get(theirs!)!
    lane.events.binary(Uint8Array.of(9).subarray(0))
    lane.events.text({ id: 'a', ok: {} })
    await settled()
    expect(follower!.heard).toEqual(['opened', [9], { id: 'a', ok: {} }])
    expect(leader.heard).toEqual(['opened'])
  })

  test('JS60: two links of one page share a socket, too', async () => {
    const leader = await visit()
    leader.socket!.open()
    const page = browser.open()
    const [one, other] = [new Visitor(page), new Visitor(page, 'rooms/other')]
    await settled()
    expect(leader.socket!.lanes.size).toBe(3)
    expect([one.heard, other.heard]).toEqual([['opened'], ['opened']])
  })

  test('JS60: pages of other servers have sockets of their own', async () => {
    const [one, other] = [await visit('rooms/a', 'ws://one'), await visit('rooms/a', 'ws://other')]
    expect([one.sockets.length, other.sockets.length]).toEqual([1, 1])
  })

  test('JS60: a socket that comes back opens the lanes of all pages again', async () => {
    const [leader, follower] = await crowd()
    leader.socket!.end({ kind: 'offline', again_ms: 100 })
    await settled()
    expect([follower!.link.state.value.kind, follower!.lane.open]).toEqual(['offline', false])
    leader.socket!.open()
    await settled()
    expect(follower!.heard).toEqual(['opened', 'lost', 'opened'])
    expect(leader.heard).toEqual(['opened', 'lost', 'opened'])
  })

  test('JS61: what a page said before it heard of a new socket is not said on that one', async () => {
    const [leader, follower] = await crowd()
    leader.socket!.end({ kind: 'offline', again_ms: 100 })
    leader.socket!.open()
    // It has not heard of either yet.
    follower!.lane.text({ id: 'early', do: 'stop' })
    await settled()
    follower!.lane.text({ id: 'right', do: 'stop' })
    await settled()
    expect(leader.socket!.said.map(([, what]) => (what as { id: string }).id)).toEqual(['right'])
  })

  test('JS60: a lane that is closed is left on the server, and only that one', async () => {
    const [leader, follower] = await crowd()
    const other = follower!.listen('lobby/notes')
    await settled()
    other.close()
    await settled()
    expect(leader.socket!.said.map(([name, what]) => [name.split('\0')[0], what])).toEqual([['lobby/notes', 'CLOSE']])
    expect(leader.socket!.lanes.size).toBe(2)
  })

  test('JS67: a page in sight has the leader try again when it is time, though the leader is hidden', async () => {
    const [leader, follower] = await crowd()
    leader.socket!.end({ kind: 'offline', again_ms: 2_000 })
    await settled()
    await vi.advanceTimersByTimeAsync(2_900)
    expect(leader.socket!.retries).toBe(0)
    await vi.advanceTimersByTimeAsync(200)
    expect(leader.socket!.retries).toBe(1)
    follower!.tab.document.dispatchEvent(new Event('visibilitychange'))
    await settled()
    expect(leader.socket!.retries).toBe(2)
  })
})

describe('takeover', () => {
  test.each(['close', 'crash'] as const)('JS62: when the leader ends (%s), another page opens a socket and all lanes', async (how) => {
    const [leader, next, third] = await crowd(2)
    leader.tab[how]()
    await settled()
    expect(next!.sockets.length + third!.sockets.length).toBe(1)
    const heir = next!.sockets.length ? next! : third!
    heir.socket!.open()
    await settled()
    for (const visitor of [next!, third!]) expect(visitor.heard).toEqual(['opened', 'lost', 'opened'])
    expect(heir.socket!.lanes.size).toBe(2)
  })

  test('JS63: a page that is put to sleep lets go of the lead, and follows when it wakes', async () => {
    const [leader, next] = await crowd()
    const old = leader.socket!
    leader.tab.freeze()
    await settled()
    expect(old.closed).toBe(true)
    next!.socket!.open()
    expect(next!.heard).toEqual(['opened', 'lost', 'opened'])
    leader.tab.resume()
    await settled()
    expect(leader.heard).toEqual(['opened', 'lost', 'opened'])
    expect([leader.socket, next!.socket!.lanes.size]).toEqual([undefined, 2])
  })

  test('JS63: a page that sleeps is left on the server, and back when it wakes', async () => {
    const [leader, follower] = await crowd()
    follower!.tab.freeze()
    await settled()
    expect(leader.socket!.lanes.size).toBe(1)
    follower!.tab.resume()
    await settled()
    expect(leader.socket!.lanes.size).toBe(2)
    expect(follower!.heard).toEqual(['opened', 'lost', 'opened'])
  })

  test('JS64: a leader that hangs loses the lead, and follows when it goes on', async () => {
    const [leader, next] = await crowd()
    leader.tab.hang()
    await vi.advanceTimersByTimeAsync(9_000)
    expect(next!.socket).toBeUndefined()
    await vi.advanceTimersByTimeAsync(3_000)
    next!.socket!.open()
    await settled()
    expect(next!.heard).toEqual(['opened', 'lost', 'opened'])
    const old = leader.socket!
    // The old socket still brings something, which is not for the follower's new lane.
    ;[...old.lanes.values()][1]!.events.binary(Uint8Array.of(7))
    leader.tab.goOn()
    await settled()
    expect(old.closed).toBe(true)
    expect(leader.socket).toBeUndefined()
    expect(leader.heard).toEqual(['opened', 'lost', 'opened'])
    expect(next!.heard).toEqual(['opened', 'lost', 'opened'])
    expect(next!.socket!.lanes.size).toBe(2)
  })

  test('JS64: a leader that hangs from before a page came loses the lead to it', async () => {
    const [leader] = await crowd(0)
    leader.tab.hang()
    const next = await visit()
    await vi.advanceTimersByTimeAsync(12_000)
    expect(next.socket).toBeDefined()
  })

  test('JS64: two pages that miss a leader at the same time end with one leader', async () => {
    const [leader, one, other] = await crowd(2)
    leader.tab.hang()
    await vi.advanceTimersByTimeAsync(12_000)
    await vi.advanceTimersByTimeAsync(12_000)
    const holding = [one!, other!].filter((visitor) => visitor.socket)
    expect(holding.length).toBe(1)
    holding[0]!.socket!.open()
    await settled()
    expect(holding[0]!.socket!.lanes.size).toBe(2)
  })

  test('JS64: a leader that is silent because nothing happens stays the leader', async () => {
    const [leader, follower] = await crowd()
    await vi.advanceTimersByTimeAsync(120_000)
    expect(leader.socket).toBeDefined()
    expect([follower!.sockets.length, follower!.heard]).toEqual([0, ['opened']])
  })

  test('JS65: a page that did not run itself does not blame the leader', async () => {
    const [leader, follower] = await crowd()
    leader.tab.hang()
    await vi.advanceTimersByTimeAsync(6_000)
    // Its machine slept in between, and its timer is the first thing that runs.
    vi.setSystemTime(Date.now() + 60_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(follower!.sockets.length).toBe(0)
    leader.tab.goOn()
    await vi.advanceTimersByTimeAsync(20_000)
    expect([leader.sockets.length, follower!.sockets.length]).toEqual([1, 0])
  })
})

describe('ends', () => {
  test.each(['close', 'crash'] as const)('JS66: the lanes of a follower that ends (%s) are left at once', async (how) => {
    const [leader, follower] = await crowd()
    follower!.tab[how]()
    await settled()
    expect(leader.socket!.lanes.size).toBe(1)
    expect(leader.socket!.said.map(([, what]) => what)).toEqual(['CLOSE'])
  })

  test('JS68: a page that does not fit opens a socket of its own, all its lanes on it', async () => {
    const [leader, follower] = await crowd()
    for (let count = 0; count < 97; count++) leader.listen(`lobby/${count}`)
    const second = follower!.listen('lobby/more')
    await settled()
    expect(follower!.sockets.length).toBe(0)
    const third = follower!.listen('lobby/most')
    await settled()
    follower!.socket!.open()
    await settled()
    expect(follower!.socket!.lanes.size).toBe(3)
    expect(leader.socket!.lanes.size).toBe(98)
    expect([second.open, third.open]).toEqual([true, true])
  })

  test('JS68: a leader with many documents lets go of others before its own do not fit', async () => {
    const [leader, follower] = await crowd()
    for (let count = 0; count < 99; count++) leader.listen(`lobby/${count}`)
    await settled()
    expect(leader.socket!.lanes.size).toBe(100)
    expect(follower!.socket!.lanes.size).toBe(1)
  })

  test('JS68: a page that takes nothing any more is let go, and comes again when it goes on', async () => {
    const [leader, follower] = await crowd()
    follower!.tab.hang()
    const lane = [...leader.socket!.lanes.values()][1]!
    const message = new Uint8Array(1 << 20)
    for (let count = 0; count < 65; count++) lane.events.binary(message)
    await settled()
    expect(leader.socket!.lanes.size).toBe(1)
    follower!.tab.goOn()
    await settled()
    expect(leader.socket!.lanes.size).toBe(2)
    expect(follower!.heard.slice(-2)).toEqual(['lost', 'opened'])
  })

  test('JS68: a page that takes what it is told is never let go', async () => {
    const [leader, follower] = await crowd()
    const lane = [...leader.socket!.lanes.values()][1]!
    for (let count = 0; count < 130; count++) {
      lane.events.binary(new Uint8Array(1 << 20))
      await settled()
    }
    expect(follower!.heard.length).toBe(131)
  })

  test('JS69: a socket that is closed for good parts the pages: each finds out alone', async () => {
    const [leader, follower, third] = await crowd(2)
    leader.socket!.end({ kind: 'closed', code: 4400, reason: 'bad-frame' })
    await settled()
    expect([follower!.socket!.lanes.size, third!.socket!.lanes.size]).toEqual([1, 1])
    expect(leader.link.state.value).toEqual({ kind: 'closed', code: 4400, reason: 'bad-frame' })
    expect(follower!.link.state.value.kind).toBe('connecting')
    follower!.socket!.open()
    expect(follower!.heard).toEqual(['opened', 'lost', 'opened'])
    leader.link.retry()
    leader.socket!.open()
    expect(leader.heard).toEqual(['opened', 'lost', 'opened'])
  })

  test('JS69: where locks are forbidden, each page has a socket of its own', async () => {
    const tab = browser.open()
    Object.assign(tab.page, { held: Promise.reject(new DOMException('no', 'SecurityError')) })
    const visitor = new Visitor(tab)
    await settled()
    expect(visitor.sockets.length).toBe(1)
  })

  test('JS60: after close the socket is another page\'s', async () => {
    const [leader, follower] = await crowd()
    leader.link.close()
    await settled()
    expect(leader.link.state.value.kind).toBe('closed')
    expect(follower!.socket).toBeDefined()
  })
})
