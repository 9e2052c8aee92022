/**
 * The control channel of one room: commands out, answers and records in, over whichever socket is open now.
 *
 * A command keeps the id it was born with. What was not answered is sent again under that id on the next socket, because
 * the server answers a repeated id with its first answer: asking twice is safe, and asking never is not. Prompts outlive
 * a reload (sessionStorage), because a prompt typed while offline must not be lost by the reader's own impatience.
 */

import { Cell } from '../page/cell'
import { isText, keep, kept } from './kept'

export interface Refusal {
  readonly code: string
  readonly message: string
}

export type Answer = { readonly ok: { readonly seq?: number; readonly run?: string; readonly result?: unknown } } | { readonly refused: Refusal }

/** A file that the server keeps, as a prompt names it. */
export interface Attached {
  readonly blob: string
  readonly media_type: string
  readonly name: string
  readonly bytes: number
}

export interface Waiting {
  readonly id: string
  readonly text: string
  readonly agent?: string
  readonly attachments?: readonly Attached[]
  /** The run at work that this is said to; without it, it is a prompt. */
  readonly run?: string
}

/** What a person says about a call: the fields of `approve`, `deny`, `answer` or `resolve`. */
export type Decision =
  | { readonly do: 'approve'; readonly args?: unknown }
  | { readonly do: 'deny'; readonly reason?: string }
  | { readonly do: 'answer'; readonly answer: unknown }
  | { readonly do: 'resolve'; readonly verdict: 'happened' | 'did-not-happen' | 'retry'; readonly result?: unknown }

export type Body = Readonly<Record<string, unknown>> & { readonly do: string }

interface Command {
  readonly id: string
  readonly body: Body
  readonly settle: (answer: Answer) => void
  tries: number
  /** The socket on which it was asked last. */
  on: WebSocket | null
}

/** Refusals that are about now and not about the command: it is asked again, later. */
const PASSING = new Set(['overloaded', 'restarting', 'too-many', 'store-failed'])

function passes(said: any): boolean {
  return said.unknown !== undefined || (said.refused !== undefined && PASSING.has(said.refused.code))
}

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 15_000

export class Control {
  /** Prompts that are not on disk yet, oldest first. */
  readonly waiting = new Cell<readonly Waiting[]>([])
  /** The last refusal that a reader should see, with the text to be given back. */
  readonly refused = new Cell<(Refusal & Pick<Waiting, 'text' | 'attachments'>) | null>(null)
  /** What this tab did: the runs that it asked for, and its `deed`s. */
  readonly mine: Cell<ReadonlySet<string>>

  onRecord: (record: unknown) => void = () => {}
  onCaughtUp: (seq: number) => void = () => {}
  onHead: (seq: number) => void = () => {}
  /** What each socket has to say before anything else is said on it, if anything: which tools this tab has. */
  hello: () => Body | null = () => null
  onGreeted: () => void = () => {}
  /** Called before a run is asked for. */
  beforeRun: () => void = () => {}

  private socket: WebSocket | null = null
  private commands = new Map<string, Command>()
  private from: number | null = null
  private followed = ''
  /** The id of a greeting that has no answer yet; until then the commands wait. */
  private greeting = ''

  constructor(private readonly room: string) {
    const runs = kept('mine', room, isText)
    this.mine = new Cell<ReadonlySet<string>>(new Set(runs))
    for (const prompt of kept('waiting', room, isWaiting)) void this.ask(prompt)
  }

  /** Ask the agent; the promise ends when the prompt is on disk or refused. */
  prompt(text: string, how: { agent?: string; attachments?: readonly Attached[] } = {}): Promise<Answer> {
    const attachments = how.attachments?.length ? { attachments: how.attachments } : {}
    return this.ask({ id: crypto.randomUUID(), text, ...(how.agent ? { agent: how.agent } : {}), ...attachments })
  }

  /** Say something to a run at work; the promise ends when it is on disk or refused. */
  steer(text: string, run: string): Promise<Answer> {
    return this.ask({ id: crypto.randomUUID(), text, run })
  }

  /** Decide about a call of a run. */
  decide(run: string, step: string, decision: Decision): Promise<Answer> {
    return this.send({ ...decision, run, step }).then((answer) => {
      if ('ok' in answer) this.did(deed(run, step))
      return answer
    })
  }

  /** Accept or reject hunks of a draft as it was at record `seen`, or without `hunks` all that is left of it. */
  settle(draft: string, verdict: 'accept' | 'reject', seen: number, hunks?: readonly string[]): Promise<Answer> {
    return this.send({ do: verdict, draft, seen, ...(hunks ? { hunks } : {}) }).then((answer) => {
      if ('ok' in answer && answer.ok.seq) this.did(deed(draft, String(answer.ok.seq)))
      return answer
    })
  }

  /** Stop one run, or without `run` every open run of the room. */
  stop(run?: string): Promise<Answer> {
    return this.send({ do: 'stop', ...(run ? { run } : {}) })
  }

  /** Ask for another version of a run: its prompt again, or another text in its place. */
  again(run: string, text?: string): Promise<Answer> {
    this.beforeRun()
    const body = text === undefined ? { do: 'regenerate', run } : { do: 'edit-prompt', run, text }
    return this.send(body).then((answer) => {
      if ('ok' in answer && answer.ok.run) this.did(answer.ok.run)
      return answer
    })
  }

  /** Ask for anything, under an id of its own unless it is asked again. */
  send(body: Body, id: string = crypto.randomUUID()): Promise<Answer> {
    return new Promise((settle) => {
      const command: Command = { id, body, settle, tries: 0, on: null }
      this.commands.set(id, command)
      this.transmit(command)
    })
  }

  /** Have the records after `seq`, and then every further one. */
  follow(seq: number): void {
    this.from = seq
    this.refollow()
  }

  /** How far the following came, so that the next socket goes on from there. */
  came(seq: number): void {
    if (this.from !== null && seq > this.from) this.from = seq
  }

  opened(socket: WebSocket): void {
    this.socket = socket
    this.refollow()
    this.greet()
  }

  /** Say the greeting (again); what is waiting to be asked goes out behind its answer. */
  greet(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return
    const body = this.hello()
    if (!body) return this.greeted()
    this.greeting = crypto.randomUUID()
    this.socket.send(JSON.stringify({ id: this.greeting, ...body }))
  }

  private greeted(): void {
    this.greeting = ''
    for (const command of this.commands.values()) if (command.on !== this.socket) this.transmit(command)
    this.onGreeted()
  }

  closed(socket: WebSocket): void {
    if (socket === this.socket) this.socket = null
  }

  /** One text frame of the server. Frames that are not known are left alone: a newer server may say more. */
  receive(frame: string): void {
    let said: any
    try {
      said = JSON.parse(frame)
    } catch {
      return
    }
    if (typeof said !== 'object' || said === null) return
    if (said.record) this.onRecord(said.record)
    else if (typeof said.caught_up === 'number') this.onCaughtUp(said.caught_up)
    else if (said.id === this.followed && said.ok) this.onHead(Number(said.ok.seq) || 0)
    else if (said.id === this.greeting && this.greeting) this.heard(said)
    else if (typeof said.id === 'string') this.answer(said)
  }

  private ask(prompt: Waiting): Promise<Answer> {
    if (!prompt.run) this.beforeRun()
    this.waiting.set([...this.waiting.value, prompt])
    this.store()
    const { id, ...body } = prompt
    return this.send({ do: prompt.run ? 'steer' : 'prompt', ...body }, id).then((answer) => {
      if ('refused' in answer) this.refused.set({ ...answer.refused, text: prompt.text, ...(prompt.attachments ? { attachments: prompt.attachments } : {}) })
      else if (prompt.run) this.did(deed(prompt.run, prompt.text))
      else if (answer.ok.run) this.did(answer.ok.run)
      this.waiting.set(this.waiting.value.filter((other) => other.id !== id))
      this.store()
      return answer
    })
  }

  private did(what: string): void {
    this.mine.set(new Set([...this.mine.value, what]))
    this.store()
  }

  /** A greeting that came to nothing for now is said again; one that is refused for good holds nothing up. */
  private heard(said: any): void {
    if (!passes(said)) return this.greeted()
    const { greeting } = this
    setTimeout(() => { if (greeting === this.greeting) this.greet() }, FIRST_DELAY_MS)
  }

  private transmit(command: Command): void {
    if (!this.greeting && this.socket?.readyState === WebSocket.OPEN && this.commands.has(command.id)) {
      command.on = this.socket
      this.socket.send(JSON.stringify({ id: command.id, ...command.body }))
    }
  }

  private answer(said: any): void {
    const command = this.commands.get(said.id)
    if (!command) return
    if (passes(said)) {
      const delay = Math.min(FIRST_DELAY_MS * 2 ** command.tries++, LONGEST_DELAY_MS)
      setTimeout(() => this.transmit(command), delay)
      return
    }
    this.commands.delete(said.id)
    if (said.ok) command.settle({ ok: said.ok })
    else if (said.refused) command.settle({ refused: said.refused })
  }

  private refollow(): void {
    if (this.from === null || this.socket?.readyState !== WebSocket.OPEN) return
    this.followed = crypto.randomUUID()
    this.socket.send(JSON.stringify({ id: this.followed, do: 'follow', after: this.from }))
  }

  private store(): void {
    keep('waiting', this.room, this.waiting.value)
    keep('mine', this.room, [...this.mine.value].slice(-MINE))
  }
}

/** Own deeds that a tab remembers: a few for each finished run that the document holds. */
const MINE = 200

/** What stands for something that this tab said or decided in a run; long words by their beginning. */
export function deed(run: string, what: string): string {
  return `${run} ${what.slice(0, 200)}`
}

function isWaiting(one: any): one is Waiting {
  return typeof one?.id === 'string' && typeof one.text === 'string'
}

/** A WebSocket class for a stock y-websocket provider: binary frames are the provider's, text frames the control's. */
export function controlSocket(control: Control): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, ['plait.v1', ...[protocols ?? []].flat()])
      // Registered before the provider's own handler, so that it never sees a text frame, which it could not read.
      this.addEventListener('message', (event: MessageEvent) => {
        if (typeof event.data !== 'string') return
        event.stopImmediatePropagation()
        control.receive(event.data)
      })
      this.addEventListener('open', () => control.opened(this))
      this.addEventListener('close', () => control.closed(this))
    }
  }
}
