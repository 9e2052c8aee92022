/** Whatever happens to pages and sockets, in any order: in the end there is one socket, and every page's lane is open on it. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SharedLink } from 'plait-client/leader'
import { FakeBrowser, type FakePage, settled } from './fake_browser'
import { FakeLink } from './fake_link'

const SEEDS = 60
const STEPS = 40

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] }) })
afterEach(() => { vi.useRealTimers() })

/** Small, and the same everywhere (mulberry32). */
function chance(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

interface Guest {
  readonly tab: FakePage
  readonly sockets: FakeLink[]
  readonly link: SharedLink
  /** `opened` less `lost`: 0 or 1 at any moment. */
  open: number
  state: 'awake' | 'hanging' | 'frozen' | 'gone'
}

function arrive(browser: FakeBrowser): Guest {
  const tab = browser.open()
  const sockets: FakeLink[] = []
  const open = (): FakeLink => {
    const socket = new FakeLink()
    sockets.push(socket)
    return socket
  }
  const guest: Guest = { tab, sockets, link: new SharedLink('ws://here', tab.page, open), open: 0, state: 'awake' }
  const change = (by: number) => (): void => {
    guest.open += by
    expect([0, 1]).toContain(guest.open)
  }
  guest.link.lane('rooms/lobby', { opened: change(1), lost: change(-1), binary: () => {}, text: () => {} })
  return guest
}

const ACTS: Record<string, (guest: Guest, live: FakeLink | undefined) => void> = {
  close: (guest) => { if (guest.state !== 'gone') { guest.state = 'gone'; guest.tab.close() } },
  crash: (guest) => { if (guest.state !== 'gone') { guest.state = 'gone'; guest.tab.crash() } },
  hang: (guest) => { if (guest.state === 'awake') { guest.state = 'hanging'; guest.tab.hang() } },
  freeze: (guest) => { if (guest.state === 'awake') { guest.state = 'frozen'; guest.tab.freeze() } },
  wake: (guest) => {
    if (guest.state === 'hanging') guest.tab.goOn()
    if (guest.state === 'frozen') guest.tab.resume()
    if (guest.state !== 'gone') guest.state = 'awake'
  },
  up: (_guest, live) => { if (live && live.state.value.kind !== 'open') live.open() },
  down: (_guest, live) => { if (live?.state.value.kind === 'open') live.end({ kind: 'offline', again_ms: 1_000 }) }
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))('JS60: after any story there is one socket with every lane on it (%i)', async (seed) => {
  const draw = chance(seed)
  const browser = new FakeBrowser()
  const guests: Guest[] = []
  const names = Object.keys(ACTS)
  for (let step = 0; step < STEPS; step++) {
    if (guests.length < 2 || draw(6) === 0) guests.push(arrive(browser))
    const guest = guests[draw(guests.length)]!
    const live = guest.sockets.find((socket) => !socket.closed)
    ACTS[names[draw(names.length)]!]!(guest, live)
    if (draw(2)) await settled()
    if (draw(3) === 0) await vi.advanceTimersByTimeAsync(draw(15_000))
  }
  for (const guest of guests) ACTS.wake!(guest, undefined)
  guests.push(arrive(browser))
  await vi.advanceTimersByTimeAsync(40_000)
  const here = guests.filter(({ state }) => state !== 'gone')
  const sockets = here.flatMap((guest) => guest.sockets.filter((socket) => !socket.closed))
  expect(sockets.length).toBe(1)
  if (sockets[0]!.state.value.kind !== 'open') sockets[0]!.open()
  await settled()
  expect(here.map(({ open }) => open)).toEqual(here.map(() => 1))
  expect(sockets[0]!.lanes.size).toBe(here.length)
})
