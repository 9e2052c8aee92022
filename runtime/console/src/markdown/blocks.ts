/**
 * Cuts streaming Markdown into blocks so that a token costs the length of the last block and not that of the answer.
 *
 * A block is settled when a blank line and the beginning of another block follow it: nothing that comes later can change
 * how it reads. Settled blocks are never looked at again; the unsettled tail is mended (see `mend`) and parsed anew. When
 * the text is complete it is parsed once as a whole, which is the truth (a link's address may be defined at the very end).
 */

import { Lexer, type Token } from 'marked'

import { mend } from './mend'

export interface Block {
  readonly raw: string
  readonly token: Token
}

export class Blocks {
  private settled: Block[] = []
  private length = 0
  private whole: { source: string; blocks: Block[] } | null = null

  /** The blocks of `source`, which is the text of the last call and more; `whole` if it ended where it was meant to. */
  read(source: string, whole: boolean): readonly Block[] {
    if (whole) {
      if (this.whole?.source !== source) this.whole = { source, blocks: shown(lex(source)) }
      return this.whole.blocks
    }
    if (source.length < this.length) {
      this.settled = []
      this.length = 0
    }
    const tail = source.slice(this.length)
    const tokens = lex(mend(tail))
    const count = settledCount(tokens)
    const raw = tokens.slice(0, count).map((token) => token.raw).join('')
    if (count > 0 && tail.startsWith(raw)) {
      this.settled = [...this.settled, ...shown(tokens.slice(0, count))]
      this.length += raw.length
      return [...this.settled, ...shown(tokens.slice(count))]
    }
    return [...this.settled, ...shown(tokens)]
  }
}

export type { Token }

/** The blocks of a complete text, as the parser sees them. */
export function lex(source: string): Token[] {
  return Lexer.lex(source, { gfm: true })
}

/** How many tokens from the start are settled: those before the last block that begins after a blank line. */
function settledCount(tokens: Token[]): number {
  for (let index = tokens.length - 1; index > 0; index--) {
    if (tokens[index]!.type === 'space') continue
    return /\n[ \t]*\n$/.test(tokens.slice(0, index).map((token) => token.raw).join('').slice(-200)) ? index : 0
  }
  return 0
}

function shown(tokens: Token[]): Block[] {
  return tokens.filter(({ type }) => type !== 'space' && type !== 'def').map((token) => ({ raw: token.raw, token }))
}
