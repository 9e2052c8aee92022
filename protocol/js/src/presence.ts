/**
 * Who is here, read from awareness: the states of strangers, so nothing in them is believed.
 *
 * They are cleaned at the door (`cleaned`, before they enter an awareness), because every editor's binding reads them
 * too: a colour goes into a style and a name into the page, so a colour is a hexadecimal one or grey, and a name is short
 * text.
 */

import type { Awareness } from 'y-protocols/awareness'

import { Cell } from './cell'
import type { Present, User } from './types'

const GREY = '#5f6368'
const COLOR = /^#[0-9a-f]{6}([0-9a-f]{2})?$/i
const STATUSES = new Set<unknown>(['thinking', 'working', 'waiting'])
const LONGEST_NAME = 60
const LONGEST_TAB = 100

/** A stranger's state with nothing in `user` that a page should not show; null, which says goodbye, stays null. */
export function cleaned(state: unknown): object | null {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return null
  const { user, ...rest } = state as { user?: any }
  return user ? { ...rest, user: { ...rolesOf(user), ...safe(user) } } : rest
}

function safe(user: any): { name: string; color: string; colorLight: string } {
  const color = COLOR.test(user?.color) ? String(user.color) : GREY
  const name = typeof user?.name === 'string' && user.name ? user.name.slice(0, LONGEST_NAME) : 'someone'
  return { name, color, colorLight: COLOR.test(user?.colorLight) ? String(user.colorLight) : color.slice(0, 7) + '33' }
}

function rolesOf(user: any): { role?: 'agent' } {
  return user?.role === 'agent' ? { role: 'agent' } : {}
}

/** Everyone present, this page first, then by name; one entry for each tab. */
export function presentIn(awareness: Awareness): Present[] {
  const all: Present[] = []
  for (const [client, state] of awareness.getStates()) {
    if (!state.user) continue
    const { name, color } = safe(state.user)
    const agent = state.user.role === 'agent'
    const status = agent && STATUSES.has(state.status) ? String(state.status) : ''
    const tab = typeof state.tab === 'string' ? state.tab.slice(0, LONGEST_TAB) : ''
    all.push({ client, name, color, agent, status, tab, me: client === awareness.clientID })
  }
  return all.sort((a, b) => Number(b.me) - Number(a.me) || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.client - b.client))
}

/** The people of a room, as its document's awareness tells them. */
export class Presence {
  readonly present = new Cell<readonly Present[]>([])

  constructor(private readonly awareness: Awareness) {
    awareness.on('change', () => this.look())
  }

  setUser(user: User): void {
    this.awareness.setLocalStateField('user', user)
  }

  /** Which tab this is, so that others can say whose a call is. */
  setTab(tab: string): void {
    this.awareness.setLocalStateField('tab', tab)
  }

  private look(): void {
    const seen = presentIn(this.awareness)
    if (JSON.stringify(seen) !== JSON.stringify(this.present.value)) this.present.set(seen)
  }
}
