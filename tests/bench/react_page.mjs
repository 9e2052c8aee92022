// Bundles react_page.tsx, with React as it is shipped: `node react_page.mjs FILE`.

import { fileURLToPath } from 'node:url'
import { createRequire } from 'node:module'

const package_ = new URL('../../protocol/js/', import.meta.url)
const { build } = createRequire(package_)('esbuild')

await build({
  entryPoints: [fileURLToPath(new URL('./react_page.tsx', import.meta.url))],
  outfile: process.argv[2],
  bundle: true,
  minify: true,
  format: 'iife',
  jsx: 'automatic',
  alias: { 'plait-client': fileURLToPath(new URL('src', package_)) },
  nodePaths: [fileURLToPath(new URL('node_modules', package_))],
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning'
})
