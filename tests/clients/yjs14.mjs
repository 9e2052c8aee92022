// A tab with Yjs 14 and its own provider, for one story: it joins, hears and is heard; types while the server is dead; and
// shows what everybody wrote once that is back. It says what it has seen, a line each, and goes on at each line of input.
//
// node yjs14.mjs ws://127.0.0.1:8787/docs room/name

import { createInterface } from 'node:readline'
import { WebsocketProvider } from '@y/websocket'
import * as Y from '@y/y'
import { WebSocket } from 'ws'

const [url, name] = process.argv.slice(2)
const doc = new Y.Doc()
const provider = new WebsocketProvider(url, name, doc, { disableBc: true, WebSocketPolyfill: WebSocket })
const text = doc.get('content')
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const until = (holds) => new Promise((resolve) => {
  const look = () => holds() && resolve()
  doc.on('update', look)
  provider.on('status', look)
  provider.on('connection-close', look)
  look()
})
const wanted = async () => (await lines.next()).value

const first = await wanted()
await until(() => text.toString() === first)
text.insert(text.length, ' And 14. 🙂')
console.log('joined')
await wanted()
await until(() => !provider.wsconnected)
text.insert(0, '14 offline. ')
console.log('offline')
const last = await wanted()
await until(() => text.toString() === last)
console.log('merged')
process.exit(0)
