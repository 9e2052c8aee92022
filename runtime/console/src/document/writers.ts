/**
 * Who wrote each part of a shared text, as the log tells it: asked line by line, kept until the text changes.
 *
 * The log is behind what is typed here by a moment, so an answer counts only if it speaks of the very words that stand
 * here; until then it is asked again. Who rests on the same line twice, or while it is asked, makes one request.
 */

import { type Attribution, type Blamed, blame } from '../wire/api'

export interface Writing {
  /** The part that one record brought, in the text's own units. */
  readonly from: number
  readonly to: number
  readonly by: Attribution
  /** Who accepted it from a draft, and whose undo brought it back, if somebody did. */
  readonly accepted: Attribution | null
  readonly restored: Attribution | null
  /** The beginning of the prompt that an agent wrote it for, or empty. */
  readonly prompt: string
}

/** Why nobody can be named: the words are not in the log yet, or the server said something else. */
export interface Unknown {
  readonly problem: string
}

interface Line {
  readonly from: number
  readonly text: string
}

/** A longer line is asked for in pieces. */
const PIECE = 1000
const TRIES = 4
const TRY_AGAIN_MS = 300

export class Writers {
  private asked = new Map<number, Promise<Blamed | Unknown>>()

  constructor(private readonly room: string, private readonly document: string, private readonly root: string) {}

  /** The text changed: places in it mean something else now. */
  forget(): void {
    this.asked.clear()
  }

  /** Who wrote the character `at`, which stands in that line. */
  async of(line: Line, at: number): Promise<Writing | Unknown> {
    const skipped = Math.floor((at - line.from) / PIECE) * PIECE
    const from = line.from + skipped
    const known = this.asked.get(from) ?? this.ask({ from, text: line.text.slice(skipped, skipped + PIECE) })
    this.asked.set(from, known)
    const told = await known
    // An answer that names nobody is worth nothing the next time.
    if ('problem' in told) {
      if (this.asked.get(from) === known) this.asked.delete(from)
      return told
    }
    const span = told.spans.find(({ units: [start, end] }) => start <= at && at < end)
    const by = span && told.records[span.seq]
    if (!span || !by) return { problem: 'The log does not say who wrote this.' }
    return {
      from: span.units[0],
      to: span.units[1],
      by,
      accepted: told.records[span.accepted ?? 0] ?? null,
      restored: told.records[span.restored ?? 0] ?? null,
      prompt: told.prompts[by.prompt_seq ?? 0] ?? ''
    }
  }

  private async ask({ from, text }: Line): Promise<Blamed | Unknown> {
    for (let tried = 1; tried <= TRIES; tried++) {
      try {
        const told = await blame(this.room, { document: this.document, root: this.root, at: from, length: text.length })
        if (told.spans.map((span) => span.text ?? '').join('') === text) return told
      } catch (error) {
        return { problem: error instanceof Error ? error.message : String(error) }
      }
      await new Promise((settle) => setTimeout(settle, TRY_AGAIN_MS))
    }
    return { problem: 'These words are not on disk yet.' }
  }
}
