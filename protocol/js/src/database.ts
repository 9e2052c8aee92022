/**
 * The database of an origin's pages: commands that wait, and refusals that nobody heard, over reloads and for all tabs.
 *
 * A browser may forbid it (private windows), take it away (storage cleared), fill it up, or hang while opening it; the
 * outbox then goes on in memory, so every failure here is a rejection, of which nobody asks why, and never a wait without
 * end. Whoever opens a newer version is not held up: the handle is given back at once and this page goes on in memory,
 * too. A database that opens late, on a busy machine, is used from then on.
 */

import { FAMILY } from './page'

/** Raised when the stores below change; `upgrade` then leads from each version to the next. */
const VERSION = 1
const OPEN_MS = 3_000

export type Store = 'commands' | 'refused'

export class Database {
  private opening: Promise<IDBDatabase> | null = null

  /** `late`: it is open after all, when it was given up already. */
  constructor(private readonly factory: IDBFactory, private readonly late: () => void) {}

  /** Do one thing to one store or both, whole or not at all. `work` gives what is there when the transaction is over. */
  async transact<T>(stores: Store[], work: (transaction: IDBTransaction) => () => T): Promise<T> {
    const database = await this.open()
    let transaction: IDBTransaction
    try {
      transaction = database.transaction(stores, 'readwrite')
    } catch {
      // The handle was closed meanwhile: by a newer version, or because the storage was cleared.
      this.opening = null
      transaction = (await this.open()).transaction(stores, 'readwrite')
    }
    return new Promise<T>((settle, fail) => {
      const found = work(transaction)
      transaction.oncomplete = () => settle(found())
      transaction.onabort = () => fail(transaction.error)
    })
  }

  private open(): Promise<IDBDatabase> {
    this.opening ??= new Promise<IDBDatabase>((settle, fail) => {
      let late = false
      const timer = setTimeout(() => { late = true; fail(null) }, OPEN_MS)
      const request = this.factory.open(`${FAMILY} outbox`, VERSION)
      request.onupgradeneeded = ({ oldVersion }) => upgrade(request.result, oldVersion)
      request.onerror = () => { clearTimeout(timer); fail(request.error) }
      request.onsuccess = () => {
        clearTimeout(timer)
        const database = request.result
        database.onversionchange = () => { database.close(); this.opening = null }
        database.onclose = () => { this.opening = null }
        settle(database)
        if (!late) return
        this.opening = Promise.resolve(database)
        this.late()
      }
    })
    return this.opening
  }
}

function upgrade(database: IDBDatabase, from: number): void {
  if (from < 1) {
    for (const store of ['commands', 'refused'] satisfies Store[]) database.createObjectStore(store, { keyPath: ['scope', 'room', 'id'] })
  }
}

/** All entries of one room, by id. */
export function ofRoom(scope: string, room: string): IDBKeyRange {
  return IDBKeyRange.bound([scope, room], [scope, room, []])
}
