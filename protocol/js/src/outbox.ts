/**
 * Where commands wait until they are answered: in memory here, over reloads and for all tabs of an origin in stored.ts.
 *
 * A command is put here before it is sent and leaves when its answer has come, so what is here may have happened and
 * may not have. It is sent again under its own id, and the server answers a repeated id with the first answer.
 *
 * A page sends what it put itself, on every socket, until it is answered. What a page left behind when it was reloaded,
 * closed or killed is given to one page that is alive (`adopt`), which then does the same. If that ends in a refusal,
 * the asker's promise is gone: the refusal is kept and shown to every page until somebody has seen it.
 *
 * Only what means the same from any page belongs here: a prompt does, `register-tools` and `claim-tool` do not.
 */

import { COMMANDS_WAITING } from './generated/limits'
import { Refused, type Refusal } from './refused'

export interface Waiting {
  /** Minted by the asker, for life. */
  readonly id: string
  readonly room: string
  /** The command without its id: `do` and its fields. */
  readonly body: Readonly<Record<string, unknown>> & { readonly do: string }
  /** When it was asked, milliseconds since 1970; they are sent in this order, then by id. */
  readonly asked_at: number
}

/** A command of a page that has gone, and why it did not happen. */
export interface RefusedLater extends Waiting {
  readonly refused: Refusal
}

export interface Outbox {
  /** Resolves once it is kept as well as this outbox keeps. Rejects with `Refused` `too-many`: then it was not asked. */
  put(command: Waiting): Promise<void>
  /** Its answer has come. `refused` is given if that is a refusal and no promise hears it, because it was adopted. */
  remove(room: string, id: string, refused?: Refusal): Promise<void>
  /** What waits for a room, in order, whichever tab asked it. */
  waiting(room: string): Promise<readonly Waiting[]>
  /** What was refused after its page had gone, oldest first, until it is forgotten. */
  refused(room: string): Promise<readonly RefusedLater[]>
  /** Somebody has seen that it was refused. */
  forget(room: string, id: string): Promise<void>
  /** Called when what waits for the room, or was refused, changed, by any tab. */
  watch(room: string, heard: () => void): () => void
  /** From now on, be given each command that nobody alive sends, to send and `remove` it. The answer ends it. */
  adopt(room: string, take: (command: Waiting) => void): () => void
  /** Nothing is asked of it any more; what it keeps stays. */
  close(): void
}

export function inOrder(a: Waiting, b: Waiting): number {
  return a.asked_at - b.asked_at || (a.id < b.id ? -1 : 1)
}

export function tooMany(): Refused {
  return new Refused('too-many', `${COMMANDS_WAITING} commands wait for this server already.`)
}

/** For one page, as long as it lives: its own commands, so there is none to adopt but what it asked before it left a room. */
export class MemoryOutbox implements Outbox {
  protected readonly watchers = new Map<string, Set<() => void>>()
  private readonly rooms = new Map<string, Map<string, Waiting>>()

  async put(command: Waiting): Promise<void> {
    const held = this.rooms.get(command.room) ?? new Map<string, Waiting>()
    if (held.size >= COMMANDS_WAITING && !held.has(command.id)) throw tooMany()
    this.rooms.set(command.room, held.set(command.id, command))
    this.changed(command.room)
  }

  async remove(room: string, id: string, _refused?: Refusal): Promise<void> {
    if (this.rooms.get(room)?.delete(id)) this.changed(room)
  }

  async waiting(room: string): Promise<readonly Waiting[]> {
    return [...(this.rooms.get(room)?.values() ?? [])].sort(inOrder)
  }

  async refused(_room: string): Promise<readonly RefusedLater[]> {
    return []
  }

  async forget(_room: string, _id: string): Promise<void> {}

  watch(room: string, heard: () => void): () => void {
    const watchers = this.watchers.get(room) ?? new Set()
    this.watchers.set(room, watchers.add(heard))
    return () => { watchers.delete(heard) }
  }

  adopt(room: string, take: (command: Waiting) => void): () => void {
    for (const left of [...(this.rooms.get(room)?.values() ?? [])].sort(inOrder)) take(left)
    return () => {}
  }

  close(): void {}

  /** What waits for the room, or was refused, is another now. */
  protected changed(room: string): void {
    for (const heard of [...(this.watchers.get(room) ?? [])]) heard()
  }
}
