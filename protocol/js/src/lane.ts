/**
 * One Yjs document over a link: a shared document, or the room document with the room's control channel beside it.
 *
 * Rules (specs/browser.md):
 *
 * - On each socket the token goes first, then a step 1; what the server asks for in return brings what was edited offline.
 * - `saved` is the server's word that all edits of this page are on disk, and is false until it says so (specs/dialects.md
 *   HP5: it sends `8·1` so often that our count comes to zero then and only then).
 * - A refusal for good is kept, and nothing is said any more, until somebody asks for another try. The text that was
 *   typed stays in the document, whatever the server says.
 * - What a tab shows of others came from the server: there is no other way in.
 */

import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate, modifyAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'

import { Backoff } from './backoff'
import { Cell } from './cell'
import * as frames from './hocuspocus'
import type { LaneEvents, LaneSender, Link } from './link'
import { newId } from './ids'
import { cleaned } from './presence'
import { passes, refusalOf, type Refusal, Refused, sentence } from './refused'
import type { Status } from './status'

/** The token for a room, or an empty one. Thrown `Refused` is for good, anything else is tried again. `renews`: a fresh one. */
export type Grant = (renews?: boolean) => Promise<string>

export interface LaneOptions {
  readonly link: Link
  readonly grant: Grant
  /** Whether what is written into the document here goes to the server. */
  readonly writes: boolean
  /** The channel beside the document: a socket on which the token was said, a frame for it, the end of that socket. */
  readonly channel?: { begun(): void; text(said: Readonly<Record<string, unknown>>): void; lost(): void }
}

const FIRST_MS = 500
const LONGEST_MS = 15_000

export class Lane implements LaneEvents {
  readonly status = new Cell<Status>({ kind: 'connecting' })
  /** Whether the whole document came at least once: before that, empty means unknown. */
  readonly loaded = new Cell(false)
  /** Whether all that was edited here is on the server's disk. */
  readonly saved = new Cell(true)
  /** Whether the grant allows to write here, as far as the server has said. */
  readonly writable = new Cell(true)
  /** The last edit that was not taken, in the server's words. */
  readonly denied = new Cell<Refusal | null>(null)
  readonly awareness: Awareness
  private readonly sender: LaneSender
  private readonly backoff = new Backoff(FIRST_MS, LONGEST_MS)
  private readonly farewells: (() => void)[] = []
  /** Which `opened` counts; what was begun for an older one is void. */
  private turn = 0
  /** The token was said on this socket. */
  private begun = false
  private synced = false
  private unanswered = 0
  private refusal: Refusal | null = null
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(name: string, readonly doc: Y.Doc, private readonly options: LaneOptions) {
    this.awareness = new Awareness(doc)
    this.sender = options.link.lane(name, this)
    this.farewells.push(options.link.state.subscribe(() => this.tell()))
    const edited = (update: Uint8Array, origin: unknown): void => { if (origin !== this) this.edited(update) }
    doc.on('update', edited)
    const aware = (_changed: unknown, origin: unknown): void => { if (origin === 'local') this.sayAwareness() }
    this.awareness.on('update', aware)
    this.farewells.push(() => doc.off('update', edited), () => this.awareness.off('update', aware))
    this.tell()
  }

  /** What the link hears of this lane goes out by `text`; false while nobody would get it. */
  get open(): boolean {
    return this.begun && this.sender.open
  }

  text(said: Readonly<Record<string, unknown>>): void {
    if (typeof said.renew === 'number') void this.renew(said.renew, this.turn)
    else this.options.channel?.text(said)
  }

  say(command: Readonly<Record<string, unknown>>): void {
    if (this.open) this.sender.text(command)
  }

  /** Ask to be let in again. */
  retry(): void {
    if (!this.refusal) return
    this.refusal = null
    if (this.sender.open) this.opened()
    this.tell()
  }

  close(): void {
    this.stop()
    for (const farewell of this.farewells) farewell()
    this.awareness.destroy()
    this.sender.close()
  }

  // --- what the link says -----------------------------------------------------------------------------------------------

  opened(): void {
    if (this.refusal) return
    const turn = ++this.turn
    this.synced = false
    this.tell()
    void this.authenticate(turn).then((granted) => { if (granted && turn === this.turn) this.begin() })
  }

  lost(): void {
    this.stop()
    this.tell()
  }

  binary(message: Uint8Array): void {
    const said = frames.read(message)
    if (!said || !this.begun) return
    switch (said.is) {
      case 'step1':
        if (this.options.writes) this.sender.binary(frames.step2(Y.encodeStateAsUpdate(this.doc, said.stateVector)))
        else this.sender.binary(frames.step2(NOTHING))
        break
      case 'step2':
      case 'update':
        this.take(said.update, said.is === 'step2')
        break
      case 'awareness':
        this.takeAwareness(said.update)
        break
      case 'status':
        if (said.saved) this.count()
        break
      case 'asked':
        void this.authenticate(this.turn, true)
        break
      case 'denied':
        this.refuse({ code: said.code, message: sentence(said.code) })
        break
      case 'stateless':
        this.heard(said.payload)
        break
      case 'granted':
        this.writable.set(said.writes)
        this.backoff.reset()
    }
  }

  // --- what is done about it ------------------------------------------------------------------------------------------

  private async authenticate(turn: number, renews = false): Promise<boolean> {
    try {
      const token = await this.options.grant(renews)
      if (turn !== this.turn || !this.sender.open) return false
      this.sender.binary(frames.token(token))
      return true
    } catch (error) {
      if (turn !== this.turn) return false
      const code = error instanceof Refused ? error.code : 'overloaded'
      this.refuse({ code, message: error instanceof Error ? error.message : String(error) })
      return false
    }
  }

  /** So many seconds are left of the grant; a socket whose grant is over ends (4301), and the next one shows another. */
  private async renew(seconds: number, turn: number): Promise<void> {
    try {
      const grant = await this.options.grant(true)
      if (turn === this.turn && grant) this.say({ id: newId(), do: 'renew-grant', grant })
    } catch {
      const left = seconds / 2
      if (left > 1) setTimeout(() => { if (turn === this.turn) void this.renew(left, turn) }, left * 1_000)
    }
  }

  private begin(): void {
    this.begun = true
    this.sync()
    // A new word, because the server has buried the one that this page said on its last socket.
    const state = this.awareness.getLocalState()
    if (state && Object.keys(state).length) this.awareness.setLocalState(state)
    this.options.channel?.begun()
  }

  /** Ask for what this page lacks; the server asks back for what it lacks, and the count of what is unsaved begins anew. */
  private sync(): void {
    this.unanswered = 1
    this.sender.binary(frames.step1(Y.encodeStateVector(this.doc)))
  }

  private stop(): void {
    if (this.begun) this.options.channel?.lost()
    this.turn += 1
    this.begun = false
    this.synced = false
    clearTimeout(this.timer)
  }

  private take(update: Uint8Array, whole: boolean): void {
    try {
      Y.applyUpdate(this.doc, update, this)
    } catch (error) {
      this.refuse({ code: 'bad-update', message: String(error) })
      return
    }
    if (!whole) return
    this.synced = true
    this.loaded.set(true)
    this.tell()
  }

  private takeAwareness(update: Uint8Array): void {
    try {
      applyAwarenessUpdate(this.awareness, modifyAwarenessUpdate(update, cleaned), this)
    } catch {
      // Somebody's rubbish about themselves is nobody's business.
    }
  }

  private sayAwareness(): void {
    if (this.open) this.sender.binary(frames.awareness(encodeAwarenessUpdate(this.awareness, [this.doc.clientID])))
  }

  private edited(update: Uint8Array): void {
    if (!this.options.writes) return
    this.saved.set(false)
    if (!this.open) return
    this.unanswered += 1
    this.sender.binary(frames.update(update))
  }

  private count(): void {
    this.unanswered = Math.max(0, this.unanswered - 1)
    if (this.unanswered > 0) return
    this.saved.set(true)
    this.backoff.reset()
  }

  /** Why an edit was not taken. If that passes, all that the server lacks is offered again after a pause. */
  private heard(payload: string): void {
    const refusal = refusalIn(payload)
    if (!refusal) return
    if (!passes(refusal.code) && refusal.code !== 'update-incomplete') return this.denied.set(refusal)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => { if (this.open) this.sync() }, this.backoff.next())
  }

  private refuse(refusal: Refusal): void {
    this.stop()
    if (passes(refusal.code)) this.timer = setTimeout(() => { if (this.sender.open) this.opened() }, this.backoff.next())
    else this.refusal = refusal
    this.tell(passes(refusal.code))
  }

  private tell(busy = false): void {
    const link = this.options.link.state.value
    if (this.refusal) this.set({ kind: 'refused', ...this.refusal })
    else if (link.kind === 'closed') {
      this.set(link.code === 1000 ? { kind: 'offline' } : { kind: 'refused', ...refusalOf(link.code, link.reason) })
    } else if (link.kind !== 'open') this.set({ kind: link.kind })
    else if (busy) this.set({ kind: 'busy' })
    else this.set(this.synced ? { kind: 'live' } : { kind: 'catching-up', behind: 0 })
  }

  private set(status: Status): void {
    if (JSON.stringify(status) !== JSON.stringify(this.status.value)) this.status.set(status)
  }
}

/** A Yjs update that holds nothing: all that a page has to tell about a document that it only reads. */
const NOTHING = Uint8Array.of(0, 0)

/** What a stateless message of the server refuses, if it is one that does. */
function refusalIn(payload: string): Refusal | null {
  try {
    const { refused } = JSON.parse(payload)
    return typeof refused?.code === 'string' ? { code: refused.code, message: String(refused.message ?? '') } : null
  } catch {
    return null
  }
}
