/**
 * This tab's own name: the same after a reload, another one in a copy of the tab.
 *
 * It lives in sessionStorage, which a browser copies when a tab is duplicated. So a name is held under a lock while its
 * page lives, and a page that finds its name held takes a new one. A browser without locks (plain HTTP beyond this
 * machine) believes its storage; one that forbids storage remembers nothing, and nothing here depends on it.
 */

import { newId } from './ids'

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
