// Bundles the console, and the browser client for pages without a build step, into a folder: `node build.mjs FOLDER`, dist
// by default.
//
// The bundle is committed, so that nobody needs Node to run plait; tests/console/test_bundle.py rebuilds it and compares
// byte for byte. Therefore nothing here may depend on the time, the machine or the folder: versions are pinned in the
// lock file, names of files are fixed, and no source map is written, because it would hold paths and double the wheel.

import { build } from 'esbuild'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { alias } from './packages.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const target = resolve(process.argv[2] ?? join(here, 'dist'))

const shared = {
  absWorkingDir: here,
  // A hash is made of paths as well, and a copy of this folder may have its packages by a link.
  preserveSymlinks: true,
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
const made = await build({
  ...shared,
  // What is imported when it is asked for is a file of its own, and what it has in common with the page is another. Their
  // names hold a hash, so that a page never gets a part of another version.
  entryPoints: { console: 'src/main.tsx', debugger: 'src/debug/debugger.css' },
  splitting: true,
  chunkNames: '[name]-[hash]',
  metafile: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  // The oldest browsers that know `light-dark()` and `dvh`, which the style sheets are written with.
  target: ['chrome123', 'firefox121', 'safari17.5'],
  define: { 'process.env.NODE_ENV': '"production"' }
})
await build({ ...shared, entryPoints: { client: 'src/client.js' }, target: 'es2022' })
// The page needs what its script begins with, and is told so at once rather than by the script.
const { imports } = Object.values(made.metafile.outputs).find(({ entryPoint }) => entryPoint === 'src/main.tsx')
const first = imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => `<link rel="modulepreload" href="${basename(path)}">\n`)
const page = await readFile(join(here, 'src/index.html'), 'utf8')
await writeFile(join(target, 'index.html'), page.replace('<script', () => first.join('') + '<script'))
