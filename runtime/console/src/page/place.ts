/**
 * Where the reader is: room, shared document and record, whether at the record's moment, and whether in the debugger and
 * at which of its panels, as the URL says them.
 *
 * Every view is a link, so the URL is the only holder of these; the page is one file at `/`, so they stand in the
 * query. Defaults are left out, which keeps links short.
 */

import { Cell } from './cell'

export interface Place {
  readonly room: string
  readonly document: string
  readonly record: number | null
  /** Whether the reader looks at the room as it stood after that record. */
  readonly then: boolean
  readonly view: '' | 'debug'
  /** Which panel of the debugger stands beside the conversation; empty for its first. */
  readonly panel: string
}

export const FIRST_ROOM = 'lobby'
export const FIRST_DOCUMENT = 'main'

/** The place that a query names; a room that is not named is empty. */
export function read(query: string): Place {
  const asked = new URLSearchParams(query)
  const record = Number(asked.get('record'))
  return {
    room: asked.get('room') ?? '',
    document: asked.get('document') || FIRST_DOCUMENT,
    record: Number.isSafeInteger(record) && record > 0 ? record : null,
    then: asked.get('then') === '1',
    view: asked.get('view') === 'debug' ? 'debug' : '',
    panel: asked.get('panel') ?? ''
  }
}

/** The query that names a place. */
export function write(place: Place): string {
  const named = new URLSearchParams()
  if (place.room) named.set('room', place.room)
  if (place.document !== FIRST_DOCUMENT) named.set('document', place.document)
  if (place.record !== null) named.set('record', String(place.record))
  if (place.record !== null && place.then) named.set('then', '1')
  if (place.view) named.set('view', place.view)
  if (place.view && place.panel) named.set('panel', place.panel)
  return '?' + named.toString().replaceAll('%3A', ':').replaceAll('%40', '@').replaceAll('%2F', '/').replaceAll('%7E', '~')
}

export const place = new Cell<Place>(read(location.search))

/** Go there. Another room, document or view is a step in the browser's history; a record is not, or Back would step records. */
export function go(to: Partial<Place>, replace = false): void {
  const next = { ...place.value, ...to }
  const url = write(next)
  const moved = next.room !== place.value.room || next.document !== place.value.document || next.view !== place.value.view
  if (replace || !moved) history.replaceState(null, '', url)
  else history.pushState(null, '', url)
  place.set(next)
}

addEventListener('popstate', () => place.set(read(location.search)))

/** Why a room may not be called so, or null. The rule is the server's (INTERFACE, Names); it has the last word. */
export function roomNameProblem(name: string): string | null {
  if (name === 'rooms' || name === 'docs') return `“${name}” is taken by the server.`
  if (name.length > 200) return 'A name has at most 200 characters.'
  if (!/^[A-Za-z0-9][A-Za-z0-9._~:@-]*$/.test(name)) return 'Letters, digits and . _ ~ : @ - only, a letter or digit first.'
  return null
}

/** Why a document may not be called so, or null. */
export function documentNameProblem(name: string): string | null {
  if (name.length > 200) return 'A name has at most 200 characters.'
  if (name.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return 'No empty part, no “.” and no “..” between slashes.'
  }
  return null
}
