/**
 * The outbox that outlives its page: in IndexedDB, shared by the tabs of an origin.
 *
 * An entry names the page that sends it. A page's lock says whether it is alive (page.ts), and the first transaction
 * that writes itself over a dead page's name is the one that takes its commands over; to be twice at it would be harmless,
 * since a command happens once however often it is sent. Rules:
 *
 * 1. What comes out of the database was written by an older release or by anybody with a debugger: it is looked at
 *    before it is believed, and what cannot be sent is deleted.
 * 2. Where the database fails, a command is kept in memory: it is as good as any other until the page is reloaded.
 * 3. A page says before it writes that it will and afterwards that it did, and whoever heard the one waits for its end
 *    in case the other is never said: a page may end at any moment (adoption.ts).
 * 4. `scope` keeps servers, and people who use one browser, apart: nobody sends what somebody else asked.
 */

import { Adoption } from './adoption'
import { Database, ofRoom, type Store } from './database'
import { COMMAND_ID_CHARS, COMMANDS_WAITING, TEXT_FRAME_BYTES } from './generated/limits'
import { inOrder, MemoryOutbox, type RefusedLater, tooMany, type Waiting } from './outbox'
import type { Page } from './page'
import type { Refusal } from './refused'

/** Refusals of a room that wait to be seen; older ones are dropped. */
const REFUSALS = 100

interface Entry extends Waiting {
  readonly scope: string
  /** The page that sends it; empty if none does. */
  readonly page: string
}

type RefusedEntry = Entry & RefusedLater

/** What is said to the other pages: what waits for that room is another now; or, this page will write into it. */
type Word = string | { readonly room: string; readonly page: string }

export class StoredOutbox extends MemoryOutbox {
  private readonly database: Database
  private channel: BroadcastChannel | null = null
  private readonly unwatch: () => void
  /** What this page sends: put or adopted here, and not answered. */
  private readonly mine = new Set<string>()
  private readonly adoptions = new Map<string, Adoption>()
  private last = 0

  constructor(private readonly scope: string, private readonly page: Page | null, factory: IDBFactory = indexedDB) {
    super()
    this.database = new Database(factory, () => this.look())
    this.listen()
    this.unwatch = page?.id.subscribe(() => this.listen()) ?? (() => {})
  }

  override async put(command: Waiting): Promise<void> {
    const { id, room } = command
    // Two of one millisecond keep their order.
    const asked_at = this.last = Math.max(command.asked_at, this.last + 0.001)
    // What is kept is what would be sent: JSON.
    const body: Waiting['body'] = JSON.parse(JSON.stringify(command.body))
    const entry: Entry = { scope: this.scope, room, id, body, asked_at, page: this.page?.id.value ?? '' }
    this.mine.add(key(command))
    const kept = await this.write(room, ['commands'], 'not stored', (transaction) => {
      const commands = transaction.objectStore('commands')
      let full = false
      commands.count(ofRoom(this.scope, room)).onsuccess = (event) => {
        full = result<number>(event) >= COMMANDS_WAITING
        if (!full) commands.put(entry)
      }
      return () => (full ? 'full' : 'stored')
    })
    if (kept === 'full') {
      this.mine.delete(key(command))
      throw tooMany()
    }
    if (kept === 'not stored') await super.put(command)
    else this.changed(room)
  }

  override async remove(room: string, id: string, refused?: Refusal): Promise<void> {
    this.mine.delete(key({ room, id }))
    await super.remove(room, id)
    await this.write(room, ['commands', 'refused'], undefined, (transaction) => {
      const [commands, refusals] = [transaction.objectStore('commands'), transaction.objectStore('refused')]
      commands.get([this.scope, room, id]).onsuccess = (event) => {
        const entry = result<Entry | undefined>(event)
        commands.delete([this.scope, room, id])
        if (refused && entry) refusals.put({ ...entry, refused: { code: refused.code, message: refused.message } })
        else refusals.delete([this.scope, room, id])
      }
      return () => undefined
    })
    this.changed(room)
  }

  override async waiting(room: string): Promise<readonly Waiting[]> {
    const stored = await this.read('commands', room, isEntry)
    return [...stored, ...(await super.waiting(room))].map(plain).sort(inOrder)
  }

  override async refused(room: string): Promise<readonly RefusedLater[]> {
    const all = (await this.read('refused', room, isRefusedEntry)).sort(inOrder)
    for (const old of all.slice(0, -REFUSALS)) void this.forget(room, old.id)
    return all.slice(-REFUSALS).map((entry) => ({ ...plain(entry), refused: entry.refused }))
  }

  override async forget(room: string, id: string): Promise<void> {
    await this.write(room, ['refused'], undefined, (transaction) => {
      transaction.objectStore('refused').delete([this.scope, room, id])
      return () => undefined
    })
    this.changed(room)
  }

  override adopt(room: string, take: (command: Waiting) => void): () => void {
    super.adopt(room, take)
    const adoption = new Adoption(this.page, (page) => this.claim(room, page), () => this.senders(room), take)
    const unwatch = this.watch(room, () => adoption.look())
    this.adoptions.set(room, adoption)
    adoption.look()
    return () => {
      unwatch()
      adoption.end()
      this.adoptions.delete(room)
      void this.disown(room)
    }
  }

  override close(): void {
    this.unwatch()
    this.channel?.close()
    this.channel = null
  }

  // --- whose they are -----------------------------------------------------------------------------------------------

  /** The pages that the entries of a room name, without those entries that this page sends. */
  private async senders(room: string): Promise<Set<string>> {
    const others = (await this.read('commands', room, isEntry)).filter((entry) => !this.mine.has(key(entry)))
    return new Set(others.map((entry) => entry.page))
  }

  /** Send from now on what that page sent; and whatever that was, another may be on it by now, or done with it. */
  private async claim(room: string, page: string): Promise<readonly Waiting[]> {
    const me = this.page?.id.value ?? ''
    const taken = await this.rewrite(room, (entry) => (entry.page === page && !this.mine.has(key(entry)) ? me : null))
    // A database that takes nothing would be asked without end.
    if (!taken) return []
    for (const command of taken) this.mine.add(key(command))
    super.changed(room)
    return taken
  }

  /** This page sends nothing of that room any more. */
  private async disown(room: string): Promise<void> {
    const left = await this.rewrite(room, (entry) => (this.mine.has(key(entry)) ? '' : null))
    for (const command of left ?? []) this.mine.delete(key(command))
    this.changed(room)
  }

  /** Have each entry that `name` gives a page for name that one; the entries, in order. */
  private async rewrite(room: string, name: (entry: Entry) => string | null): Promise<readonly Waiting[] | null> {
    return this.write<readonly Waiting[] | null>(room, ['commands'], null, (transaction) => {
      const commands = transaction.objectStore('commands')
      const taken: Waiting[] = []
      commands.getAll(ofRoom(this.scope, room)).onsuccess = (event) => {
        for (const entry of result<unknown[]>(event).filter(isEntry)) {
          const page = name(entry)
          if (page === null) continue
          commands.put({ ...entry, page })
          taken.push(plain(entry))
        }
      }
      return () => taken.sort(inOrder)
    })
  }

  // --- the database -------------------------------------------------------------------------------------------------

  /** The entries of a room that look as they should; the others are deleted. */
  private read<T extends Waiting>(store: Store, room: string, fits: (entry: unknown) => entry is T): Promise<T[]> {
    return this.try<T[]>([store], [], (transaction) => {
      const entries = transaction.objectStore(store)
      const found: T[] = []
      entries.getAll(ofRoom(this.scope, room)).onsuccess = (event) => {
        for (const entry of result<any[]>(event)) {
          if (fits(entry)) found.push(entry)
          else entries.delete([this.scope, room, entry.id])
        }
      }
      return () => found
    })
  }

  /** As `try`, and others know whose end to wait for, should this page not come to say what it wrote. */
  private write<T>(room: string, stores: Store[], otherwise: T, work: (transaction: IDBTransaction) => () => T): Promise<T> {
    const page = this.page?.id.value
    if (page) this.say({ room, page })
    return this.try(stores, otherwise, work)
  }

  /** As `transact`, but without a database there is `otherwise`. */
  private async try<T>(stores: Store[], otherwise: T, work: (transaction: IDBTransaction) => () => T): Promise<T> {
    try {
      return await this.database.transact(stores, work)
    } catch {
      return otherwise
    }
  }

  // --- the other pages ----------------------------------------------------------------------------------------------

  /** Hear the other pages, unless this one sleeps: a browser throws away a sleeping page that is spoken to. */
  private listen(): void {
    this.channel?.close()
    this.channel = this.page?.id.value ? this.open(this.page) : null
    if (!this.channel) return
    this.channel.onmessage = ({ data }: MessageEvent<Word>) => {
      if (typeof data === 'string') super.changed(data)
      else this.adoptions.get(data.room)?.wait(data.page)
    }
    this.look()
  }

  /** Said by a page that hears nothing, too: what it began may be over only when it sleeps, or has left. */
  private say(word: Word): void {
    const channel = this.channel ?? (this.page && this.open(this.page))
    channel?.postMessage(word)
    if (channel !== this.channel) channel?.close()
  }

  private open(page: Page): BroadcastChannel {
    return page.channel(`outbox ${this.scope}`)
  }

  /** Anything may have changed. */
  private look(): void {
    for (const room of this.watchers.keys()) super.changed(room)
  }

  protected override changed(room: string): void {
    this.say(room)
    super.changed(room)
  }
}

function key(command: { readonly room: string; readonly id: string }): string {
  return `${command.room}\0${command.id}`
}

function plain({ id, room, body, asked_at }: Waiting): Waiting {
  return { id, room, body, asked_at }
}

function isEntry(entry: any): entry is Entry {
  return typeof entry?.id === 'string' && entry.id.length > 0 && entry.id.length <= COMMAND_ID_CHARS && typeof entry.room === 'string' &&
    typeof entry.body === 'object' && typeof entry.body?.do === 'string' && sendable(entry.body) &&
    Number.isFinite(entry.asked_at) && typeof entry.page === 'string'
}

function isRefusedEntry(entry: any): entry is RefusedEntry {
  return isEntry(entry) && typeof (entry as any).refused?.code === 'string' && typeof (entry as any).refused?.message === 'string'
}

/** Whether it can go over the wire: a database holds what JSON cannot. */
function sendable(body: unknown): boolean {
  try {
    return JSON.stringify(body).length <= TEXT_FRAME_BYTES
  } catch {
    return false
  }
}

function result<T>(event: Event): T {
  return (event.target as IDBRequest<T>).result
}
