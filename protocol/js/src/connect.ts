/**
 * Rooms of a server, put together: one link and one outbox for each server, one room for each name.
 *
 * Who connects to the same room twice in one page gets the same room, and it ends when both have closed it.
 */

import * as Y from 'yjs'

import { linkTo, outboxFor } from './browser'
import { Cell } from './cell'
import { Commands } from './commands'
import { Documents } from './documents'
import { type Grant, Lane } from './lane'
import { Later } from './later'
import type { Link } from './link'
import type { Outbox } from './outbox'
import { Presence } from './presence'
import { isLost, type Refusal } from './refused'
import { Room } from './room'
import { Snapshots } from './snapshot'
import type { Sockets } from './socket'
import { tabName } from './tab'

export interface ConnectOptions {
  readonly room: string
  /** The grant to show, or how to get one: asked for on every socket, and (`renews`) a fresh one before that is over. */
  readonly grant?: string | ((renews: boolean) => Promise<string>) | undefined
  /** Who sits here, where several people use one browser: what one of them asked is not sent by the next. */
  readonly account?: string | undefined
  /** Who this page is to others. Without a name it is not shown. */
  readonly name?: string | undefined
  readonly color?: string | undefined
  /** The WebSocket to use where there is none (Node before 22). */
  readonly WebSocket?: Sockets | undefined
}

/** What all rooms of one server share. */
interface Server {
  readonly link: Link
  readonly outbox: Outbox
  readonly rooms: Map<string, { readonly room: Room; users: number }>
}

/** What a page has for its servers; tests of many pages in one process make several. */
export class Client {
  private readonly servers = new Map<string, Server>()

  constructor(private readonly tab: () => Promise<string> = tabName) {}

  connect(url: string, options: ConnectOptions): Room {
    const key = `${url} ${options.account ?? ''}`
    const server = this.servers.get(key) ?? this.begin(key, url, options)
    const held = server.rooms.get(options.room)
    if (held) {
      held.users += 1
      return held.room
    }
    const room = joined(server, options, this.tab(), () => this.leave(key, server, options.room))
    server.rooms.set(options.room, { room, users: 1 })
    return room
  }

  private begin(key: string, url: string, { WebSocket, account }: ConnectOptions): Server {
    const server: Server = { link: linkTo(url, WebSocket), outbox: outboxFor(url, account), rooms: new Map() }
    this.servers.set(key, server)
    return server
  }

  /** Whether the room is over with that. */
  private leave(key: string, server: Server, name: string): boolean {
    const held = server.rooms.get(name)
    if (!held || --held.users > 0) return false
    server.rooms.delete(name)
    if (!server.rooms.size && this.servers.get(key) === server) {
      this.servers.delete(key)
      // What the room still says (that it leaves) is said first.
      queueMicrotask(() => {
        server.link.close()
        server.outbox.close()
      })
    }
    return true
  }
}

let client: Client | undefined

/** Join a room: `url` is where the server is, empty for where the page came from. */
export function connect(url: string, options: ConnectOptions): Room {
  client ??= new Client()
  return client.connect(url, options)
}

function joined({ link, outbox }: Server, options: ConnectOptions, named: Promise<string>, left: () => boolean): Room {
  const { room: name } = options
  const grant = granting(options.grant)
  const doc = new Y.Doc()
  const channel = {
    begun: (): void => {
      commands.begun()
      following.now?.begun()
      tools.now?.begun()
    },
    text: (said: Readonly<Record<string, unknown>>): void => void (following.now?.heard(said) || commands.heard(said)),
    lost: (): void => {
      commands.lost()
      following.now?.lost()
    }
  }
  const lane = new Lane(`rooms/${name}`, doc, { link, grant, writes: false, channel })
  const commands = new Commands(name, outbox, lane)
  const head = new Cell(0)
  const following = new Later(async () => new (await import('./following')).Following(lane, head))
  const snapshots = new Snapshots(doc)
  const presence = new Presence(lane.awareness)
  const tab = new Cell('')
  const toolsRefused = new Cell<Refusal | null>(null)
  const tools = new Later(async () => {
    commands.hold()
    const [{ Tools }, its] = await Promise.all([import('./tools'), named])
    // Whoever waits for this registers first.
    setTimeout(() => commands.release())
    return new Tools(name, its, () => snapshots.at(['runs']).value as never, commands, toolsRefused)
  })
  const documents = new Documents(name, link, grant)
  commands.hello = () => tools.now?.hello() ?? null
  commands.greeted = (refusal) => tools.now?.greeted(refusal)
  // A token changes a text; what a call's tab must know is a key of a map, or a part that is new in a list.
  doc.on('afterTransaction', ({ changed }: Y.Transaction) => {
    for (const type of changed.keys()) if (!(type instanceof Y.Text)) return tools.now?.look()
  })
  lane.status.subscribe(() => {
    const status = lane.status.value
    commands.refuse(status.kind === 'refused' && isLost(status.code) ? status : null)
  })
  void named.then((its) => {
    tab.set(its)
    presence.setTab(its)
  })
  const retry = (): void => {
    link.retry()
    lane.retry()
    documents.retry()
  }
  const close = (): void => {
    if (!left()) return
    void tools.asked?.then((part) => part.close())
    void following.asked?.then((part) => part.close())
    commands.close()
    documents.close()
    lane.close()
    doc.destroy()
  }
  const room = new Room(name, { lane, commands, following, head, snapshots, presence, tools, toolsRefused, tab, documents, retry, close })
  if (options.name) room.setUser({ name: options.name, ...(options.color ? { color: options.color } : {}) })
  return room
}

/** Lanes that ask for the same thing at the same time are given the same grant. */
function granting(grant: ConnectOptions['grant']): Grant {
  if (typeof grant !== 'function') return async () => grant ?? ''
  const asked = new Map<boolean, Promise<string>>()
  return (renews = false) => {
    const given = asked.get(renews) ?? Promise.resolve(renews).then(grant).finally(() => asked.delete(renews))
    asked.set(renews, given)
    return given
  }
}
