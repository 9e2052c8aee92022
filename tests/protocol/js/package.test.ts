/**
 * The package is importable without a window, and its README's example compiles.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const PACKAGE = fileURLToPath(new URL('../../../protocol/js/', import.meta.url))

test('JS15: it is imported where there is no window, and touches nothing', async () => {
  expect(typeof window).toBe('undefined')
  const before = process.getActiveResourcesInfo().length
  const { connect } = await import('plait-client')
  expect(connect).toBeTypeOf('function')
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before)
})

test("JS15: the README's example is example.ts, which the compiler checks", () => {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readFileSync(`${PACKAGE}README.md`, 'utf8'))!
  const example = readFileSync(fileURLToPath(new URL('./example.ts', import.meta.url)), 'utf8')
  expect(example.slice(example.indexOf('import'))).toBe(code)
})
