/**
 * Who else is here, read from awareness: the states of strangers, so nothing in them is believed.
 *
 * A colour goes into a style and a name into the page, so a colour is a hexadecimal colour or it is grey, and a name is
 * short text. The editor's binding reads states too; it is given `SafeAwareness`, which shows it nothing else.
 */

import type { Awareness } from 'y-protocols/awareness'

export interface Present {
  readonly client: number
  readonly name: string
  readonly color: string
  readonly agent: boolean
  /** What an agent says that it does, or empty. */
  readonly status: string
  readonly me: boolean
}

const GREY = '#5f6368'
const STATUSES = new Set<unknown>(['thinking', 'working', 'waiting'])
const COLOR = /^#[0-9a-f]{6}([0-9a-f]{2})?$/i

function safeUser(user: any): { name: string; color: string; colorLight: string } {
  const color = COLOR.test(user?.color) ? String(user.color) : GREY
  const name = typeof user?.name === 'string' && user.name ? user.name.slice(0, 60) : 'someone'
  return { name, color, colorLight: COLOR.test(user?.colorLight) ? String(user.colorLight) : color.slice(0, 7) + '33' }
}

/** Everyone present, the reader first, then by name; one entry for each tab. */
export function present(awareness: Awareness): Present[] {
  const all: Present[] = []
  for (const [client, state] of awareness.getStates()) {
    if (!state.user) continue
    const { name, color } = safeUser(state.user)
    const agent = state.user.role === 'agent'
    const status = agent && STATUSES.has(state.status) ? String(state.status) : ''
    all.push({ client, name, color, agent, status, me: client === awareness.clientID })
  }
  return all.sort((a, b) => Number(b.me) - Number(a.me) || a.name.localeCompare(b.name) || a.client - b.client)
}

/** The same awareness with every stranger's `user` cleaned: what the editor's binding sees. */
export function safeAwareness(awareness: Awareness): Awareness {
  return new Proxy(awareness, {
    get(target, key) {
      if (key === 'getStates') {
        return () => {
          const states = new Map<number, any>()
          for (const [client, state] of target.getStates()) states.set(client, { ...state, user: safeUser(state.user) })
          return states
        }
      }
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}

/** The name of whoever sits before that tab, if the tab is here. */
export function ownerOf(awareness: Awareness, tab: string): string | null {
  for (const state of awareness.getStates().values()) {
    if (state.tab === tab && state.user) return safeUser(state.user).name
  }
  return null
}
