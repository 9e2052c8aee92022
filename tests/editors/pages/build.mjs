// Bundles the pages into a folder: `node pages/build.mjs FOLDER`. esbuild refuses what it cannot find.

import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const folder = process.argv[2]
const editors = ['codemirror', 'tiptap', 'blocknote', 'monaco', 'quill', 'lexical']

await build({
  entryPoints: editors.map((editor) => join(here, `${editor}.mjs`)),
  outdir: folder,
  bundle: true,
  format: 'esm',
  minify: true,
  loader: { '.ttf': 'empty' },
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning'
})
for (const editor of editors) {
  const style = existsSync(join(folder, `${editor}.css`)) ? `<link rel="stylesheet" href="${editor}.css">` : ''
  const page = `<!doctype html><meta charset="utf-8"><title>${editor}</title><link rel="icon" href="data:,">${style}
<div id="editor"></div><script type="module" src="${editor}.js"></script>\n`
  await writeFile(join(folder, `${editor}.html`), page)
}
