// Serves one of the examples: `node start.mjs chat`. Starts a plait server for it and bundles its page; both end together.
//
// PLAIT is the command that plait is started with, PLAIT_STORE where its rooms are kept, PLAIT_MODEL who answers. With
// PORT the page gets another port than 5173. The server always takes a free one, which the page is told.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { context } from 'esbuild'
import { alias } from './packages.mjs'

const [name = ''] = process.argv.slice(2)
const agents = { chat: [], editor: ['--agent', 'agent:cowriter'] }[name]
if (!agents) {
  console.error('Which example? node start.mjs chat, or node start.mjs editor')
  process.exit(2)
}
const folder = join(fileURLToPath(new URL('.', import.meta.url)), name)
const port = Number(process.env.PORT ?? 5173)
const origin = `http://127.0.0.1:${port}`

const [command, ...first] = (process.env.PLAIT ?? 'uv run plait').split(' ')
const server = spawn(command, [...first, 'serve', '--port', '0', '--allow-origin', origin, ...agents], {
  cwd: folder,
  stdio: ['ignore', 'pipe', 'inherit']
})
server.on('error', (error) => { console.error(`plait did not start: ${error.message}`) })
server.on('exit', (code) => process.exit(code ?? 1))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill('SIGTERM'))

for await (const line of createInterface({ input: server.stdout })) {
  const url = /^plait is listening on (http\S+)/.exec(line)?.[1]
  if (!url) continue
  const page = await context({
    absWorkingDir: folder,
    entryPoints: [name === 'chat' ? 'main.tsx' : 'main.ts'],
    outfile: 'main.js',
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    define: { SERVER: JSON.stringify(url), 'process.env.NODE_ENV': '"production"' },
    alias,
    logLevel: 'warning'
  })
  await page.serve({ host: '127.0.0.1', port, servedir: folder })
  console.log(`the ${name} example is at ${origin} (and plait's console at ${url})`)
}
