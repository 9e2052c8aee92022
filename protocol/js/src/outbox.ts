/**
 * Where commands wait until they are answered: in memory here, over reloads and for all tabs of an origin in stored.ts.
 *
 * A command is put here before it is sent and leaves when its answer has come, so what is here may have happened and
 * may not have. It is sent again under its own id, and the server answers a repeated id with the first answer.
 */

export interface Waiting {
  /** Minted by the asker, for life. */
  readonly id: string
  readonly room: string
  /** The command without its id: `do` and its fields. */
  readonly body: Readonly<Record<string, unknown>> & { readonly do: string }
  /** When it was asked, milliseconds since 1970; they are sent in this order, then by id. */
  readonly asked_at: number
}

export interface Outbox {
  /** Resolves once it is kept as well as this outbox keeps. Rejects if it cannot (full, too many): then it was not asked. */
  put(command: Waiting): Promise<void>
  remove(room: string, id: string): Promise<void>
  /** What waits for a room, in order, whichever tab asked it. */
  waiting(room: string): Promise<readonly Waiting[]>
  /** Called when what waits for the room changed, by any tab. */
  watch(room: string, heard: () => void): () => void
}
