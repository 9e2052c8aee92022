// A stock `ws` socket that lets us watch it: what came, what was acknowledged, how it closed.
//
// A provider takes a WebSocket class and hides the socket. This subclass changes nothing of what the provider sees,
// with one exception that plait's interface asks for: text frames (the control channel) are kept from the provider,
// which would try to read them as Yjs.

import * as decoding from 'lib0/decoding'
import WebSocket from 'ws'
import * as Y from 'yjs'

const SYNC = 0
const AWARENESS = 1
const AUTH = 2
const STATELESS = 5
const STATUS = 8

// Everything that one tab's sockets saw, across reconnections.
export class Watch {
  constructor (doc, changed) {
    this.doc = doc
    this.changed = changed
    this.socket = null
    this.opened = 0
    this.closes = []
    this.frames = { sync: 0, awareness: 0, other: 0, text: 0, bytes: 0, updates: 0, largest: 0 }
    this.denied = []
    this.named = false // Hocuspocus: each frame begins with its document's key.
    this.statuses = []
    this.stateless = []
    this.texts = []
    this.acked = 0
  }

  // The server says what it has in its step 1, which after a crash covers commits whose echo was lost.
  has (stateVector) {
    this.acked = Math.max(this.acked, Y.decodeStateVector(stateVector).get(this.doc.clientID) ?? 0)
  }

  // An update that comes back holds our own structs only after they were committed: the clock up to which that is so.
  acknowledge (update) {
    this.frames.updates += 1
    if (update.length > 1_000_000) return
    const { from, to } = Y.parseUpdateMeta(update)
    const mine = to.get(this.doc.clientID)
    if (mine !== undefined && from.get(this.doc.clientID) <= this.acked) this.acked = Math.max(this.acked, mine)
  }

  binary (data) {
    this.frames.bytes += data.length
    this.frames.largest = Math.max(this.frames.largest, data.length)
    const decoder = decoding.createDecoder(data)
    if (this.named && data.length > 1) decoding.readVarString(decoder)
    const kind = decoding.readVarUint(decoder)
    if (kind === SYNC) {
      this.frames.sync += 1
      const step1 = decoding.readVarUint(decoder) === 0
      const payload = decoding.readVarUint8Array(decoder)
      if (step1) this.has(payload)
      else this.acknowledge(payload)
    } else if (kind === AWARENESS) {
      this.frames.awareness += 1
    } else {
      this.frames.other += 1
      if (kind === AUTH) {
        const what = decoding.readVarUint(decoder)
        // A Hocuspocus document that is asked for a fresh token is told nothing else.
        if (what === (this.named ? 1 : 0)) this.denied.push(decoding.readVarString(decoder))
      } else if (kind === STATUS) {
        this.statuses.push(decoding.readVarInt(decoder))
      } else if (kind === STATELESS) {
        this.stateless.push(decoding.readVarString(decoder))
      }
    }
  }

  // What the document held when the frame came stands beside it, because the order of frames is promised.
  text (data) {
    this.frames.text += 1
    this.frames.bytes += data.length
    this.texts.push({ frame: JSON.parse(data), runs: [...this.doc.getMap('runs').keys()], updates: this.frames.updates })
  }

  arrived (data, isBinary) {
    if (isBinary) this.binary(new Uint8Array(data))
    else this.text(data.toString())
    this.changed()
  }
}

// The class to hand to y-websocket as its WebSocketPolyfill.
export const watchedSocket = (watch) => class extends WebSocket {
  constructor (url, protocols) {
    super(url, protocols, { perMessageDeflate: false })
    watch.socket = this
    this.on('open', () => {
      watch.opened += 1
      watch.changed()
    })
    this.on('close', (code, reason) => {
      watch.closes.push({ code, reason: reason.toString() })
      watch.changed()
    })
    // Before the provider's own listener, so a text frame sees exactly the frames before it as applied.
    this.on('message', (data, isBinary) => watch.arrived(data, isBinary))
  }

  get onmessage () { return super.onmessage }

  set onmessage (listener) {
    super.onmessage = listener && ((event) => { if (typeof event.data !== 'string') listener(event) })
  }
}
