// Bundles the console, and the browser client for pages without a build step, into a folder: `node build.mjs FOLDER`, dist
// by default.
//
// The bundle is committed, so that nobody needs Node to run plait; tests/console/test_bundle.py rebuilds it and compares
// byte for byte. Therefore nothing here may depend on the time, the machine or the folder: versions are pinned in the
// lock file, names of files are fixed, and no source map is written, because it would hold paths and double the wheel.

import { build } from 'esbuild'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { alias } from './packages.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const target = resolve(process.argv[2] ?? join(here, 'dist'))

const shared = {
  absWorkingDir: here,
  outdir: target,
  bundle: true,
  alias,
  minify: true,
  format: 'esm',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning'
}

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
await build({
  ...shared,
  entryPoints: { console: 'src/main.tsx' },
  jsx: 'automatic',
  jsxImportSource: 'preact',
  // The oldest browsers that know `light-dark()` and `dvh`, which the style sheets are written with.
  target: ['chrome123', 'firefox121', 'safari17.5'],
  define: { 'process.env.NODE_ENV': '"production"' }
})
await build({ ...shared, entryPoints: { client: 'src/client.js' }, target: 'es2022' })
await copyFile(join(here, 'src/index.html'), join(target, 'index.html'))
