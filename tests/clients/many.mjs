// Many documents on one Hocuspocus socket, driven by JSON lines as tab.mjs is: each question names its document.

import { createInterface } from 'node:readline'
import * as Y from 'yjs'
import { Watch, watchedSocket } from './socket.mjs'

const documents = new Map()
const waits = new Set()
let socket = null
let Provider = null
let watch = null

const settle = () => {
  for (const wait of waits) {
    const value = wait.holds()
    if (value) {
      waits.delete(wait)
      wait.resolve(value)
    }
  }
}

const until = (holds) => new Promise((resolve) => {
  waits.add({ holds, resolve })
  settle()
})

const text = (document) => documents.get(document).doc.getText('content')

const commands = {
  async open ({ kind, url }) {
    const { HocuspocusProvider, HocuspocusProviderWebsocket } = await import(kind)
    Provider = HocuspocusProvider
    watch = new Watch(new Y.Doc(), settle)
    watch.named = true
    socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: watchedSocket(watch), delay: 100, minDelay: 100 })
  },
  attach ({ document, name, session }) {
    const doc = new Y.Doc()
    const denied = []
    const provider = new Provider({
      websocketProvider: socket, name, document: doc, token: 'a token', sessionAwareness: session ?? false,
      onAuthenticationFailed: ({ reason }) => denied.push(reason)
    })
    provider.attach()
    for (const event of ['synced', 'unsyncedChanges', 'authenticated', 'authenticationFailed', 'stateless']) provider.on(event, settle)
    provider.awareness.on('update', settle)
    doc.on('update', settle)
    documents.set(document, { doc, provider, denied })
  },
  detach ({ document }) { documents.get(document).provider.detach() },
  reattach ({ document }) { documents.get(document).provider.attach() },
  destroy ({ document }) { documents.get(document).provider.destroy() },
  insert ({ document, at, text: inserted }) { text(document).insert(at, inserted) },
  overwrite_runs ({ document }) { documents.get(document).doc.getMap('runs').set('mine', 'x') },
  force_sync ({ document }) { documents.get(document).provider.forceSync() },
  send_stateless ({ document, payload }) { documents.get(document).provider.sendStateless(payload) },
  text ({ document }) { return text(document).toString() },
  scope ({ document }) { return documents.get(document).provider.authorizedScope },
  look () {
    const each = [...documents].map(([as, { doc, provider, denied }]) => [as, {
      text: doc.getText('content').toString(),
      synced: provider.synced,
      unsynced: provider.unsyncedChanges,
      authenticated: provider.isAuthenticated,
      denied,
      runs: [...doc.getMap('runs').keys()].length,
      present: provider.awareness.getStates().size
    }])
    return { opened: watch.opened, closes: watch.closes, statuses: watch.statuses, documents: Object.fromEntries(each) }
  },
  wait_text: ({ document, equals }) => until(() => text(document).toString() === equals),
  wait_saved: ({ document }) => until(() => documents.get(document).provider.synced && !documents.get(document).provider.hasUnsyncedChanges),
  wait_denied: ({ document }) => until(() => documents.get(document).denied[0]),
  wait_runs: ({ document, count }) => until(() => [...documents.get(document).doc.getMap('runs').keys()].length >= count),
  wait_status: ({ status }) => until(() => watch.statuses.includes(status)),
  wait_peers: ({ document, count }) => until(() => documents.get(document).provider.awareness.getStates().size === count)
}

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

for await (const line of createInterface({ input: process.stdin })) {
  const { n, do: name, ...rest } = JSON.parse(line)
  Promise.resolve()
    .then(() => commands[name](rest))
    .then((value) => say({ n, ok: value ?? null }), (error) => say({ n, error: String(error?.stack ?? error) }))
}
process.exit(0)
