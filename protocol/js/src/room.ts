/**
 * One room: its document as snapshots, its commands, who is here, and the tools and documents of this page in it.
 *
 * Nothing here waits for a socket. What is read is what came so far, and `status` says how current that is; what is
 * asked waits in the outbox until it is answered.
 */

import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'

import type { Watched } from './cell'
import type { Commands } from './commands'
import type { Documents, SharedDocument } from './documents'
import type { Following } from './following'
import type { Lane } from './lane'
import type { Later } from './later'
import type { RefusedLater, Waiting } from './outbox'
import type { Presence } from './presence'
import type { Refusal } from './refused'
import type { Snapshots } from './snapshot'
import type { Status } from './status'
import type { Tools } from './tools'
import type {
  AgainOptions, Asked, BlameFields, Body, Call, DecisionFields, Done, Execute, Facts, Forked, ForkOptions, LogRecord, Merged,
  MergeOptions, Path, Present, PromptOptions, RecordsOptions, RoomChange, RoomSnapshot, ToolSchema, UndoFields, User, Verdict
} from './types'

/** What a room is made of; connect.ts puts it together. */
export interface Parts {
  readonly lane: Lane
  readonly commands: Commands
  readonly following: Later<Following>
  readonly head: Watched<number>
  readonly snapshots: Snapshots
  readonly presence: Presence
  readonly tools: Later<Tools>
  readonly toolsRefused: Watched<Refusal | null>
  readonly tab: Watched<string>
  readonly documents: Documents
  readonly retry: () => void
  readonly close: () => void
}

export class Room {
  readonly status: Watched<Status>
  /** The room document as plain values; what did not change is the same object as before. */
  readonly snapshot: Watched<RoomSnapshot>
  /** Whether a whole document came at least once; before that, empty means unknown. */
  readonly loaded: Watched<boolean>
  /** What was asked and is not answered yet, by this page and by others of its browser, in order. */
  readonly waiting: Watched<readonly Waiting[]>
  /** What was refused after the page that had asked was gone, until `forget`. */
  readonly refusedLater: Watched<readonly RefusedLater[]>
  readonly presence: Watched<readonly Present[]>
  /** The newest record of the log that is known; 0 until somebody reads `records`. */
  readonly head: Watched<number>
  /** Why the server does not take the tools of this page, if it does not. */
  readonly toolsRefused: Watched<Refusal | null>
  /** This tab's own name, the same after a reload; the `tab` of a call's part says whose it is. */
  readonly tab: Watched<string>
  /** The room document itself, for who reads Yjs; what is written into it stays in this page. */
  readonly doc: Y.Doc
  readonly awareness: Awareness

  constructor(readonly name: string, private readonly parts: Parts) {
    this.status = parts.lane.status
    this.loaded = parts.lane.loaded
    this.snapshot = parts.snapshots.at([]) as Watched<RoomSnapshot>
    this.waiting = parts.commands.waiting
    this.refusedLater = parts.commands.refusedLater
    this.presence = parts.presence.present
    this.head = parts.head
    this.toolsRefused = parts.toolsRefused
    this.tab = parts.tab
    this.doc = parts.lane.doc
    this.awareness = parts.lane.awareness
  }

  /** The value at that path, undefined while there is none; only a change of that very value wakes its listeners. */
  at<T = unknown>(path: Path): Watched<T | undefined> {
    return this.parts.snapshots.at(path) as Watched<T | undefined>
  }

  // --- asking: each resolves when it is on disk and rejects with `Refused` if it did not happen; a field that is undefined
  // is none, because a command is JSON

  prompt(text: string, { id, ...fields }: PromptOptions = {}): Promise<Asked> {
    return this.ask({ do: 'prompt', text, ...fields }, id) as Promise<Asked>
  }

  /** Answer a prompt once more, beside the first answer. */
  regenerate(run: string, { id, ...fields }: AgainOptions = {}): Promise<Asked> {
    return this.ask({ do: 'regenerate', run, ...fields }, id) as Promise<Asked>
  }

  /** Ask a prompt in other words, beside the first ones. */
  editPrompt(run: string, text: string, { id, ...fields }: AgainOptions = {}): Promise<Asked> {
    return this.ask({ do: 'edit-prompt', run, text, ...fields }, id) as Promise<Asked>
  }

  /** Say something to a run at work, by default the one that is. */
  steer(text: string, run?: string): Promise<Done> {
    return this.ask({ do: 'steer', text, run })
  }

  /** Stop a run, by default every open one. */
  stop(run?: string): Promise<Done> {
    return this.ask({ do: 'stop', run })
  }

  /** Say yes to a call, perhaps with other arguments. */
  approve({ run, step, shown }: Call, args?: Readonly<Record<string, unknown>>): Promise<Done> {
    return this.ask({ do: 'approve', run, step, args, shown: shown || undefined })
  }

  deny({ run, step, shown }: Call, reason?: string): Promise<Done> {
    return this.ask({ do: 'deny', run, step, reason: reason || undefined, shown: shown || undefined })
  }

  /** Answer what an agent asked. */
  answer({ run, step }: Call, answer: unknown): Promise<Done> {
    return this.ask({ do: 'answer', run, step, answer })
  }

  /** Say what became of a call of which nobody knows. */
  resolve({ run, step }: Call, verdict: Verdict, result?: unknown): Promise<Done> {
    return this.ask({ do: 'resolve', run, step, verdict, result })
  }

  /** Change the room's title, its metadata, or where its conversation goes on. */
  setRoom(change: RoomChange): Promise<Done> {
    return this.ask({ do: 'set-room', ...change })
  }

  /** Tell agents what they should know; with `tab`, as long as this page is here. */
  provideContext(facts: Facts, where: 'room' | 'tab' = 'room'): Promise<Done> {
    return where === 'room' ? this.ask({ do: 'provide-context', facts }) : this.parts.tools.get().then((tools) => tools.provideContext(facts))
  }

  /** Take edits of shared documents back; with `preview` only say which. `result` says what it found. */
  undo(fields: UndoFields): Promise<Done> {
    return this.ask({ do: 'undo', ...fields })
  }

  /** Open a draft of a shared document; `result.draft` is its name. */
  propose(document: string, title?: string): Promise<Done> {
    return this.ask({ do: 'propose', document, title: title || undefined })
  }

  accept(draft: string, fields: DecisionFields = {}): Promise<Done> {
    return this.ask({ do: 'accept', draft, ...fields })
  }

  reject(draft: string, fields: DecisionFields = {}): Promise<Done> {
    return this.ask({ do: 'reject', draft, ...fields })
  }

  /**
   * Make a room of its own that begins as this one was after record `at`; with a `change`, that record is another one
   * there. `connect` opens it under the name that the answer has.
   */
  fork(at: number, { id, ...fields }: ForkOptions = {}): Promise<Forked> {
    return this.ask({ do: 'fork', at, ...fields }, id).then(({ result }) => result as Forked)
  }

  /** Take what was written in this fork's documents into the room that it was forked from, each edit as its author's. */
  merge({ id, ...fields }: MergeOptions = {}): Promise<Merged> {
    return this.ask({ do: 'merge', ...fields }, id).then(({ result }) => result as Merged)
  }

  /** Let the room's runs begin nothing more until somebody resumes them. */
  pause(reason?: string): Promise<Done> {
    return this.ask({ do: 'pause', reason })
  }

  /** Let the runs go on that were paused, or that a paused fork began with: live, or by what the log of its parent has. */
  resume(going?: 'live' | 'recorded' | 'recorded-live'): Promise<Done> {
    return this.ask({ do: 'resume', going })
  }

  /** Who wrote a shared document: `result` has the spans, the records and the prompts. */
  blame(fields: BlameFields = {}): Promise<Done> {
    return this.parts.commands.send({ do: 'blame', ...fields })
  }

  /** Any command, without its id: for what has no method yet. */
  command(body: Body, id?: string): Promise<Done> {
    return this.ask(body, id)
  }

  // --- the rest -----------------------------------------------------------------------------------------------------

  /** The room's log, record by record, each once and in order, over any number of sockets. */
  records(options: RecordsOptions = {}): AsyncIterableIterator<LogRecord> {
    const reader = this.parts.following.get().then((following) => following.records(options))
    return {
      next: () => reader.then((reader) => reader.next()),
      return: () => reader.then((reader) => reader.return!()),
      [Symbol.asyncIterator]() { return this }
    }
  }

  /** Lend a tool to the room's agents, until the answer is called (specs/tab-tools.md). */
  registerTool<A = any>(name: string, schema: ToolSchema, execute: Execute<A>): () => void {
    let end: (() => void) | null = null
    let ended = false
    void this.parts.tools.get().then((tools) => { if (!ended) end = tools.register(name, schema, execute) })
    return () => {
      ended = true
      end?.()
    }
  }

  /** A shared document of this room, for any editor binding; `close` it when the editor is gone. */
  document(name = 'main'): SharedDocument {
    return this.parts.documents.open(name)
  }

  /** Say who sits here, to the room and to its documents. */
  setUser(user: User): void {
    this.parts.presence.setUser(user)
    this.parts.documents.setUser(user)
  }

  /** Somebody has seen that what waited was refused. */
  forget(refused: RefusedLater): void {
    this.parts.commands.forget(refused.id)
  }

  /** Try now: to reach the server, or to be let in after a refusal. */
  retry(): void {
    this.parts.retry()
  }

  /** Leave. What waits stays in the outbox; promises that were not answered yet reject with `outcome-unknown`. */
  close(): void {
    this.parts.close()
  }

  private ask(body: Body, id?: string): Promise<Done> {
    return this.parts.commands.ask(body, id)
  }
}

