/**
 * The vectors of specs/vectors, as the tests of the browser client read them: the same files as the server's tests.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export function vectors<T>(name: string): T {
  const path = new URL(`../../../specs/vectors/${name}`, import.meta.url)
  return parse(readFileSync(fileURLToPath(path), 'utf8')) as T
}

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

export function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
