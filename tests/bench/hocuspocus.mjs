// The yardstick of the document benchmarks: Hocuspocus' server as its documentation starts it, with its SQLite extension
// on a file. It prints its port, and SIGTERM stores what is unsaved and ends it, as in a deploy.
import { createRequire } from 'node:module'
import { SQLite } from '@hocuspocus/extension-sqlite'
import { Server } from '@hocuspocus/server'

try {
  createRequire(import.meta.url)('better-sqlite3')(':memory:').close()
} catch {
  console.log('SQLite for Node is not built: npm rebuild better-sqlite3 --ignore-scripts=false --prefix tests/bench')
  process.exit(1)
}

const server = new Server({
  address: '127.0.0.1',
  port: 0,
  quiet: true,
  extensions: [new SQLite({ database: process.argv[2] })],
})
await server.listen()
console.log(server.address.port)
