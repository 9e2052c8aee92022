/**
 * What this tab asks of a room, and what it remembers of that: which prompts wait, what was refused, what it did itself.
 *
 * The client sees to it that each command happens once. What a tab asked is known to it by its id, also after a reload
 * (sessionStorage): it asks again under that id and so hears the answer that its predecessor did not hear.
 */

import { type Body, type Done, type Refusal, Refused, type Room } from 'plait-client'

import { Cell } from '../page/cell'
import { isText, keep, kept } from './kept'

export type { Refusal } from 'plait-client'

export type Answer = { readonly ok: Done } | { readonly refused: Refusal }

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
  | { readonly do: 'approve'; readonly args?: unknown; readonly shown?: string }
  | { readonly do: 'deny'; readonly reason?: string; readonly shown?: string }
  | { readonly do: 'answer'; readonly answer: unknown }
  | { readonly do: 'resolve'; readonly verdict: 'happened' | 'did-not-happen' | 'retry'; readonly result?: unknown }

export class Control {
  /** Prompts that are not on disk yet, oldest first. */
  readonly waiting = new Cell<readonly Waiting[]>([])
  /** The last refusal that a reader should see, with the text to be given back. */
  readonly refused = new Cell<(Refusal & Pick<Waiting, 'text' | 'attachments'>) | null>(null)
  /** What this tab did: the runs that it asked for, and its `deed`s. */
  readonly mine: Cell<ReadonlySet<string>>
  /** Called before a run is asked for. */
  beforeRun: () => void = () => {}
  private readonly room: string
  /** Ids of what this page itself asked: their refusals it hears as answers. */
  private readonly asked = new Set<string>()

  constructor(private readonly client: Pick<Room, 'name' | 'command' | 'refusedLater' | 'forget'>) {
    this.room = client.name
    this.mine = new Cell<ReadonlySet<string>>(new Set(kept('mine', this.room, isText)))
    client.refusedLater.subscribe(() => this.giveBack())
  }

  /** Ask again what this tab asked before it was reloaded. */
  begin(): void {
    for (const prompt of kept('waiting', this.room, isWaiting)) void this.ask(prompt)
    this.giveBack()
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

  /** Ask for anything, under an id of its own unless it is asked again. Whoever leaves the room hears no answer. */
  send(body: Body, id: string = crypto.randomUUID()): Promise<Answer> {
    return new Promise((settle) => {
      this.client.command(body, id).then((ok) => settle({ ok }), (error: unknown) => {
        if (!(error instanceof Refused) || error.code === 'outcome-unknown') return
        settle({ refused: { code: error.code, message: error.message } })
      })
    })
  }

  private ask(prompt: Waiting): Promise<Answer> {
    if (!prompt.run) this.beforeRun()
    this.asked.add(prompt.id)
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

  /** What was refused after the page that had asked was gone: whoever looks now has its words. */
  private giveBack(): void {
    for (const later of this.client.refusedLater.value) {
      const { id, body, refused } = later
      if (!this.asked.has(id) && typeof body.text === 'string') this.refused.set({ ...refused, text: body.text })
      this.client.forget(later)
    }
  }

  private did(what: string): void {
    this.mine.set(new Set([...this.mine.value, what]))
    this.store()
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
