/**
 * One document over one socket with the stock y-websocket provider, its state told as a `Connection`.
 *
 * The provider reconnects by itself, except after a close in 4400 to 4499. Tabs never talk to each other past the server
 * (`disableBc`), since what one tab shows must be on disk before another tab shows it (law 1).
 */

import * as decoding from 'lib0/decoding'
import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

import { Cell } from '../page/cell'
import { type Person, person } from '../page/settings'
import { type Connection, next, type Signal } from './connection'

const AUTH_MESSAGE = 2
const LONGEST_BACKOFF_MS = 2_500

export class Line {
  readonly doc = new Y.Doc()
  readonly connection = new Cell<Connection>({ kind: 'connecting' })
  /** The server's last word against an edit, as it said it. */
  readonly denied = new Cell<string | null>(null)
  /** Whether a whole document came at least once: before that, empty means unknown. */
  readonly loaded = new Cell(false)
  readonly awareness: Awareness
  private readonly provider: WebsocketProvider
  private readonly farewells: (() => void)[] = []

  constructor(path: string, name: string, socket: typeof WebSocket = WebSocket) {
    const base = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/${path}`
    this.provider = new WebsocketProvider(base, name.split('/').map(encodeURIComponent).join('/'), this.doc, {
      WebSocketPolyfill: socket,
      disableBc: true,
      maxBackoffTime: LONGEST_BACKOFF_MS
    })
    this.awareness = this.provider.awareness as Awareness
    this.provider.on('status', ({ status }: { status: string }) => {
      if (status === 'connected') this.signal({ it: 'opened' })
    })
    this.provider.on('sync', (synced: boolean) => {
      if (!synced) return
      this.loaded.set(true)
      this.signal({ it: 'synced' })
    })
    this.provider.on('connection-close', (event: CloseEvent | null) => {
      this.signal({ it: 'closed', code: event?.code ?? 1006, reason: event?.reason ?? '' })
    })
    // The stock handler only warns in the browser's console; the reader is told instead.
    this.provider.messageHandlers[AUTH_MESSAGE] = (_encoder: unknown, decoder: decoding.Decoder) => {
      decoding.readVarUint(decoder)
      this.denied.set(decoding.readVarString(decoder))
    }
    this.announce(person.value)
    this.farewells.push(person.watch(() => this.announce(person.value)))
    const wake = (): void => this.again()
    addEventListener('online', wake)
    this.farewells.push(() => removeEventListener('online', wake))
  }

  signal(signal: Signal): void {
    const after = next(this.connection.value, signal)
    if (JSON.stringify(after) !== JSON.stringify(this.connection.value)) this.connection.set(after)
  }

  /** Try now instead of at the next turn of the backoff. */
  again(): void {
    if (this.provider.wsconnected || this.provider.wsconnecting) return
    this.signal({ it: 'again' })
    this.provider.connect()
  }

  /** End the line for good. */
  end(): void {
    for (const farewell of this.farewells) farewell()
    this.provider.destroy()
    this.doc.destroy()
  }

  private announce(who: Person): void {
    this.awareness.setLocalStateField('user', who)
  }
}
