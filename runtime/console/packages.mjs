// Where a bundle of the console finds plait-client, the package that stands beside it, and what both import.
//
// The package is bundled from its source, so that the console needs no build of it. What it imports is taken from here,
// whatever is installed there: two copies of yjs in one page would not know each other's documents.

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const installed = (name) => join(here, 'node_modules', name)

export const alias = {
  'plait-client': join(here, '../../protocol/js/src/index.ts'),
  yjs: installed('yjs'),
  lib0: installed('lib0'),
  'y-protocols': installed('y-protocols')
}
