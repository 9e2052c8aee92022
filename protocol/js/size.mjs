// Weighs the package as a page would load it: `node size.mjs` builds it as it is published, bundles that for a page, and
// prints JSON: bytes, each file compressed by gzip as a server would.
//
// `first` is what `import { connect } from 'plait-client'` loads before anything runs, in a page that has yjs, and so lib0,
// which is a part of every yjs; `with_lib0` counts what is used of lib0 as well. `later` are the parts that a page fetches
// when it first lends a tool or reads the log. `react` is what the hooks add to all that.

import { mkdtemp, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

import { bundle, here } from './entries.mjs'

// Beside node_modules, where what the built package imports is found.
const built = await mkdtemp(join(here, '.size-'))

/** The files of a page that imports these entries: those that it loads first, and the others by their names. */
async function page(entries, external) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: here,
    stdin: { contents: entries.map((entry) => `export * from '${join(built, entry)}'`).join('\n'), resolveDir: here },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: 'page',
    write: false,
    metafile: true,
    external,
    logLevel: 'error'
  })
  const weights = new Map(outputFiles.map(({ path, contents }) => [basename(path), gzipSync(contents, { level: 9 }).length]))
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]))
  const first = new Set()
  const load = (name) => {
    if (first.has(name)) return
    first.add(name)
    for (const { path, kind, external } of outputs.get(name).imports) if (!external && kind === 'import-statement') load(basename(path))
  }
  load('stdin.js')
  const later = Object.fromEntries([...weights].filter(([name]) => !first.has(name)))
  return { first: [...first].reduce((sum, name) => sum + weights.get(name), 0), later }
}

try {
  await bundle(built)
  const { first, later } = await page(['index.js'], ['yjs', 'lib0/*'])
  const whole = await page(['index.js'], ['yjs'])
  const hooks = await page(['index.js', 'react/index.js'], ['yjs', 'lib0/*', 'react', 'react/*'])
  console.log(JSON.stringify({ first, later, with_lib0: whole.first, react: hooks.first - first }))
} finally {
  await rm(built, { recursive: true, force: true })
}
