/**
 * Shared documents of a room: plain Yjs documents with an awareness, for any editor binding.
 *
 * A document that is opened twice is one, until both have closed it: two panes of a page show the same text, and what
 * they edit is sent once.
 */

import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'

import type { Watched } from './cell'
import { type Grant, Lane } from './lane'
import type { Link } from './link'
import type { Refusal } from './refused'
import type { Status } from './status'
import type { User } from './types'

export interface SharedDocument {
  readonly name: string
  readonly doc: Y.Doc
  /** Strangers' states in it are cleaned; `user` is this page's own. */
  readonly awareness: Awareness
  readonly status: Watched<Status>
  /** Whether all that was edited here is on the server's disk. */
  readonly saved: Watched<boolean>
  /** Whether this page's grant allows to write here, as far as the server has said. */
  readonly writable: Watched<boolean>
  /** The last edit that was not taken, in the server's words. */
  readonly denied: Watched<Refusal | null>
  /** Whether the whole document came at least once: before that, empty means unknown. */
  readonly loaded: Watched<boolean>
  /** Resolves when the whole document is here for the first time. */
  readonly synced: Promise<void>
  /** Ask to be let in again after a refusal. */
  retry(): void
  close(): void
}

interface Open {
  readonly lane: Lane
  readonly synced: Promise<void>
  users: number
}

export class Documents {
  private readonly opened = new Map<string, Open>()
  private user: User | null = null

  constructor(private readonly room: string, private readonly link: Link, private readonly grant: Grant) {}

  open(name: string): SharedDocument {
    const held = this.opened.get(name) ?? this.begin(name)
    held.users += 1
    const { lane, synced } = held
    let closed = false
    const close = (): void => {
      if (!closed) this.leave(name, held)
      closed = true
    }
    const { doc, awareness, status, saved, writable, denied, loaded } = lane
    return { name, doc, awareness, status, saved, writable, denied, loaded, synced, retry: () => lane.retry(), close }
  }

  setUser(user: User): void {
    this.user = user
    for (const { lane } of this.opened.values()) lane.awareness.setLocalStateField('user', user)
  }

  retry(): void {
    for (const { lane } of this.opened.values()) lane.retry()
  }

  close(): void {
    for (const { lane } of this.opened.values()) end(lane)
    this.opened.clear()
  }

  private begin(name: string): Open {
    const lane = new Lane(`${this.room}/${name}`, new Y.Doc(), { link: this.link, grant: this.grant, writes: true })
    if (this.user) lane.awareness.setLocalStateField('user', this.user)
    const synced = new Promise<void>((settle) => {
      const stop = lane.loaded.subscribe(() => {
        stop()
        settle()
      })
    })
    const held = { lane, synced, users: 0 }
    this.opened.set(name, held)
    return held
  }

  private leave(name: string, held: Open): void {
    held.users -= 1
    if (held.users > 0 || this.opened.get(name) !== held) return
    this.opened.delete(name)
    end(held.lane)
  }
}

function end(lane: Lane): void {
  lane.close()
  lane.doc.destroy()
}
