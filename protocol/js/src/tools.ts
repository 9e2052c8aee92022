/**
 * What this tab does about the tools that it lends to a room's agents: says that it has them, and carries a call out once.
 *
 * The server decides whose a call is (specs/tab-tools.md): the room document names a tab and a number for it. Rules:
 *
 * - A call is claimed before it is begun, and begun only behind the `ok`, if the document shows it as this tab's then.
 * - What was claimed is said to be `running` on every later socket of this page, and of nothing else: a page that was
 *   reloaded carries nothing out, so its calls come to it again under a higher number, or to a person, if they write.
 * - A result is kept over a reload and returned under one id until it is answered, once its tool is here again: what was
 *   done is not done again.
 * - A call that the document takes away (stopped, or given to another tab) is broken off.
 */

import type { Cell } from './cell'
import type { Part, Run } from './generated/document'
import { newId } from './ids'
import { keep, kept } from './memory'
import { type Refusal, Refused } from './refused'
import type { Body, Done, Execute, Facts, ToolOffer, ToolSchema } from './types'

/** The part of the control channel that is needed here. */
export interface Asker {
  send(body: Body, id?: string): Promise<Done>
  greet(): void
}

interface Tool {
  readonly offer: ToolOffer
  readonly execute: Execute
}

/** A call of a tab's tool, as the room document shows it. */
interface Call {
  readonly run: string
  readonly step: string
  readonly name: string
  readonly args: string
  readonly state: string
  readonly tab: string
  readonly number: number
}

interface Given {
  readonly id: string
  readonly name: string
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

export class Tools {
  private readonly tools = new Map<string, Tool>()
  private readonly held = new Map<string, Held>()
  /** Numbers under which a call is over for this page, whatever the document says yet. */
  private readonly over = new Map<string, number>()
  private facts: Facts = {}
  private given: Given[]
  private lent = false
  private asked = false

  /** `tab` is this tab's own name; `refused` is told why the server does not take the tools, if it does not. */
  constructor(
    private readonly room: string,
    private readonly tab: string,
    private readonly runs: () => Readonly<Record<string, Run>>,
    private readonly asker: Asker,
    private readonly refused: Cell<Refusal | null>
  ) {
    this.given = kept(this.memory, isGiven)
  }

  register(name: string, schema: ToolSchema, execute: Execute): () => void {
    const tool: Tool = { offer: { name, ...schema }, execute }
    this.tools.set(name, tool)
    this.lent = true
    this.changed()
    return () => {
      if (this.tools.get(name) !== tool) return
      this.tools.delete(name)
      this.changed()
    }
  }

  /** What a new socket says first: nothing, or which tools this tab has and what it carries out. */
  hello(): Body | null {
    if (!this.lent) return null
    const running = [...this.held.values()].map(({ step }) => step)
    return { do: 'register-tools', tab: this.tab, tools: [...this.tools.values()].map(({ offer }) => offer), running }
  }

  /** The tools are known to the server, or refused; what it knew of this tab beside them, it was told on an older socket. */
  greeted(refusal: Refusal | null): void {
    this.refused.set(refusal)
    this.look()
  }

  /** A new socket: facts of a tab go with the old one. */
  begun(): void {
    if (Object.keys(this.facts).length) void this.say(this.facts).catch(() => {})
  }

  /** Tell agents what they should know as long as this page is here. */
  provideContext(facts: Facts): Promise<Done> {
    const all = Object.entries({ ...this.facts, ...facts })
    this.facts = Object.fromEntries(all.filter(([, fact]) => fact !== null))
    return this.say(facts)
  }

  /** Look at the calls of the room's open runs: begin what is this tab's, break off what is not any more. */
  look(): void {
    if (!this.lent) return
    const calls = this.calls()
    for (const [key, held] of [...this.held]) {
      const call = calls.get(key)
      if (held.given || (call && this.isOurs(call) && call.number === held.number)) continue
      this.held.delete(key)
      held.abort.abort()
    }
    for (const key of [...this.over.keys()]) if (!calls.has(key)) this.over.delete(key)
    for (const [key, call] of calls) {
      const tool = this.tools.get(call.name)
      if (tool && call.state === 'assigned' && this.isOurs(call) && this.isNew(key, call)) void this.carry(key, call, tool)
    }
  }

  /** Break everything off. */
  close(): void {
    for (const held of this.held.values()) held.abort.abort()
    this.held.clear()
  }

  private get memory(): string {
    return `given.${this.room}.${this.tab}`
  }

  private async say(facts: Facts): Promise<Done> {
    return this.asker.send({ do: 'provide-context', facts, tab: this.tab })
  }

  /** Say the tools anew, once for all that are registered in one go; and give back what waited for its tool. */
  private changed(): void {
    if (this.asked) return
    this.asked = true
    queueMicrotask(() => {
      this.asked = false
      if (!this.lent) return
      const ready = this.given.filter(({ name, body }) => this.tools.has(name) && !this.held.has(keyOf(body)))
      for (const { body: { step, number }, body } of ready) {
        this.held.set(keyOf(body), { step, number, abort: new AbortController(), given: true })
      }
      this.asker.greet()
      for (const given of ready) this.give(given)
    })
  }

  private isOurs(call: Call): boolean {
    return call.tab === this.tab
  }

  private isNew(key: string, call: Call): boolean {
    return !this.held.has(key) && this.over.get(key) !== call.number
  }

  /** The calls of open runs that are a tab's. */
  private calls(): Map<string, Call> {
    const found = new Map<string, Call>()
    for (const [run, { status, parts }] of Object.entries(this.runs())) {
      if (status !== 'queued' && status !== 'running' && status !== 'waiting') continue
      for (const part of parts) {
        const call = callOf(run, part)
        if (call) found.set(keyOf(call), call)
      }
    }
    return found
  }

  private async carry(key: string, call: Call, tool: Tool): Promise<void> {
    const { run, step, number, name } = call
    const held: Held = { step, number, abort: new AbortController(), given: false }
    this.held.set(key, held)
    try {
      await this.asker.send({ do: 'claim-tool', run, step, number })
    } catch {
      return this.end(key, number)
    }
    // The answer may be that to the first claim, from before the call was taken away; the document is newer.
    const now = this.calls().get(key)
    if (!now || !this.isOurs(now) || now.number !== number) return this.end(key, number)
    if (held.abort.signal.aborted) return
    const outcome = await carriedOut(tool.execute, call.args, held.abort.signal)
    if (held.abort.signal.aborted) return
    held.given = true
    this.keepAndGive({ id: newId(), name, body: { do: 'return-tool-result', run, step, number, ...outcome } })
  }

  private keepAndGive(given: Given): void {
    this.given = [...this.given, given]
    keep(this.memory, this.given)
    this.give(given)
  }

  private give({ id, name, body }: Given): void {
    const done = (): void => {
      this.given = this.given.filter((other) => other.id !== id)
      keep(this.memory, this.given)
    }
    const finish = (): void => {
      done()
      this.end(keyOf(body), body.number)
      // Meanwhile the call may have come to this tab again.
      this.look()
    }
    this.asker.send(body, id).then(finish, (error: unknown) => {
      if (!(error instanceof Refused) || error.code === 'outcome-unknown') return
      if (error.code !== 'too-large' || !('result' in body)) return finish()
      const { result: _, ...rest } = body
      done()
      this.keepAndGive({ id: newId(), name, body: { ...rest, error: error.message } })
    })
  }

  /** Nothing more is to be done about the call under that number. */
  private end(key: string, number: number): void {
    this.over.set(key, number)
    if (this.held.get(key)?.number === number) this.held.delete(key)
  }
}

function keyOf({ run, step }: { readonly run: string; readonly step: string }): string {
  return `${run} ${step}`
}

function callOf(run: string, part: Part): Call | null {
  if (part.type !== 'tool' || !part.tab || (part.state !== 'assigned' && part.state !== 'running')) return null
  const { call = '', name, args = '', state, tab, number = 0 } = part
  return { run, step: call, name, args, state, tab, number }
}

async function carriedOut(execute: Execute, args: string, signal: AbortSignal): Promise<{ result: unknown } | { error: string }> {
  try {
    const asked: unknown = JSON.parse(args || '{}')
    return { result: (await execute(asked ?? {}, signal)) ?? null }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return { error: (said || 'The tool failed.').slice(0, LONGEST_ERROR) }
  }
}

function isGiven(one: any): one is Given {
  const { id, name, body } = one ?? {}
  return [id, name, body?.run, body?.step].every((text) => typeof text === 'string') && typeof body.number === 'number' && body.do === 'return-tool-result'
}
