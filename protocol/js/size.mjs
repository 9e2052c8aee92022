// Bundles the package as a page would get it, to be weighed: `node size.mjs FOLDER` writes core.js and react.js there.
//
// yjs is left out, which a page has anyway, and React; of lib0 and y-protocols is in core.js what it uses. In react.js is
// what the hooks add to a page that has the core.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const target = process.argv[2]
const core = { name: 'core', setup: ({ onResolve }) => onResolve({ filter: /^\.\.\// }, ({ path }) => ({ path, external: true })) }
const shared = { absWorkingDir: here, bundle: true, minify: true, format: 'esm', target: 'es2022', jsx: 'automatic', logLevel: 'warning' }

await build({ ...shared, entryPoints: ['src/index.ts'], outfile: join(target, 'core.js'), external: ['yjs'] })
await build({
  ...shared,
  entryPoints: ['src/react/index.ts'],
  outfile: join(target, 'react.js'),
  external: ['yjs', 'react', 'react/*', 'y-protocols/*', 'lib0/*'],
  plugins: [core]
})
