import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// The tests stand with all others, in tests/protocol/js; what they import is resolved from here.
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { include: ['tests/protocol/js/**/*.test.{ts,tsx}'] },
  resolve: { alias: { 'plait-client': fileURLToPath(new URL('./src', import.meta.url)) } }
})
