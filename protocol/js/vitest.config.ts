import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const HERE = fileURLToPath(new URL('./package.json', import.meta.url))

/** The tests stand with all others, in tests/protocol/js; the packages that they import are this folder's. */
const packages = {
  name: 'packages-of-this-folder',
  enforce: 'pre' as const,
  resolveId(this: any, source: string, importer: string | undefined) {
    const bare = /^[\w@]/.test(source) && !source.startsWith('plait-client') && !source.startsWith('node:')
    if (bare && importer?.includes('/tests/protocol/js/')) return this.resolve(source, HERE, { skipSelf: true })
    return null
  }
}

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  plugins: [packages],
  // Some tests start real servers, on machines that do other things as well.
  test: { include: ['tests/protocol/js/**/*.test.{ts,tsx}'], testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 60_000 } } },
  resolve: { alias: { 'plait-client': fileURLToPath(new URL('./src', import.meta.url)) } }
})
