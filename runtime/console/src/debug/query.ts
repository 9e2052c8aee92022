/**
 * What somebody asks for, as they type it: a search, and what a fork shall have otherwise.
 */

import type { Sought } from '../wire/past'
import type { LogRecord } from '../wire/records'

/** What is asked for by words: `type:`, `by:`, `run:` and `in:` narrow, all else is looked for as it stands. */
export function read(words: string): Sought {
  const sought: Record<string, string> = {}
  const names: Readonly<Record<string, string>> = { type: 'type', by: 'author', run: 'run', in: 'document' }
  const text = words.replace(/(?:^|\s)(type|by|run|in):(\S+)/g, (_, name: string, value: string) => {
    sought[names[name]!] = name === 'type' ? value.toLowerCase() : value
    return ' '
  }).replace(/\s+/g, ' ').trim()
  return text ? { ...sought, text } : sought
}

/** What of a record a fork can have otherwise (specs/forks.md): what it is called, what it was, how a change is said. */
export interface Otherwise {
  readonly what: string
  readonly now: string
  readonly json?: boolean
  readonly choices?: readonly string[]
  /** Whether another model can be asked as well. */
  readonly model?: boolean
  readonly change: (text: string, model: string) => Record<string, unknown>
}

/** What of that record can be otherwise, or null. Changes raise SyntaxError where JSON is needed and is not there. */
export function otherwise(event: LogRecord['event']): Otherwise | null {
  const text = (key: string): string => String(event[key] ?? '')
  switch (event.type) {
    case 'run-requested':
      return { what: 'prompt', now: text('prompt'), model: true, change: (prompt, model) => ({ prompt, ...(model ? { options: { model } } : {}) }) }
    case 'tool-returned':
    case 'tool-failed':
      return { what: 'result', now: text('result') || '""', json: true, change: (result) => ({ result: JSON.parse(result) }) }
    case 'approval-granted':
    case 'approval-denied':
      return { what: 'decision', now: '', choices: event.type === 'approval-granted' ? ['denied', 'approved'] : ['approved', 'denied'], change: (decision) => ({ decision }) }
    case 'question-answered':
      return { what: 'answer', now: text('answer') || '""', json: true, change: (answer) => ({ answer: JSON.parse(answer) }) }
    default:
      return null
  }
}
