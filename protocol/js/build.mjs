// Builds dist/: `node build.mjs [FOLDER]`; what npm publishes, and what its `exports` name.
//
// The two entries share their modules as chunks, so that a page that uses both has one outbox and one socket. Nothing of
// other packages is bundled: a page has one yjs, or editors and this client would not know each other's documents.

import { spawnSync } from 'node:child_process'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const target = resolve(process.argv[2] ?? join(here, 'dist'))

await rm(target, { recursive: true, force: true })
await build({
  absWorkingDir: here,
  entryPoints: { index: 'src/index.ts', 'react/index': 'src/react/index.ts' },
  outdir: target,
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  jsx: 'automatic',
  logLevel: 'warning'
})

const compiler = join(here, 'node_modules/typescript/bin/tsc')
const declared = spawnSync(
  process.execPath,
  [compiler, '--project', here, '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', join(here, 'src'), '--outDir', target],
  { stdio: 'inherit' }
)
if (declared.status !== 0) process.exit(declared.status ?? 1)

// Node's own resolution wants whole file names, the bundlers' does not mind them.
for (const name of await readdir(target, { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue
  const path = join(target, name)
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace(/(from |import\()(['"])(\.{1,2}\/[^'"]+)\2/g, '$1$2$3.js$2'))
}
