/**
 * The plain values of the room document's Yjs types, made again only where something changed.
 *
 * Each Yjs type of the document has a node that keeps its plain value. A change marks the nodes from there to the root as
 * stale and makes no value; a value is made when somebody reads it, from the values of the nodes that are not stale. So a
 * token costs the depth of the tree, and who reads only its part never pays for the list of ten thousand others.
 */

import * as Y from 'yjs'

export type Key = string | number
export type AnyType = Y.AbstractType<any>

/** The roots of the room document (specs/document.md). */
const ROOTS = ['room', 'runs', 'drafts'] as const
/** Keys whose array is not a list but the segments of one text. */
const TEXTS = new Set<Key>(['text', 'input'])

/**
 * As the last key of a path, behind a list or a map of maps: a number that rises when an entry comes or leaves. So who
 * shows a list hears nothing of what happens in its entries.
 */
export const ENTRIES = '#entries'
/** The same behind a run: all of it but its parts. */
export const HEAD = '#head'

/** The plain value of one Yjs type. */
export abstract class Node {
  protected fresh = false
  protected held: unknown
  protected entries = 0

  constructor(readonly parent: Node | null, public key: Key) {}

  get value(): unknown {
    if (!this.fresh) {
      this.held = this.made(this.held)
      this.fresh = true
    }
    return this.held
  }

  /** Something in here changed. */
  stale(): void {
    this.fresh = false
    this.parent?.touched(this)
  }

  touched(_child: Node): void {
    if (this.fresh) this.stale()
  }

  abstract child(key: Key): unknown
  /** The type itself changed, under these keys where it is a map. */
  abstract changed(keys: ReadonlySet<string | null>): void
  protected abstract made(before: unknown): unknown
}

/** A map: the snapshot itself, `runs`, a run, a part. */
class MapNode extends Node {
  private readonly nodes = new Map<string, Node>()
  private head: unknown

  constructor(private readonly tree: Tree, parent: Node | null, key: Key, private readonly type: Y.Map<unknown>) {
    super(parent, key)
    for (const [name, held] of type.entries()) this.grow(name, held)
  }

  child(key: Key): unknown {
    if (key === ENTRIES) return this.entries
    if (key === HEAD) return this.head ??= this.plain('parts')
    return this.nodes.get(String(key)) ?? plain(this.type.get(String(key)))
  }

  changed(keys: ReadonlySet<string | null>): void {
    for (const key of keys) if (key !== null) this.grow(key, this.type.get(key))
    this.head = undefined
    this.stale()
  }

  protected made(): unknown {
    return this.plain()
  }

  private plain(without?: string): unknown {
    const made: Record<string, unknown> = {}
    for (const [key, held] of this.type.entries()) if (key !== without) made[key] = this.nodes.get(key)?.value ?? plain(held)
    return made
  }

  private grow(key: string, held: unknown): void {
    const before = this.nodes.get(key)
    if (held instanceof Y.AbstractType) this.nodes.set(key, this.tree.node(this, key, held))
    else this.nodes.delete(key)
    if (this.nodes.get(key) !== before) this.entries += 1
  }
}

/** A list of maps: a run's parts. Of a list only what is stale is made anew, and its place is known without looking. */
class ListNode extends Node {
  private nodes: unknown[] = []
  private touchedNodes = new Set<Node>()
  private whole = false

  constructor(private readonly tree: Tree, parent: Node | null, key: Key, private readonly type: Y.Array<unknown>) {
    super(parent, key)
    this.changed()
  }

  child(key: Key): unknown {
    return key === ENTRIES ? this.entries : this.nodes[Number(key)]
  }

  override touched(child: Node): void {
    this.touchedNodes.add(child)
    super.touched(child)
  }

  changed(): void {
    this.nodes = this.type.map((held, index) => held instanceof Y.AbstractType ? this.tree.node(this, index, held) : plain(held))
    this.whole = true
    this.entries += 1
    this.stale()
  }

  protected made(before: unknown): unknown {
    const made = this.whole ? this.nodes.map(valueOf) : (before as unknown[]).slice()
    if (!this.whole) for (const node of this.touchedNodes) made[Number(node.key)] = node.value
    this.whole = false
    this.touchedNodes.clear()
    return made
  }
}

/** A text in segments: what stands before the last one seldom changes and is kept joined. */
class TextNode extends Node {
  private before = ''
  private joined = 0

  constructor(private readonly tree: Tree, parent: Node | null, key: Key, private readonly type: Y.Array<Y.Text>) {
    super(parent, key)
    this.changed()
  }

  child(): undefined {
    return undefined
  }

  /** A segment was written in. */
  written(segment: Y.Text): void {
    if (this.joined && segment !== this.type.get(this.type.length - 1)) this.joined = 0
    this.stale()
  }

  changed(): void {
    for (let at = this.joined; at < this.type.length; at++) this.tree.segment(this.type.get(at), this)
    if (this.joined >= this.type.length) this.joined = 0
    this.stale()
  }

  protected made(): unknown {
    if (this.joined === 0) this.before = ''
    const last = this.type.length - 1
    while (this.joined < last) this.before += this.type.get(this.joined++).toString()
    return last < 0 ? '' : this.before + this.type.get(last).toString()
  }
}

/** The snapshot: the roots under their names. */
export class RootNode extends Node {
  private readonly nodes = new Map<Key, Node>()

  constructor(tree: Tree, doc: Y.Doc) {
    super(null, '')
    for (const name of ROOTS) this.nodes.set(name, tree.node(this, name, doc.getMap(name)))
  }

  child(key: Key): unknown {
    return this.nodes.get(key)
  }

  changed(): void {}

  protected made(): unknown {
    return Object.fromEntries([...this.nodes].map(([name, node]) => [name, node.value]))
  }
}

/** Which node is a type's. */
export class Tree {
  readonly nodes = new WeakMap<AnyType, Node>()
  readonly segments = new WeakMap<AnyType, TextNode>()

  node(parent: Node, key: Key, type: AnyType): Node {
    const known = this.nodes.get(type)
    if (known) {
      known.key = key
      return known
    }
    const node = this.made(parent, key, type)
    this.nodes.set(type, node)
    return node
  }

  segment(segment: Y.Text, text: TextNode): void {
    this.segments.set(segment, text)
  }

  private made(parent: Node, key: Key, type: AnyType): Node {
    if (type instanceof Y.Map) return new MapNode(this, parent, key, type)
    if (TEXTS.has(key)) return new TextNode(this, parent, key, type as Y.Array<Y.Text>)
    return new ListNode(this, parent, key, type as Y.Array<unknown>)
  }
}

export function valueOf(held: unknown): unknown {
  return held instanceof Node ? held.value : held
}

/** yrs writes whole numbers that JavaScript reads as bigint when they are long. */
function plain(held: unknown): unknown {
  return typeof held === 'bigint' ? Number(held) : held
}
