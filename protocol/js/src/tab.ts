/**
 * What this tab remembers over a reload, and its own name: the same after a reload, another one in a copy of the tab.
 *
 * Both live in sessionStorage, which a browser copies when a tab is duplicated. So a name is held under a lock while its
 * page lives, and a page that finds its name held takes a new one. A browser without locks (plain HTTP beyond this
 * machine) believes its storage; one that forbids storage remembers nothing, and nothing here depends on it.
 */

import { newId } from './page'

const KEY = 'plait.tab'
/** A page that was just reloaded may have to wait until its predecessor is gone. */
const PATIENCE_MS = 700

let settled: Promise<string> | undefined

/** The name that this tab had, or a new one. */
export function tabName(): Promise<string> {
  settled ??= settle()
  return settled
}

async function settle(): Promise<string> {
  const fresh = newId()
  try {
    const had = sessionStorage.getItem(KEY)
    const name = had && await isOurs(had) ? had : fresh
    if (name === fresh) await isOurs(fresh)
    sessionStorage.setItem(KEY, name)
    return name
  } catch {
    return fresh
  }
}

/** Whether nobody else bears it; then it is held until the page ends. */
function isOurs(name: string): Promise<boolean> {
  if (typeof navigator === 'undefined' || !navigator.locks) return Promise.resolve(true)
  return new Promise((settle) => {
    const asked = navigator.locks.request(`${KEY}.${name}`, { signal: AbortSignal.timeout(PATIENCE_MS) }, () => {
      settle(true)
      return new Promise(() => {})
    })
    asked.catch(() => settle(false))
  })
}

/** Keep a list of small things under a name. */
export function keep(name: string, list: readonly unknown[]): void {
  try {
    if (list.length) sessionStorage.setItem(`plait.${name}`, JSON.stringify(list))
    else sessionStorage.removeItem(`plait.${name}`)
  } catch {
    // Without storage it lasts as long as the page.
  }
}

/** What was kept, as far as it looks as it should: an older page wrote it, or anybody with a debugger. */
export function kept<T>(name: string, fits: (one: any) => one is T): T[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(`plait.${name}`) ?? '[]')
    return Array.isArray(found) ? found.filter(fits) : []
  } catch {
    return []
  }
}
