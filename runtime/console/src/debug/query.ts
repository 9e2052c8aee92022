/**
 * A search as somebody types it.
 */

import type { Sought } from '../wire/past'

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
