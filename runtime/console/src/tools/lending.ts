/**
 * When this page lends its tools to a room's agents; how a call is carried out once is the client's to see to.
 *
 * Looking at a room writes nothing into its log: tools are lent by whoever asks for a run, or whom a run waits for, if
 * the reader of the page allows it, and from then on, after a reload too.
 */

import type { Execute, Room, ToolSchema } from 'plait-client'

import { keep, kept } from '../wire/kept'

export interface Tool extends Required<Pick<ToolSchema, 'description' | 'parameters' | 'effect'>> {
  readonly name: string
  /** Carry a call out; what it throws is the error that the model is told. */
  readonly run: Execute
}

export class Lending {
  private lent: boolean
  private withdraw: (() => void)[] = []

  constructor(
    private readonly room: Pick<Room, 'name' | 'registerTool'>,
    private readonly tools: () => readonly Tool[]
  ) {
    this.lent = kept('lent', room.name, (one): one is true => one === true).length > 0
    this.changed()
  }

  /** Lend the tools to this room, from now on and after a reload. */
  lend(): void {
    if (this.lent || this.tools().length === 0) return
    this.lent = true
    keep('lent', this.room.name, [true])
    this.changed()
  }

  /** Tell the room anew which tools there are, if it was told before. */
  changed(): void {
    if (!this.lent) return
    for (const withdraw of this.withdraw) withdraw()
    this.withdraw = this.tools().map(({ name, run, ...schema }) => this.room.registerTool(name, { ...schema, lasting: true }, run))
  }

  /** A run waits for a tab that has a tool of that name. */
  awaited(name: string): void {
    if (this.tools().some((tool) => tool.name === name)) this.lend()
  }
}
