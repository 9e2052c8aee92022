/** Parts that are fetched when they are first needed: not before, once, and again when fetching failed. */

import { Later } from 'plait-client/later'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { settled } from './fake_browser'

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }) })
afterEach(() => { vi.useRealTimers() })

test('JS32: a part is fetched by whoever needs it first, and once for all', async () => {
  const fetch = vi.fn(async () => 'tools')
  const part = new Later(fetch)
  expect([part.now, part.asked]).toEqual([undefined, undefined])
  expect(fetch).not.toHaveBeenCalled()
  expect(await Promise.all([part.get(), part.get()])).toEqual(['tools', 'tools'])
  expect(part.now).toBe('tools')
  expect(fetch).toHaveBeenCalledTimes(1)
})

test('JS32: what cannot be fetched is tried again, and everybody who waited is served in order', async () => {
  let tries = 0
  const part = new Later(async () => {
    tries += 1
    if (tries < 3) throw new TypeError('Failed to fetch dynamically imported module')
    return 'log'
  })
  const served: string[] = []
  void part.get().then((found) => served.push(`first ${found}`))
  void part.get().then((found) => served.push(`second ${found}`))
  await settled()
  expect([tries, served]).toEqual([1, []])
  await vi.advanceTimersByTimeAsync(1_000)
  expect([tries, served]).toEqual([2, []])
  await vi.advanceTimersByTimeAsync(2_000)
  expect([tries, served]).toEqual([3, ['first log', 'second log']])
})
