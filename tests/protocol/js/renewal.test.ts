/** A grant that is renewed on the live socket, before it is over; the server's side is played by the test. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Lane } from 'plait-client/lane'
import * as Y from 'yjs'
import { settled } from './fake_browser'
import { FakeLink } from './fake_link'

const KEY = 'rooms/lobby'

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }) })
afterEach(() => { vi.useRealTimers() })

/** A room's lane on an open socket, whose grants are those, one after the other; null is a failure to get one. */
async function begun(...grants: (string | null)[]): Promise<FakeLink> {
  const link = new FakeLink()
  const grant = async (): Promise<string> => {
    const next = grants.shift()
    if (next === undefined || next === null) throw new Error('the page cannot reach whoever grants')
    return next
  }
  const channel = { begun: () => {}, text: () => {}, lost: () => {} }
  new Lane(KEY, new Y.Doc(), { link, grant, writes: false, channel })
  link.open()
  await settled()
  return link
}

function renewals(link: FakeLink): unknown[] {
  const said = link.said.map(([, what]) => what as { do?: string; grant?: string })
  return said.filter((what) => what.do === 'renew-grant').map(({ grant }) => grant)
}

test('JS78: a fresh grant is said on the same socket as soon as the server asks', async () => {
  const link = await begun('first', 'second')
  link.lanes.get(KEY)!.events.text({ renew: 60 })
  await settled()
  expect(renewals(link)).toEqual(['second'])
})

test('JS78: a grant that cannot be had is asked for again while there is time', async () => {
  const link = await begun('first', null, null, 'late')
  link.lanes.get(KEY)!.events.text({ renew: 60 })
  await vi.advanceTimersByTimeAsync(29_000)
  expect(renewals(link)).toEqual([])
  await vi.advanceTimersByTimeAsync(17_000)
  expect(renewals(link)).toEqual(['late'])
})

test('JS78: what was asked for an older socket is not said on the next', async () => {
  const link = await begun('first', 'for the old socket', 'for the new socket')
  link.lanes.get(KEY)!.events.text({ renew: 60 })
  link.end({ kind: 'offline', again_ms: 1 })
  link.open()
  await settled()
  expect(renewals(link)).toEqual([])
})

test('JS78: whoever gives grants is told that a fresh one is wanted, for the room and for a shared document', async () => {
  const link = new FakeLink()
  const asked: boolean[] = []
  const grant = async (renews = false): Promise<string> => { asked.push(renews); return `grant ${asked.length}` }
  const channel = { begun: () => {}, text: () => {}, lost: () => {} }
  new Lane(KEY, new Y.Doc(), { link, grant, writes: false, channel })
  link.open()
  await settled()
  link.lanes.get(KEY)!.events.text({ renew: 60 })
  link.lanes.get(KEY)!.events.binary(Uint8Array.of(2, 0))
  await settled()
  expect(asked).toEqual([false, true, true])
  expect(renewals(link)).toEqual(['grant 2'])
})
