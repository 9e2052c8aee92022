/**
 * The frames of the Hocuspocus dialect (specs/dialects.md), without the document's key, which the link puts in front.
 *
 * A message is `varUint(type) · payload`. Sync and awareness are y-protocols' own. What cannot be read is null: a newer
 * server may say more, and what it says then is not for us.
 */

import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { encodeUtf8 } from 'lib0/string'

const SYNC = 0
const AWARENESS = 1
const AUTH = 2
const STATELESS = 5
const CLOSE = 7
const STATUS = 8

const STEP1 = 0
const STEP2 = 1
const UPDATE = 2

const TOKEN = 0
const DENIED = 1
const GRANTED = 2

export type Message =
  | { readonly is: 'step1'; readonly stateVector: Uint8Array }
  /** All that we lacked when we asked. */
  | { readonly is: 'step2'; readonly update: Uint8Array }
  | { readonly is: 'update'; readonly update: Uint8Array }
  | { readonly is: 'awareness'; readonly update: Uint8Array }
  /** The server wants a token (again). */
  | { readonly is: 'asked' }
  | { readonly is: 'granted'; readonly writes: boolean }
  | { readonly is: 'denied'; readonly code: string }
  | { readonly is: 'stateless'; readonly payload: string }
  /** `saved`: one more of our edits is on disk; not `saved`: one never will be. */
  | { readonly is: 'status'; readonly saved: boolean }

export function read(message: Uint8Array): Message | null {
  try {
    return understood(decoding.createDecoder(message))
  } catch {
    return null
  }
}

function understood(from: decoding.Decoder): Message | null {
  switch (decoding.readVarUint(from)) {
    case SYNC:
      return sync(from)
    case AWARENESS:
      return { is: 'awareness', update: decoding.readVarUint8Array(from) }
    case AUTH:
      return auth(from)
    case STATELESS:
      return { is: 'stateless', payload: decoding.readVarString(from) }
    case STATUS:
      return { is: 'status', saved: decoding.readVarUint(from) === 1 }
    default:
      return null
  }
}

function sync(from: decoding.Decoder): Message | null {
  const kind = decoding.readVarUint(from)
  const bytes = decoding.readVarUint8Array(from)
  if (kind === STEP1) return { is: 'step1', stateVector: bytes }
  if (kind === STEP2) return { is: 'step2', update: bytes }
  return kind === UPDATE ? { is: 'update', update: bytes } : null
}

function auth(from: decoding.Decoder): Message | null {
  const kind = decoding.readVarUint(from)
  if (kind === TOKEN) return { is: 'asked' }
  if (kind === DENIED) return { is: 'denied', code: decoding.readVarString(from) }
  return kind === GRANTED ? { is: 'granted', writes: decoding.readVarString(from) === 'read-write' } : null
}

// --- what a client says -----------------------------------------------------------------------------------------------

/** Open the document with that grant, or with none. */
export function token(grant: string): Uint8Array {
  return said(encodeUtf8(grant), AUTH, TOKEN)
}

export function step1(stateVector: Uint8Array): Uint8Array {
  return said(stateVector, SYNC, STEP1)
}

export function step2(update: Uint8Array): Uint8Array {
  return said(update, SYNC, STEP2)
}

export function update(bytes: Uint8Array): Uint8Array {
  return said(bytes, SYNC, UPDATE)
}

export function awareness(states: Uint8Array): Uint8Array {
  return said(states, AWARENESS)
}

/** Leave the document; the socket stays. */
export const LEAVE = Uint8Array.of(CLOSE)

function said(bytes: Uint8Array, ...kinds: number[]): Uint8Array {
  return encoding.encode((to) => {
    for (const kind of kinds) encoding.writeVarUint(to, kind)
    encoding.writeVarUint8Array(to, bytes)
  })
}

// --- the key ----------------------------------------------------------------------------------------------------------

/** A frame: a message under the key of its document. */
export function frame(key: string, message: Uint8Array): Uint8Array {
  return encoding.encode((to) => {
    encoding.writeVarString(to, key)
    encoding.writeUint8Array(to, message)
  })
}

/** The key of a frame and what stands behind it, or null. */
export function unframe(bytes: Uint8Array): readonly [string, Uint8Array] | null {
  try {
    const from = decoding.createDecoder(bytes)
    return [decoding.readVarString(from), decoding.readTailAsUint8Array(from)]
  } catch {
    return null
  }
}
