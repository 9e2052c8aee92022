// What esbuild makes of the sources when the package is built: for npm by build.mjs, to be weighed by size.mjs.
//
// The two entries share their modules as chunks, so that a page that uses both has one outbox and one socket. Nothing of
// other packages is bundled: a page has one yjs, or editors and this client would not know each other's documents.

import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export const here = fileURLToPath(new URL('.', import.meta.url))

export async function bundle(target) {
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
}
