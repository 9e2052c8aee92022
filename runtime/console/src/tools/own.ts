/**
 * The console's own tools, one of each effect: to look at the page, to ask who sits before it, to change it.
 *
 * Whatever an agent passes in is hostile: a colour is one of a fixed few, a question is short text and stays text.
 */

import { Cell } from '../page/cell'
import { accent, ACCENTS, lending, theme } from '../page/settings'
import type { Tool } from './lending'

/** A question to whoever sits before this very page. */
export interface PageQuestion {
  readonly id: string
  readonly text: string
  readonly answer: (colour: string | null) => void
}

/** What an agent did to this page, and how to undo it. */
export interface Notice {
  readonly text: string
  readonly undo: () => void
}

export const questions = new Cell<readonly PageQuestion[]>([])
export const notice = new Cell<Notice | null>(null)

const LONGEST_QUESTION = 300

const TOOLS: readonly Tool[] = [
  {
    name: 'page_title',
    description: 'Look at the page that the person has open: its title, its address, its theme and its size.',
    parameters: { type: 'object', properties: {} },
    effect: 'read',
    run: () => ({
      title: document.title,
      url: location.href,
      theme: theme.value,
      accent: accent.value,
      width: innerWidth,
      height: innerHeight
    })
  },
  {
    name: 'pick_colour',
    description: 'Ask the person before the page to pick the accent colour that the page then wears. Waits for them.',
    parameters: { type: 'object', properties: { question: { type: 'string', description: 'What to ask; short.' } } },
    effect: 'idempotent',
    run: (args, signal) => picked(String(args.question ?? '').slice(0, LONGEST_QUESTION), signal)
  },
  {
    name: 'set_accent',
    description: "Change the page's accent colour, for the person to see.",
    parameters: { type: 'object', properties: { colour: { enum: [...ACCENTS] } }, required: ['colour'] },
    effect: 'write',
    run: (args) => {
      const wanted = ACCENTS.find((known) => known === args.colour)
      if (!wanted) throw new Error(`The page knows these colours: ${ACCENTS.join(', ')}.`)
      const before = accent.value
      accent.set(wanted)
      notice.set({ text: `An agent gave this page another colour: ${wanted}.`, undo: () => accent.set(before) })
      return { colour: wanted, before }
    }
  }
]

/** The tools that this page lends; none, if its reader does not want that. */
export function ownTools(): readonly Tool[] {
  return lending.value === 'yes' ? TOOLS : []
}

function picked(text: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((settle, fail) => {
    const id = crypto.randomUUID()
    const close = (): void => questions.set(questions.value.filter((other) => other.id !== id))
    const answer = (colour: string | null): void => {
      close()
      const wanted = ACCENTS.find((known) => known === colour)
      if (!wanted) return fail(new Error('The person closed the question without picking a colour.'))
      accent.set(wanted)
      settle({ colour: wanted })
    }
    signal.addEventListener('abort', close)
    questions.set([...questions.value, { id, text: text || 'Which colour shall this page wear?', answer }])
  })
}
