/**
 * The room document as plain values that share what did not change, told to whom it concerns.
 *
 * What changed is taken from a transaction's `changed` and not from its events: an event's path counts through its list
 * from the beginning, and a token would pay for every part before it.
 */

import type * as Y from 'yjs'

import type { Watched } from './cell'
import { type AnyType, type Key, Node, RootNode, Tree, valueOf } from './nodes'
import type { Path } from './types'

/** Listeners at one path, and below it. */
class Listeners {
  readonly here = new Set<Listener>()
  readonly below = new Map<string, Listeners>()

  at(path: Path): Listeners {
    let found: Listeners = this
    for (const key of path) {
      const next: Listeners = found.below.get(String(key)) ?? new Listeners()
      found.below.set(String(key), next)
      found = next
    }
    return found
  }

  drop(path: Path, listener: Listener): void {
    const [first, ...rest] = path
    if (first === undefined) return void this.here.delete(listener)
    const next = this.below.get(String(first))
    next?.drop(rest, listener)
    if (next && !next.here.size && !next.below.size) this.below.delete(String(first))
  }

  all(into: Set<Listener>): void {
    for (const listener of this.here) into.add(listener)
    for (const next of this.below.values()) next.all(into)
  }
}

interface Listener {
  readonly heard: () => void
  readonly path: Path
  /** What it was told of last. */
  seen: unknown
}

export class Snapshots {
  private readonly tree = new Tree()
  private readonly root: RootNode
  private readonly listeners = new Listeners()

  constructor(doc: Y.Doc) {
    this.root = new RootNode(this.tree, doc)
    doc.on('afterTransaction', (transaction: Y.Transaction) => this.took(transaction.changed))
  }

  /** The value at a path, to be read and watched. */
  at(path: Path): Watched<unknown> {
    const read = (): unknown => this.read(path)
    return {
      get value() { return read() },
      subscribe: (heard) => {
        const listener = { heard, path, seen: read() }
        this.listeners.at(path).here.add(listener)
        return () => this.listeners.drop(path, listener)
      }
    }
  }

  private read(path: Path): unknown {
    let held: unknown = this.root
    for (const key of path) {
      if (!(held instanceof Node)) return undefined
      held = held.child(key)
    }
    return valueOf(held)
  }

  private took(changed: ReadonlyMap<AnyType, ReadonlySet<string | null>>): void {
    const told = new Set<Listener>()
    for (const [type, keys] of changed) {
      const text = this.tree.segments.get(type)
      if (text) text.written(type as Y.Text)
      const node = text ?? this.tree.nodes.get(type)
      if (!text) node?.changed(keys)
      if (node) this.gather(node, told)
    }
    for (const listener of told) this.tell(listener)
  }

  /** All who listen to a node, above it or below it; who hears nothing new is not told. */
  private gather(node: Node, told: Set<Listener>): void {
    const path: Key[] = []
    for (let at: Node | null = node; at?.parent; at = at.parent) path.unshift(at.key)
    let listeners: Listeners | undefined = this.listeners
    for (const key of path) {
      for (const listener of listeners.here) told.add(listener)
      listeners = listeners.below.get(String(key))
      if (!listeners) return
    }
    listeners.all(told)
  }

  private tell(listener: Listener): void {
    const now = this.read(listener.path)
    if (Object.is(now, listener.seen)) return
    listener.seen = now
    try {
      listener.heard()
    } catch (error) {
      queueMicrotask(() => { throw error })
    }
  }
}
