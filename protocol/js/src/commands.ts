/**
 * The commands of one room: out over whichever socket there is, until each has its answer.
 *
 * Rules (specs/browser.md):
 *
 * - A command keeps the id that it was born with, and what has no answer is sent again on the next socket under that id:
 *   the server answers a repeated id with its first answer, so asking twice is safe and asking never is not.
 * - It is in the outbox before it is sent, and leaves when its answer has come.
 * - A refusal that is about now (`overloaded`) and an unknown outcome are no answers; it is asked again, later.
 * - They are sent in the order of asking, so many at a time as the server takes, and behind the greeting: what a socket
 *   has to say first, which is the tools that this tab has.
 * - What only this page means, on this socket (`claim-tool`), is sent in the same way and not kept (`send`).
 */

import { Backoff } from './backoff'
import { Cell } from './cell'
import { COMMANDS_UNANSWERED, TEXT_FRAME_BYTES } from './generated/limits'
import type { Outbox, RefusedLater, Waiting } from './outbox'
import { newId } from './ids'
import { passes, type Refusal, Refused } from './refused'
import type { Body, Done } from './types'

/** Where commands go: the room's lane. */
export interface Mouth {
  readonly open: boolean
  say(command: Readonly<Record<string, unknown>>): void
}

interface Command {
  readonly id: string
  readonly body: Body
  /** In the outbox. */
  readonly kept: boolean
  readonly answer: Promise<Done>
  readonly settle: (done: Done) => void
  readonly fail: (refused: Refused) => void
  readonly backoff: Backoff
  /** Nobody here waits for it: the page that did is gone. */
  readonly adopted: boolean
  readonly asked_at: number
  state: 'new' | 'ready' | 'sent' | 'resting'
}

/** Room for what is not counted here: following, and the greeting. */
const AT_A_TIME = COMMANDS_UNANSWERED - 2
/** The key of the lane and the id, which are in the frame too. */
const ENVELOPE_BYTES = 1200
/** A page that cannot fetch a part of itself asks all the same. */
const HELD_MS = 10_000
const FIRST_MS = 500
const LONGEST_MS = 15_000

export class Commands {
  readonly waiting = new Cell<readonly Waiting[]>([])
  readonly refusedLater = new Cell<readonly RefusedLater[]>([])
  /** What each socket has to say before anything else is said on it, if anything, and what became of it. */
  hello: () => Body | null = () => null
  greeted: (refusal: Refusal | null) => void = () => {}

  private readonly commands = new Map<string, Command>()
  private readonly farewells: (() => void)[]
  private readonly backoff = new Backoff(FIRST_MS, LONGEST_MS)
  /** The id of a greeting that has no answer yet; until then the commands wait. */
  private greeting = ''
  /** Why nothing can happen in this room, if nothing can. */
  private lostFor: Refusal | null = null
  /** Something has to be said first that is not here yet; the commands wait, but not for ever. */
  private held = false
  private closed = false
  private looks = 0

  constructor(private readonly room: string, private readonly outbox: Outbox, private readonly mouth: Mouth) {
    const look = (): void => void this.look()
    this.farewells = [outbox.watch(room, look), outbox.adopt(room, (left) => this.adopt(left))]
    look()
  }

  /** Ask, whatever becomes of this page meanwhile. */
  ask(body: Body, id: string = newId()): Promise<Done> {
    const command = this.take(body, id, true)
    if (command.state === 'new') void this.keep(command)
    return command.answer
  }

  /** Ask as long as this page lives. */
  send(body: Body, id: string = newId()): Promise<Done> {
    const command = this.take(body, id, false)
    if (command.state === 'new') this.ready(command)
    return command.answer
  }

  forget(id: string): void {
    void this.outbox.forget(this.room, id)
  }

  // --- the socket -------------------------------------------------------------------------------------------------------

  /** There is a socket on which nothing was asked yet. */
  begun(): void {
    this.greet()
  }

  lost(): void {
    this.greeting = ''
    for (const command of this.commands.values()) if (command.state === 'sent') command.state = 'ready'
  }

  /** An answer; whether it was to something that was asked here. */
  heard(said: Readonly<Record<string, any>>): boolean {
    if (typeof said.id !== 'string') return false
    if (said.id === this.greeting && this.greeting) return this.hearGreeted(said)
    const command = this.commands.get(said.id)
    if (command) this.answered(command, said)
    return command !== undefined
  }

  /** Say the greeting (again); what waits to be asked goes out behind its answer. */
  greet(): void {
    if (!this.mouth.open) return
    const body = this.hello()
    if (!body) return this.over(null)
    this.greeting = newId()
    this.mouth.say({ id: this.greeting, ...body })
  }

  /** What the greeting says is on its way: commands wait for it, so that tools are known before the runs that need them. */
  hold(): void {
    this.held = true
    setTimeout(() => this.release(), HELD_MS)
  }

  release(): void {
    this.held = false
    this.pump()
  }

  /** The room is lost, and nothing that waits can happen; or (null) it is not any more. */
  refuse(refusal: Refusal | null): void {
    this.lostFor = refusal
    if (refusal) for (const command of [...this.commands.values()]) this.fail(command, refusal)
  }

  close(): void {
    this.closed = true
    for (const farewell of this.farewells) farewell()
    for (const { answer, fail } of this.commands.values()) {
      answer.catch(() => {})
      fail(new Refused('outcome-unknown', 'The room was closed before the answer came.'))
    }
    this.commands.clear()
  }

  // --- one command ------------------------------------------------------------------------------------------------------

  private take(body: Body, id: string, kept: boolean, adopted?: Waiting): Command {
    const known = this.commands.get(id)
    const same = known && JSON.stringify(known.body) === JSON.stringify(body)
    if (known && same) return known
    const command = made(id, body, kept, adopted)
    const reused = known && { code: 'id-reused', message: 'Another command of that id waits for its answer.' }
    const refusal = reused ?? this.lostFor ?? tooLarge(body)
    if (!refusal) this.commands.set(id, command)
    else {
      command.state = 'resting'
      command.fail(new Refused(refusal.code, refusal.message))
    }
    return command
  }

  /** Put it into the outbox, then let it go. */
  private async keep(command: Command): Promise<void> {
    const { id, body, asked_at } = command
    command.state = 'resting'
    try {
      await this.outbox.put({ id, room: this.room, body, asked_at })
    } catch (error) {
      this.commands.delete(id)
      return command.fail(error instanceof Refused ? error : new Refused('too-many', String(error)))
    }
    if (this.commands.get(id) === command) this.ready(command)
    else if (!this.closed) void this.outbox.remove(this.room, id)
  }

  private adopt(left: Waiting): void {
    const { id, body } = left
    const command = this.take(body, id, true, left)
    const taken = this.commands.has(id)
    const inOrder = [...this.commands].sort(([, a], [, b]) => a.asked_at - b.asked_at)
    this.commands.clear()
    for (const [key, each] of inOrder) this.commands.set(key, each)
    command.answer.catch(({ code, message }: Refused) => { if (!taken) void this.outbox.remove(this.room, id, { code, message }) })
    if (command.state === 'new') this.ready(command)
  }

  private ready(command: Command): void {
    if (this.commands.get(command.id) !== command) return
    command.state = 'ready'
    this.pump()
  }

  private pump(): void {
    if (!this.mouth.open || this.greeting || this.held) return
    let free = AT_A_TIME
    for (const { state } of this.commands.values()) if (state === 'sent') free -= 1
    for (const command of this.commands.values()) {
      if (free <= 0) return
      if (command.state !== 'ready') continue
      command.state = 'sent'
      free -= 1
      this.mouth.say({ id: command.id, ...command.body })
    }
  }

  private answered(command: Command, said: Readonly<Record<string, any>>): void {
    const refused = refusalIn(said)
    if (refused && passes(refused.code)) {
      command.state = 'resting'
      setTimeout(() => this.ready(command), command.backoff.next())
    } else if (refused) {
      this.fail(command, refused)
    } else if (said.ok) {
      this.commands.delete(command.id)
      if (command.kept) void this.outbox.remove(this.room, command.id)
      command.settle(said.ok)
    }
    this.pump()
  }

  private fail(command: Command, refusal: Refusal): void {
    this.commands.delete(command.id)
    if (command.kept) void this.outbox.remove(this.room, command.id, command.adopted ? refusal : undefined)
    command.fail(new Refused(refusal.code, refusal.message))
  }

  /** A greeting that came to nothing for now is said again; one that is refused for good holds nothing up. */
  private hearGreeted(said: Readonly<Record<string, any>>): true {
    const refused = refusalIn(said)
    const { greeting } = this
    if (refused && passes(refused.code)) {
      setTimeout(() => { if (greeting === this.greeting) this.greet() }, this.backoff.next())
    } else {
      this.backoff.reset()
      this.over(refused)
    }
    return true
  }

  private over(refused: Refusal | null): void {
    this.greeting = ''
    this.pump()
    this.greeted(refused)
  }

  private async look(): Promise<void> {
    const turn = ++this.looks
    const [waiting, refused] = await Promise.all([this.outbox.waiting(this.room), this.outbox.refused(this.room)])
    // A later look has begun, which sees what is newer.
    if (turn !== this.looks) return
    if (waiting.length || this.waiting.value.length) this.waiting.set(waiting)
    if (refused.length || this.refusedLater.value.length) this.refusedLater.set(refused)
  }
}

function made(id: string, body: Body, kept: boolean, adopted: Waiting | undefined): Command {
  let settle: (done: Done) => void = () => {}
  let fail: (refused: Refused) => void = () => {}
  const answer = new Promise<Done>((yes, no) => [settle, fail] = [yes, no])
  const asked_at = adopted?.asked_at ?? Date.now()
  return { id, body, asked_at, kept, adopted: adopted !== undefined, answer, settle, fail, backoff: new Backoff(FIRST_MS, LONGEST_MS), state: 'new' }
}

/** The server answers a frame that is too long without an id, so nobody would hear of it. */
function tooLarge(body: Body): Refusal | null {
  const bytes = new TextEncoder().encode(JSON.stringify(body)).length
  return bytes > TEXT_FRAME_BYTES - ENVELOPE_BYTES ? { code: 'too-large', message: `A command may have ${TEXT_FRAME_BYTES} bytes.` } : null
}

/** What an answer refuses; an unknown outcome is a refusal that passes. */
function refusalIn(said: Readonly<Record<string, any>>): Refusal | null {
  const reason = said.refused ?? said.unknown
  if (!reason) return null
  return { code: String(reason.code ?? 'outcome-unknown'), message: String(reason.message ?? '') }
}
