/**
 * What this browser remembers of its reader: theme, name, colour, which panes are open.
 *
 * Kept in localStorage, and never needed: a browser that forbids it gets the defaults and forgets.
 */

import { Cell } from './cell'

export type Theme = 'system' | 'light' | 'dark'

export interface Person {
  readonly name: string
  readonly color: string
  readonly colorLight: string
}

/** Name of a tint, its colour for carets and initials (AA under white), and the same as a wash for selections. */
const TINTS: readonly [string, string, string][] = [
  ['Teal', '#0f766e', '#0f766e33'],
  ['Blue', '#2563eb', '#2563eb33'],
  ['Violet', '#7c3aed', '#7c3aed33'],
  ['Rose', '#be185d', '#be185d33'],
  ['Amber', '#a15c07', '#a15c0733'],
  ['Moss', '#4d7c0f', '#4d7c0f33'],
  ['Slate', '#475569', '#47556933'],
  ['Rust', '#b4420f', '#b4420f33']
]
const BIRDS = ['Heron', 'Finch', 'Wren', 'Plover', 'Swift', 'Lark', 'Tern', 'Robin', 'Crane', 'Owl']

function kept(key: string): string | null {
  try {
    return localStorage.getItem('plait.' + key)
  } catch {
    return null
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem('plait.' + key, value)
  } catch {
    // A private window: the setting lasts as long as the page.
  }
}

/** A cell whose value outlives the page. */
function keptCell<T extends string>(key: string, otherwise: T, allowed: readonly T[]): Cell<T> {
  const found = kept(key) as T | null
  const cell = new Cell<T>(found !== null && allowed.includes(found) ? found : otherwise)
  cell.watch(() => keep(key, cell.value))
  return cell
}

export const theme = keptCell<Theme>('theme', 'system', ['system', 'light', 'dark'])
export const roomsOpen = keptCell<'yes' | 'no'>('rooms', 'yes', ['yes', 'no'])
export const documentOpen = keptCell<'yes' | 'no'>('document', 'yes', ['yes', 'no'])
/** Whether agents may use this page's tools (tools/own). */
export const lending = keptCell<'yes' | 'no'>('lending', 'yes', ['yes', 'no'])

/** The colours that the page can wear, by the names in style/dock.css; the first one is its own. */
export const ACCENTS = ['teal', 'blue', 'violet', 'rose', 'rust', 'moss', 'slate'] as const
export type Accent = (typeof ACCENTS)[number]
export const accent = keptCell<Accent>('accent', 'teal', ACCENTS)

/** On a phone the timeline is a sheet that one asks for. */
export const timelineOpen = keptCell<'yes' | 'no'>('timeline', matchMedia('(max-width: 780px)').matches ? 'no' : 'yes', ['yes', 'no'])

/** Flip an open pane shut or a shut one open. */
export function toggle(pane: Cell<'yes' | 'no'>): void {
  pane.set(pane.value === 'yes' ? 'no' : 'yes')
}

/** The next theme in the round that the toggle makes. */
export function nextTheme(now: Theme): Theme {
  return now === 'system' ? 'light' : now === 'light' ? 'dark' : 'system'
}

function wear(): void {
  if (theme.value === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme.value
}
wear()
theme.watch(wear)

function colour(): void {
  if (accent.value === 'teal') delete document.documentElement.dataset.accent
  else document.documentElement.dataset.accent = accent.value
}
colour()
accent.watch(colour)

function newcomer(): Person {
  const [first, second] = crypto.getRandomValues(new Uint32Array(2))
  const [tint, color, colorLight] = TINTS[(first ?? 0) % TINTS.length] as [string, string, string]
  return { name: `${tint} ${BIRDS[(second ?? 0) % BIRDS.length]}`, color, colorLight }
}

function remembered(): Person | null {
  try {
    const found = JSON.parse(kept('person') ?? 'null')
    const known = TINTS.find(([, color]) => color === found?.color)
    if (!known || typeof found.name !== 'string' || !found.name) return null
    return { name: found.name.slice(0, 60), color: known[1], colorLight: known[2] }
  } catch {
    return null
  }
}

export const person = new Cell<Person>(remembered() ?? newcomer())
keep('person', JSON.stringify(person.value))
person.watch(() => keep('person', JSON.stringify(person.value)))

/** Call yourself otherwise; an empty name changes nothing. */
export function rename(name: string): void {
  const clean = name.trim().slice(0, 60)
  if (clean) person.set({ ...person.value, name: clean })
}
