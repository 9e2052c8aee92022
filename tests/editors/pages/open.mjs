// What the pages share: one document, the stock provider, and what a test may ask of the page as `window.tab`.
//
// The address says where and who: ?server=ws://127.0.0.1:8787&document=room/name&user=Ada

import * as decoding from 'lib0/decoding'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const SYNC = 0
const STEP1 = 0
const asked = new URLSearchParams(location.search)

// The browser's own socket, watched: the clock up to which the document's own edits are known to be on the server's
// disk (they came back, or its step 1 names them), and how its sockets closed.
const watched = (doc, seen) => class extends WebSocket {
  constructor (url, protocols) {
    super(url, protocols)
    this.addEventListener('close', ({ code }) => seen.closes.push(code))
    this.addEventListener('message', ({ data }) => {
      seen.frames += 1
      const decoder = decoding.createDecoder(new Uint8Array(data))
      if (decoding.readVarUint(decoder) !== SYNC) return
      const step1 = decoding.readVarUint(decoder) === STEP1
      const payload = decoding.readVarUint8Array(decoder)
      const clocks = step1 ? Y.decodeStateVector(payload) : Y.parseUpdateMeta(payload).to
      seen.acked = Math.max(seen.acked, clocks.get(doc.clientID) ?? 0)
    })
  }
}

export const open = ({ connect = true } = {}) => {
  const doc = new Y.Doc()
  const seen = { acked: 0, closes: [], frames: 0, agents: [] }
  // Two tabs of one browser would otherwise converge through a BroadcastChannel, without any server.
  const how = { connect, disableBc: true, WebSocketPolyfill: watched(doc, seen) }
  const provider = new WebsocketProvider(`${asked.get('server')}/docs`, asked.get('document'), doc, how)
  const user = { name: asked.get('user'), color: '#30bced', colorLight: '#30bced33' }
  provider.awareness.setLocalStateField('user', user)
  // An agent comes and goes between two looks of a test.
  provider.awareness.on('change', ({ added, updated }) => {
    const states = [...added, ...updated].map((client) => provider.awareness.getStates().get(client))
    seen.agents.push(...states.filter((state) => state?.user?.role === 'agent'))
  })
  return { doc, provider, seen, user }
}

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

// A place in the first paragraph, as ProseMirror counts: its characters come after the openings of what holds them.
export const putCaret = (editor) => (at) => {
  let start = null
  editor.state.doc.descendants((node, place) => {
    start ??= node.isTextblock ? place + 1 : null
    return start === null
  })
  editor.view.focus() // At once; the command of that name waits for the next frame.
  editor.commands.setTextSelection(start + at)
}

export const show = ({ doc, provider, seen }, text, putCaret) => {
  window.tab = {
    provider,
    text,
    putCaret,
    update: () => base64(Y.encodeStateAsUpdate(doc)),
    client: () => doc.clientID,
    acked: () => seen.acked,
    agents: () => seen.agents,
    closes: () => seen.closes,
    clock: () => Y.getState(doc.store, doc.clientID),
    holds: (clocks) => Object.entries(clocks).every(([client, clock]) => Y.getState(doc.store, Number(client)) >= clock),
    others: () => [...provider.awareness.getStates()]
      .filter(([client]) => client !== doc.clientID)
      .map(([, state]) => state)
  }
}
