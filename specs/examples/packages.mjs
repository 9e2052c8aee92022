// Where these examples find plait-client: in this checkout, as it is. In a project of your own `npm install plait-client` is
// all. What the client imports is taken from here, or a page had two copies of yjs that do not know each other's documents.

import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const installed = (name) => here(`node_modules/${name}`)

export const alias = {
  'plait-client/react': here('../../protocol/js/src/react/index.ts'),
  'plait-client': here('../../protocol/js/src/index.ts'),
  yjs: installed('yjs'),
  lib0: installed('lib0'),
  'y-protocols': installed('y-protocols'),
  react: installed('react')
}
