/**
 * Runs that left the document, as JSON from the log, turned into the Yjs types that the page shows.
 */

import * as Y from 'yjs'

import type * as api from '../wire/api'
import type { Shown } from '../wire/room'

/** A past run in a document of its own that nobody else sees. */
export function asShown(run: api.PastRun): { id: string; run: Shown } {
  const id = String(run.id ?? run.run ?? '')
  const doc = new Y.Doc()
  // A part is known by its item, so two tellings of one run have the same parts.
  doc.clientID = 1
  const map = doc.getMap(id) as Shown
  for (const [key, value] of Object.entries(run)) {
    if (key !== 'parts' && key !== 'attachments') map.set(key, value)
  }
  map.set('parts', Y.Array.from(((run.parts ?? []) as Record<string, unknown>[]).map(shownPart)))
  const files = (run.attachments ?? []) as Record<string, unknown>[]
  if (files.length) map.set('attachments', Y.Array.from(files.map((file) => new Y.Map(Object.entries(file)))))
  return { id, run: map }
}

function shownPart(part: Record<string, unknown>): Shown {
  const map = new Y.Map<any>()
  for (const [key, value] of Object.entries(part)) {
    map.set(key, key === 'text' || key === 'input' ? Y.Array.from([new Y.Text(String(value ?? ''))]) : value)
  }
  return map
}
