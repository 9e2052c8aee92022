/**
 * One document of a room as the page's parts watch it: the client's values as cells, and its status as a `Connection`.
 */

import type { Refusal, Room, SharedDocument, Watched } from 'plait-client'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'

import { Cell } from '../page/cell'
import { type Connection, told } from './connection'

type Source = Pick<SharedDocument, 'doc' | 'awareness' | 'status' | 'loaded' | 'retry' | 'close'> & { readonly denied?: Watched<Refusal | null>; readonly writable?: Watched<boolean> }

export class Line {
  /** Whether this page may write here, as far as the server has said. */
  readonly writable = new Cell(true)
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly connection: Cell<Connection>
  /** The server's last word against an edit, as it said it. */
  readonly denied = new Cell<string | null>(null)
  /** Whether a whole document came at least once: before that, empty means unknown. */
  readonly loaded: Cell<boolean>
  private readonly farewells: (() => void)[]
  private behind = 0

  constructor(private readonly source: Source | Room) {
    this.doc = source.doc
    this.awareness = source.awareness
    this.connection = new Cell<Connection>(source.status.value)
    this.loaded = new Cell(source.loaded.value)
    this.farewells = [
      source.status.subscribe(() => this.tell()),
      source.loaded.subscribe(() => this.loaded.set(source.loaded.value))
    ]
    const denied = 'denied' in source ? source.denied : undefined
    const told = denied?.subscribe(() => this.denied.set(denied.value ? `${denied.value.message} (${denied.value.code})` : null))
    if (told) this.farewells.push(told)
    const writable = 'writable' in source ? source.writable : undefined
    if (writable) {
      this.writable.set(writable.value)
      this.farewells.push(writable.subscribe(() => this.writable.set(writable.value)))
    }
  }

  /** So many records of the log are still to come. */
  lag(records: number): void {
    this.behind = records
    this.tell()
  }

  /** Try now instead of at the next turn of the backoff. */
  again(): void {
    this.source.retry()
  }

  /** End the line for good. */
  end(): void {
    for (const farewell of this.farewells) farewell()
    this.source.close()
  }

  private tell(): void {
    this.connection.set(told(this.source.status.value, this.behind))
  }
}
