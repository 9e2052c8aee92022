/**
 * What this tab does about the tools that it lends to a room's agents: says that it has them, and carries a call out once.
 *
 * The server decides whose a call is (specs/tab-tools.md): the room document names a tab and a number for it. Rules:
 *
 * - A call is claimed before it is begun, and begun only behind the `ok`: two tabs that see the same document never both act.
 * - What was claimed is said to be `running` to every later socket of this page, and of nothing else: a page that was
 *   reloaded carries nothing out, so its calls come to it again under a higher number, or to a person, if they write.
 * - A result is kept over a reload and returned under one id until it is answered: what was done is not done again.
 * - A call that the document takes away (stopped, or given to another tab) is broken off.
 * - Looking at a room writes nothing into its log: tools are lent by whoever asks for a run, or whom a run waits for.
 */

import type { Answer, Body } from '../wire/control'
import { keep, kept } from '../wire/kept'

export interface Tool {
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly effect: 'read' | 'idempotent' | 'write'
  /** Carry a call out; what it throws is the error that the model is told. */
  readonly run: (args: any, signal: AbortSignal) => unknown
}

/** A call of a tab's tool, as the room document shows it. */
export interface Call {
  readonly run: string
  readonly step: string
  readonly name: string
  readonly args: string
  readonly state: string
  readonly tab: string
  readonly number: number
}

/** The part of the control channel that is needed here. */
export interface Asker {
  send(body: Body, id?: string): Promise<Answer>
  greet(): void
}

interface Given {
  readonly id: string
  readonly body: Body & { readonly run: string; readonly step: string; readonly number: number }
}

interface Held {
  readonly step: string
  readonly number: number
  readonly abort: AbortController
  /** What it gave is on its way: nothing can be broken off any more. */
  given: boolean
}

/** As the server's limit for what a model is told in place of a result. */
const LONGEST_ERROR = 4_000

export class Serving {
  private lent: boolean
  private readonly held = new Map<string, Held>()
  /** Numbers under which a call is over for this page, whatever the document says yet. */
  private readonly over = new Map<string, number>()
  private given: Given[]

  constructor(
    private readonly tab: string,
    private readonly room: string,
    private readonly tools: () => readonly Tool[],
    /** The calls of the room's open runs, as the document shows them now. */
    private readonly calls: () => readonly Call[],
    private readonly asker: Asker
  ) {
    const memory = `${room}.${tab}`
    this.lent = kept('lent', memory, (one): one is true => one === true).length > 0
    this.given = kept('given', memory, isGiven)
    for (const given of this.given) this.give(given)
  }

  /** What a new socket says first: nothing, or which tools this tab has and what it carries out. */
  hello(): Body | null {
    if (!this.lent) return null
    const tools = this.tools().map(({ run: _, ...offer }) => ({ ...offer, lasting: true }))
    return { do: 'register-tools', tab: this.tab, tools, running: [...this.held.values()].map(({ step }) => step) }
  }

  /** Lend the tools to this room, from now on and after a reload. */
  lend(): void {
    if (this.lent || this.tools().length === 0) return
    this.lent = true
    keep('lent', `${this.room}.${this.tab}`, [true])
    this.asker.greet()
  }

  /** Tell the room anew which tools there are, if it was told before. */
  changed(): void {
    if (this.lent) this.asker.greet()
  }

  /** Look at the calls of the room's open runs: begin what is this tab's, break off what is not any more. */
  look(): void {
    const calls = this.calls()
    for (const [key, held] of [...this.held]) {
      const call = calls.find((call) => keyOf(call) === key)
      if (held.given || (call && call.tab === this.tab && call.number === held.number)) continue
      this.held.delete(key)
      held.abort.abort()
    }
    for (const key of [...this.over.keys()]) if (!calls.some((call) => keyOf(call) === key)) this.over.delete(key)
    for (const call of calls) {
      const tool = this.tools().find(({ name }) => name === call.name)
      if (!tool) continue
      if (call.state === 'awaiting') this.lend()
      else if (call.state === 'assigned' && call.tab === this.tab && this.isNew(call)) void this.carry(call, tool)
    }
  }

  /** Break everything off: the reader leaves the room. */
  leave(): void {
    for (const held of this.held.values()) held.abort.abort()
    this.held.clear()
  }

  private isNew(call: Call): boolean {
    return !this.held.has(keyOf(call)) && this.over.get(keyOf(call)) !== call.number
  }

  /** Nothing more is to be done about the call under that number. */
  private end(key: string, number: number): void {
    this.over.set(key, number)
    if (this.held.get(key)?.number === number) this.held.delete(key)
  }

  private async carry(call: Call, tool: Tool): Promise<void> {
    const { run, step, number } = call
    const held: Held = { step, number, abort: new AbortController(), given: false }
    this.held.set(keyOf(call), held)
    const claimed = await this.asker.send({ do: 'claim-tool', run, step, number })
    if (held.abort.signal.aborted) return
    if ('refused' in claimed) return this.end(keyOf(call), number)
    const outcome = await carriedOut(tool, call.args, held.abort.signal)
    if (held.abort.signal.aborted) return
    held.given = true
    const given: Given = { id: crypto.randomUUID(), body: { do: 'return-tool-result', run, step, number, ...outcome } }
    this.given = [...this.given, given]
    this.store()
    this.give(given)
  }

  private give({ id, body }: Given): void {
    const key = keyOf(body)
    if (!this.held.has(key)) {
      this.held.set(key, { step: body.step, number: body.number, abort: new AbortController(), given: true })
    }
    void this.asker.send(body, id).then((answer) => {
      this.given = this.given.filter((other) => other.id !== id)
      if ('refused' in answer && answer.refused.code === 'too-large' && 'result' in body) {
        const { result: _, ...rest } = body
        const instead = { id: crypto.randomUUID(), body: { ...rest, error: answer.refused.message } }
        this.given = [...this.given, instead]
        this.give(instead)
      } else {
        this.end(key, body.number)
      }
      this.store()
      // Meanwhile the call may have come to this tab again.
      this.look()
    })
  }

  private store(): void {
    keep('given', `${this.room}.${this.tab}`, this.given)
  }
}

function keyOf({ run, step }: { run: string; step: string }): string {
  return `${run} ${step}`
}

async function carriedOut(tool: Tool, args: string, signal: AbortSignal): Promise<{ result: unknown } | { error: string }> {
  try {
    const asked: unknown = JSON.parse(args || '{}')
    return { result: (await tool.run(asked ?? {}, signal)) ?? null }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return { error: (said || 'The tool failed.').slice(0, LONGEST_ERROR) }
  }
}

function isGiven(one: any): one is Given {
  return typeof one?.id === 'string' && one.body?.do === 'return-tool-result' && typeof one.body.run === 'string' && typeof one.body.step === 'string' && typeof one.body.number === 'number'
}
