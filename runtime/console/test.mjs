// Runs the console's own tests, which need no browser: bundles tests/console/units and gives it to Node's test runner.

import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { alias } from './packages.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const units = resolve(process.argv[2] ?? join(here, '../../tests/console/units'))
const target = await mkdtemp(join(tmpdir(), 'plait-units-'))
try {
  const names = (await readdir(units)).filter((name) => name.endsWith('.test.ts'))
  await build({
    entryPoints: names.map((name) => join(units, name)),
    outdir: target,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    alias,
    platform: 'node',
    format: 'esm',
    nodePaths: [join(here, 'node_modules')],
    logLevel: 'warning'
  })
  const made = names.map((name) => join(target, name.replace('.ts', '.mjs')))
  process.exitCode = spawnSync(process.execPath, ['--test', ...made], { stdio: 'inherit' }).status ?? 1
} finally {
  await rm(target, { recursive: true, force: true })
}
