/** Grants at a real server: shown in the lane, renewed on the live socket before they are over, and held against every command. */

import { createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sockets } from 'plait-client/socket'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { join_room, leave_all, Serving, when } from './serving'

const folder = mkdtempSync(join(tmpdir(), 'plait-keys-'))
const secret = randomBytes(32).toString('hex')
const server = new Serving('echo:10', ['--secret-file', join(folder, 'key')])

beforeAll(async () => {
  writeFileSync(join(folder, 'key'), secret, { mode: 0o600 })
  await server.start()
})
afterEach(leave_all)
afterAll(async () => {
  await server.remove()
  rmSync(folder, { recursive: true })
})

/** A token as anybody's back end makes one. */
function token(rights: readonly string[], seconds: number): string {
  const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const now = Date.now() / 1000
  const head = encoded({ alg: 'HS256', typ: 'JWT' })
  const claims = encoded({ sub: 'ann', rooms: ['gr*'], rights, iat: now, exp: now + seconds })
  const sign = createHmac('sha256', secret).update(`${head}.${claims}`).digest('base64url')
  return `${head}.${claims}.${sign}`
}

test('JS14: without a grant the room is refused, what is asked waits, and goes out once somebody has one', async () => {
  let granted = ''
  const room = join_room(server.url, 'granted', { grant: async () => granted })
  expect(await when(room.status, ({ kind }) => kind === 'refused')).toMatchObject({ code: 'no-grant' })
  const asked = room.prompt('hello')
  await when(room.waiting, (waiting) => waiting.length === 1)
  granted = token(['read', 'prompt'], 60)
  room.retry()
  const { run } = await asked
  await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done')
})

test('JS78: a stream goes on over the ends of several grants, on one socket', async () => {
  let asked = 0
  let sockets = 0
  class Counted extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      sockets += 1
    }
  }
  const grant = async (): Promise<string> => { asked += 1; return token(['read', 'prompt'], 2) }
  const room = join_room(server.url, 'granted', { grant, WebSocket: Counted as unknown as Sockets })
  const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')
  const { run } = await room.prompt(words)
  const statuses: string[] = []
  const unwatch = room.status.subscribe(() => statuses.push(room.status.value.kind))
  const snapshot = await when(room.snapshot, ({ runs }) => runs[run]?.status === 'done', 15_000)
  unwatch()
  expect(snapshot.runs[run]!.parts[0]).toMatchObject({ type: 'text', text: words })
  expect(snapshot.runs[run]!.author).toBe('ann')
  expect(sockets).toBe(1)
  expect(asked).toBeGreaterThan(2)
  expect(statuses).toEqual([])
}, 20_000)

test('JS14: a grant to read shows the room, and a prompt is refused and leaves the outbox', async () => {
  const room = join_room(server.url, 'granted', { grant: token(['read'], 60) })
  await when(room.status, ({ kind }) => kind === 'live')
  await expect(room.prompt('hello')).rejects.toMatchObject({ code: 'not-allowed' })
  await when(room.waiting, (waiting) => waiting.length === 0)
  const notes = room.document('notes')
  await when(notes.status, ({ kind }) => kind === 'live')
  notes.doc.getText('content').insert(0, 'mine')
  expect(await when(notes.denied, (denied) => denied !== null)).toMatchObject({ code: 'permission-denied' })
})
