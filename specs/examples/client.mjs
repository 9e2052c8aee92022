// Where these examples find plait-client: in this checkout. In a project of your own `npm install plait-client` is all.
//
// The client's sources lie beside packages of their own, so its imports are resolved as if they stood here: a page must
// have one yjs, or the client and the editor would not know each other's documents.

import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const sources = fileURLToPath(new URL('../../protocol/js/src/', import.meta.url))

export const client = {
  name: 'plait-client of this checkout',
  setup(build) {
    build.onResolve({ filter: /^plait-client$/ }, () => ({ path: `${sources}index.ts` }))
    build.onResolve({ filter: /^plait-client\/react$/ }, () => ({ path: `${sources}react/index.ts` }))
    build.onResolve({ filter: /^[\w@]/ }, ({ path, kind, importer, pluginData }) =>
      pluginData === here || !importer.startsWith(sources) ? null : build.resolve(path, { kind, resolveDir: here, pluginData: here }))
  }
}
