/**
 * The control channel of one room: commands out, answers and records in, over whichever socket is open now.
 *
 * A command keeps the id it was born with. What was not answered is sent again under that id on the next socket, because
 * the server answers a repeated id with its first answer: asking twice is safe, and asking never is not. Prompts outlive
 * a reload (sessionStorage), because a prompt typed while offline must not be lost by the reader's own impatience.
 */

import { Cell } from '../page/cell'

export interface Refusal {
  readonly code: string
  readonly message: string
}

export type Answer = { readonly ok: { readonly seq?: number; readonly run?: string } } | { readonly refused: Refusal }

export interface Waiting {
  readonly id: string
  readonly text: string
  readonly agent?: string
  /** The run at work that this is said to; without it, it is a prompt. */
  readonly run?: string
}

/** What a person says about a call: the fields of `approve`, `deny`, `answer` or `resolve`. */
export type Decision =
  | { readonly do: 'approve'; readonly args?: unknown }
  | { readonly do: 'deny'; readonly reason?: string }
  | { readonly do: 'answer'; readonly answer: unknown }
  | { readonly do: 'resolve'; readonly verdict: 'happened' | 'did-not-happen' | 'retry'; readonly result?: unknown }

interface Command {
  readonly id: string
  readonly body: Record<string, unknown>
  readonly settle: (answer: Answer) => void
  tries: number
}

/** Refusals that are about now and not about the command: it is asked again, later. */
const PASSING = new Set(['overloaded', 'restarting', 'too-many', 'store-failed'])
const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 15_000

export class Control {
  /** Prompts that are not on disk yet, oldest first. */
  readonly waiting = new Cell<readonly Waiting[]>([])
  /** The last refusal that a reader should see, with the text to be given back. */
  readonly refused = new Cell<(Refusal & { readonly text: string }) | null>(null)
  /** What this tab did: the runs that it asked for, and its `deed`s. */
  readonly mine: Cell<ReadonlySet<string>>

  onRecord: (record: unknown) => void = () => {}
  onCaughtUp: (seq: number) => void = () => {}
  onHead: (seq: number) => void = () => {}

  private socket: WebSocket | null = null
  private commands = new Map<string, Command>()
  private from: number | null = null
  private followed = ''

  constructor(private readonly room: string) {
    const runs = kept(room, 'mine', (one): one is string => typeof one === 'string')
    this.mine = new Cell<ReadonlySet<string>>(new Set(runs))
    for (const prompt of kept(room, 'waiting', isWaiting)) void this.ask(prompt)
  }

  /** Ask the agent; the promise ends when the prompt is on disk or refused. */
  prompt(text: string, agent?: string): Promise<Answer> {
    return this.ask({ id: crypto.randomUUID(), text, ...(agent ? { agent } : {}) })
  }

  /** Say something to a run at work; the promise ends when it is on disk or refused. */
  steer(text: string, run: string): Promise<Answer> {
    return this.ask({ id: crypto.randomUUID(), text, run })
  }

  /** Decide about a call of a run. */
  decide(run: string, step: string, decision: Decision): Promise<Answer> {
    return this.send(crypto.randomUUID(), { ...decision, run, step }).then((answer) => {
      if ('ok' in answer) this.did(deed(run, step))
      return answer
    })
  }

  /** Stop one run, or without `run` every open run of the room. */
  stop(run?: string): Promise<Answer> {
    return this.send(crypto.randomUUID(), { do: 'stop', ...(run ? { run } : {}) })
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
    for (const command of this.commands.values()) this.transmit(command)
    this.refollow()
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
    else if (typeof said.id === 'string') this.answer(said)
  }

  private ask(prompt: Waiting): Promise<Answer> {
    this.waiting.set([...this.waiting.value, prompt])
    this.store()
    const { id, ...body } = prompt
    return this.send(id, { do: prompt.run ? 'steer' : 'prompt', ...body }).then((answer) => {
      if ('refused' in answer) this.refused.set({ ...answer.refused, text: prompt.text })
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

  private send(id: string, body: Record<string, unknown>): Promise<Answer> {
    return new Promise((settle) => {
      const command = { id, body, settle, tries: 0 }
      this.commands.set(id, command)
      this.transmit(command)
    })
  }

  private transmit(command: Command): void {
    if (this.socket?.readyState === WebSocket.OPEN && this.commands.has(command.id)) {
      this.socket.send(JSON.stringify({ id: command.id, ...command.body }))
    }
  }

  private answer(said: any): void {
    const command = this.commands.get(said.id)
    if (!command) return
    if (said.unknown || (said.refused && PASSING.has(said.refused.code))) {
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
    keep(this.room, 'waiting', this.waiting.value)
    keep(this.room, 'mine', [...this.mine.value].slice(-MINE))
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

function keep(room: string, what: string, list: readonly unknown[]): void {
  try {
    sessionStorage.setItem(`plait.${what}.${room}`, JSON.stringify(list))
  } catch {
    // Without storage it lasts as long as the page.
  }
}

function kept<T>(room: string, what: string, fits: (one: any) => one is T): T[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(`plait.${what}.${room}`) ?? '[]')
    return Array.isArray(found) ? found.filter(fits) : []
  } catch {
    return []
  }
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
