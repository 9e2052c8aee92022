// One stock tab, yjs and a provider as published, driven by JSON lines: `node_tab.py` is the other end.
//
// In:  {"n": 1, "do": "insert", ...}     Out: {"n": 1, "ok": ...} or {"n": 1, "error": "..."}
// A wait is answered when its condition holds; how long that may take is for the driver to say.

import { createInterface } from 'node:readline'
import * as Y from 'yjs'
import * as providers from './providers.mjs'
import { Watch, watchedSocket } from './socket.mjs'

const doc = new Y.Doc()
const waits = new Set()
const watch = new Watch(doc, () => settle())
let provider = null
let torn = []

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

const open = () => until(() => provider.connected)

const answer = (run) => run.get('parts').toArray()
  .filter((part) => part.get('type') === 'text')
  .map((part) => part.get('text').toArray().map((piece) => piece.toString()).join(''))
  .join('')

// With the echo model an answer that is whole equals the prompt, so one that grows is a prefix of it at every moment.
// Two attempts mixed, a token lost in the middle or one that came twice would break that.
const checkEcho = () => {
  for (const [id, run] of doc.getMap('runs')) {
    const shown = answer(run)
    if (!run.get('prompt').startsWith(shown)) torn.push({ id, shown: shown.slice(0, 200) })
  }
}

const present = () => [...provider.awareness.getStates()].map(([client, state]) => ({ client, state }))

const hasText = ({ root, equals, contains }) => {
  const text = doc.getText(root)
  if (equals !== undefined) return text.length === equals.length && text.toString() === equals
  return contains.every((piece) => text.toString().includes(piece))
}

const hasRuns = ({ count, statuses }) => {
  const runs = [...doc.getMap('runs').values()]
  return runs.length >= count && runs.every((run) => statuses.includes(run.get('status')))
}

const commands = {
  async open ({ kind, echo, ...rest }) {
    watch.named = kind.startsWith('@hocuspocus')
    if (echo) doc.on('afterTransaction', checkEcho)
    provider = await providers.open(kind, { ...rest, doc, Socket: watchedSocket(watch) })
    provider.on(settle)
    provider.awareness.on('update', settle)
    doc.on('afterTransaction', settle)
    return doc.clientID
  },
  insert ({ root, at, text }) { doc.getText(root).insert(at, text) },
  insert_behind ({ root, piece, text, nth }) {
    const pieces = doc.getText(root).toString().split(piece)
    const before = pieces.slice(0, 1 + nth % pieces.length).join(piece)
    doc.getText(root).insert(before.length + (nth % pieces.length < pieces.length - 1 ? piece.length : 0), text)
  },
  append ({ root, text }) { doc.getText(root).insert(doc.getText(root).length, text) },
  delete ({ root, at, length }) { doc.getText(root).delete(at, length) },
  text ({ root }) { return doc.getText(root).toString() },
  runs () {
    return [...doc.getMap('runs')].map(([id, run]) => ({ ...run.toJSON(), id, answer: answer(run) }))
      .sort((one, other) => one.id < other.id ? -1 : 1)
  },
  overwrite_runs ({ key, value }) { doc.getMap('runs').set(key, value) },

  connect () { provider.connect() },
  disconnect () { provider.disconnect() },
  // Gone without a word: no close frame, no awareness removal, as when a laptop is shut.
  vanish () {
    provider.stay()
    watch.socket.terminate()
  },
  async pause () {
    await open()
    watch.socket.pause()
  },
  resume () { watch.socket.resume() },
  // What an app does that has a fresh grant; the provider shows it the next time that it shows one.
  renew ({ token }) { provider.renew(token) },

  set_presence ({ state }) { provider.awareness.setLocalState(state) },
  presence: present,

  // Answers how many text frames came before, so that the driver can wait for a later one.
  async send_text ({ text }) {
    await open()
    watch.socket.send(text)
    return watch.texts.length
  },
  frames () { return watch.texts },

  look () {
    const { synced, connected, trying, saved } = provider
    const { acked, closes, frames, denied, opened, statuses, stateless } = watch
    const clock = Y.getState(doc.store, doc.clientID)
    return {
      client: doc.clientID, clock, acked, synced, connected, trying, saved,
      opened, closes, statuses, stateless, frames, denied, torn: torn.slice(0, 5), pending: doc.store.pendingStructs !== null
    }
  },
  vector () { return Object.fromEntries([...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([one], [other]) => one - other)) },

  wait_synced: () => until(() => provider.synced),
  wait_text: (wanted) => until(() => hasText(wanted)),
  wait_runs: (wanted) => until(() => hasRuns(wanted)),
  wait_answer: ({ length }) => until(() => [...doc.getMap('runs').values()].some((run) => answer(run).length >= length)),
  wait_peers: ({ count }) => until(() => provider.awareness.getStates().size === count),
  wait_acked: ({ clock }) => until(() => watch.acked >= (clock ?? Y.getState(doc.store, doc.clientID))),
  wait_presence: ({ key, value }) => until(() => present().some(({ state }) => state[key] === value)),
  wait_disconnected: () => until(() => !provider.connected),
  wait_saved: () => until(() => provider.saved),
  wait_stateless: () => until(() => watch.stateless[0]),
  wait_closed: ({ code }) => until(() => watch.closes.find((close) => close.code === code)),
  wait_denied: () => until(() => watch.denied[0]),
  wait_record: ({ seq }) => until(() => watch.texts.some(({ frame }) => frame.record?.seq >= seq)),
  wait_frame: ({ key, value, after }) => until(() =>
    watch.texts.slice(after).find(({ frame }) => key in frame && (value === null || frame[key] === value)))
}

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

for await (const line of createInterface({ input: process.stdin })) {
  const { n, do: name, ...rest } = JSON.parse(line)
  Promise.resolve()
    .then(() => commands[name](rest))
    .then((value) => say({ n, ok: value ?? null }), (error) => say({ n, error: String(error?.stack ?? error) }))
}
process.exit(0)
