/**
 * What an undo does or did, from the server's answer, as numbers and places that a page can tell.
 */

import { isObject } from './fields'

export interface Plan {
  readonly edits: number
  readonly documents: readonly string[]
  /** Places that stay as they are, as their document, their path and the record that changed them since. */
  readonly kept: readonly { readonly where: string; readonly by: number }[]
}

const PLACE_SHOWN = 60

/** What the server says an undo does, as this page tells it; what it does not understand is left out. */
export function planOf(result: unknown): Plan {
  const told = isObject(result) && isObject(result.documents) ? Object.entries(result.documents) : []
  const documents = told.filter((entry): entry is [string, Record<string, unknown>] => isObject(entry[1]))
  return {
    edits: documents.reduce((sum, [, { records }]) => sum + (Array.isArray(records) ? records.length : 0), 0),
    documents: documents.map(([name]) => name),
    kept: documents.flatMap(([name, { kept }]) => (Array.isArray(kept) ? kept : []).filter(isObject).map((place) => ({ where: placed(name, place), by: Number(place.by) })))
  }
}

function placed(document: string, { path, key }: Record<string, unknown>): string {
  const steps = [...(Array.isArray(path) ? path : []), ...(key === null || key === undefined ? [] : [key])]
  const where = `${document}: ${steps.map(String).join(' › ')}`
  return where.length > PLACE_SHOWN ? where.slice(0, PLACE_SHOWN - 1) + '…' : where
}
