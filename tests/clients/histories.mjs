// Random edit histories by the stock Yjs, for the interop fuzz: tests/fuzz/yjs.py is the other end, over JSON lines.
//
// In:  {"make": seed, "changes": n, "wild": false}   Out: {"updates": [...], "clients": [...], "whole": ..., "shown": ...}
// In:  {"forge": whole, "client": id, "text": "…"}   Out: {"update": ...}, which types that under somebody's id
// In:  {"apply": [updates], "tidy": true}            Out: {"whole": ..., "shown": ..., "pending": false}
// Updates are base64. A `wild` history may also cut a character in two and bring what plait refuses by name.

import { createInterface } from 'node:readline'
import * as Y from 'yjs'

const WORDS = ['a', 'hé', '🙂', '漢字', 'word ', 'e\u0301', '👩‍👩‍👧', '\n', '𝒳y']
const VALUES = [0, -1, 2.5, 2 ** 40, 'x🙂', null, true, [1, [2, { a: 3 }]], { k: 'é', n: [] }, new Uint8Array([1, 255])]

const random = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const b64 = (bytes) => Buffer.from(bytes).toString('base64')

class Tab {
  constructor(draw, wild, log) {
    this.draw = draw
    this.wild = wild
    this.doc = new Y.Doc()
    this.doc.clientID = Math.floor(draw() * 2 ** 32)
    this.doc.on('update', (update, origin, doc, transaction) => transaction.local && log.push([b64(update), doc.clientID]))
    this.roots = [this.doc.getText('t'), this.doc.getMap('m'), this.doc.getArray('a'), this.doc.getXmlFragment('x')]
    this.undo = new Y.UndoManager(this.roots, { captureTimeout: 0 })
  }

  below(n) {
    return Math.floor(this.draw() * n)
  }

  pick(from) {
    return from[this.below(from.length)]
  }

  any() {
    const all = []
    const visit = (type) => {
      all.push(type)
      const held = type instanceof Y.Map ? [...type.values()] : type instanceof Y.Text ? [] : type.toArray()
      for (const one of held) if (one instanceof Y.AbstractType) visit(one)
    }
    this.roots.forEach(visit)
    return this.pick(all)
  }

  fresh() {
    return this.pick([() => new Y.Map([['z', 1]]), () => Y.Array.from([1, 'é']), () => new Y.Text('in🙂')])()
  }

  change() {
    const type = this.any()
    if (type instanceof Y.Text) this.changeText(type)
    else if (type instanceof Y.Map) this.changeMap(type)
    else if (type instanceof Y.Array) this.changeArray(type)
    else this.changeXml(type)
  }

  // The positions where a text may be cut, in UTF-16 units: between characters, unless the history is wild.
  edges(text) {
    const edges = [0]
    for (const { insert } of text.toDelta()) {
      for (const part of typeof insert !== 'string' ? [' '] : this.wild ? insert.split('') : [...insert]) {
        edges.push(edges[edges.length - 1] + part.length)
      }
    }
    return edges
  }

  changeText(text) {
    const edges = this.edges(text)
    const first = this.below(edges.length)
    const last = Math.min(edges.length - 1, first + 1 + this.below(5))
    const length = edges[last] - edges[first]
    const attributes = this.pick([{ bold: true }, { bold: null }, { em: { c: 'é' }, bold: true }, { a: null, em: null }])
    const how = this.below(10)
    if (how < 4) text.insert(edges[first], this.pick(WORDS))
    else if (how < 5) text.insert(edges[first], this.pick(WORDS), attributes)
    else if (how < 6) text.insertEmbed(edges[first], { img: '🙂' }, this.pick([undefined, { w: 3 }]))
    else if (length > 0 && how < 8) text.delete(edges[first], length)
    else if (length > 0) text.format(edges[first], length, attributes)
  }

  changeMap(map) {
    const key = this.pick(['a', 'b', 'é🙂'])
    const how = this.below(6)
    if (how < 3) map.set(key, this.pick(VALUES))
    else if (how < 5) map.set(key, this.fresh())
    else map.delete(key)
  }

  changeArray(array) {
    const at = this.below(array.length + 1)
    const how = this.below(6)
    if (how < 2) array.insert(at, [this.pick(VALUES), this.pick(VALUES)])
    else if (how < 4) array.insert(at, [this.fresh()])
    else if (array.length > at) array.delete(at, 1 + this.below(Math.min(3, array.length - at)))
    if (this.wild && this.below(20) === 0) array.push([new Y.Doc({ guid: 'g' })])
  }

  changeXml(node) {
    const at = this.below(node.length + 1)
    const how = this.below(6)
    if (node instanceof Y.XmlElement && how < 2) node.setAttribute('c', this.pick(['d', 'é🙂']))
    else if (how < 3) node.insert(at, [new Y.XmlElement(this.pick(['p', 'ü']))])
    else if (how < 5) node.insert(at, [new Y.XmlText(this.pick(WORDS))])
    else if (node.length > at) node.delete(at, 1)
  }

  hear(other) {
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(other.doc, Y.encodeStateVector(this.doc)))
  }
}

const plain = (value) =>
  value instanceof Uint8Array
    ? { bytes: b64(value) }
    : value instanceof Y.Doc
      ? 'doc'
      : value instanceof Y.Text && !(value instanceof Y.XmlText)
        ? value.toDelta()
        : value instanceof Y.Map
          ? Object.fromEntries([...value.entries()].sort().map(([key, one]) => [key, plain(one)]))
          : value instanceof Y.Array
            ? value.toArray().map(plain)
            : value instanceof Y.AbstractType
              ? value.toString()
              : value

const shown = (doc) => ({
  t: plain(doc.getText('t')),
  m: plain(doc.getMap('m')),
  a: plain(doc.getArray('a')),
  e: plain(doc.getText('e')),
  x: doc.getXmlFragment('x').toString(),
  text: doc.getText('t').toString(),
})

const make = (seed, changes, wild) => {
  const draw = random(seed)
  const log = []
  const tabs = Array.from({ length: 1 + Math.floor(draw() * 4) }, () => new Tab(draw, wild, log))
  for (let n = 0; n < changes; n++) {
    const tab = tabs[Math.floor(draw() * tabs.length)]
    const how = draw()
    if (how < 0.72) tab.change()
    else if (how < 0.8) tab.doc.transact(() => [1, 2, 3].forEach(() => tab.change()))
    else if (how < 0.85) tab.undo.undo()
    else if (how < 0.88) tab.undo.redo()
    else tab.hear(tabs[Math.floor(draw() * tabs.length)])
  }
  for (const tab of tabs) tabs[0].hear(tab)
  const [updates, clients] = [log.map(([update]) => update), log.map(([, client]) => client)]
  return { updates, clients, whole: b64(Y.encodeStateAsUpdate(tabs[0].doc)), shown: shown(tabs[0].doc) }
}

// Yjs takes marks away that a change from elsewhere left without effect, by deletions of its own. Without `tidy` it is
// told that the changes are its own, and so shows what the updates say and nothing else.
const apply = (updates, tidy) => {
  const doc = new Y.Doc()
  for (const update of updates) {
    doc.transact((transaction) => {
      Y.applyUpdate(doc, Buffer.from(update, 'base64'))
      transaction.local = !tidy
    })
  }
  const pending = doc.store.pendingStructs !== null || doc.store.pendingDs !== null
  return { whole: b64(Y.encodeStateAsUpdate(doc)), shown: shown(doc), pending }
}

// What whoever takes an id that is not theirs would send, with all the document in hand.
const forge = (whole, client, text) => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Buffer.from(whole, 'base64'))
  doc.clientID = client
  const before = Y.encodeStateVector(doc)
  doc.getText('t').insert(0, text)
  return { update: b64(Y.diffUpdate(Y.encodeStateAsUpdate(doc, before), before)) }
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  const answer =
    'make' in asked
      ? make(asked.make, asked.changes, asked.wild)
      : 'forge' in asked
        ? forge(asked.forge, asked.client, asked.text)
        : apply(asked.apply, asked.tidy ?? true)
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
