// Builds dist/: `node build.mjs [FOLDER]`; what npm publishes, and what its `exports` name.

import { spawnSync } from 'node:child_process'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { bundle, here } from './entries.mjs'

const target = resolve(process.argv[2] ?? join(here, 'dist'))

await rm(target, { recursive: true, force: true })
await bundle(target)

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
