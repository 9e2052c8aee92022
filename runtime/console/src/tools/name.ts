/**
 * This tab's own name: the same after a reload, another one in a copy of the tab.
 *
 * It lives in sessionStorage, which a browser copies when a tab is duplicated. So a name is held under a lock while its
 * page lives, and a page that finds its name held takes a new one. A browser without locks (plain HTTP beyond this
 * machine) believes its storage.
 */

const KEY = 'plait.tab'
/** A page that was just reloaded may have to wait until its predecessor is gone. */
const PATIENCE_MS = 700

let name: string = crypto.randomUUID()

export function tabName(): string {
  return name
}

/** Find the name that this tab had, or settle for a new one. */
export async function settleName(): Promise<void> {
  try {
    const had = sessionStorage.getItem(KEY)
    if (had && await isOurs(had)) name = had
    else await isOurs(name)
    sessionStorage.setItem(KEY, name)
  } catch {
    // Without storage a tab is a new one after each reload.
  }
}

/** Whether nobody else bears it; then it is held until the page ends. */
function isOurs(name: string): Promise<boolean> {
  if (!navigator.locks) return Promise.resolve(true)
  return new Promise((settle) => {
    const asked = navigator.locks.request(`plait.tab.${name}`, { signal: AbortSignal.timeout(PATIENCE_MS) }, () => {
      settle(true)
      return new Promise(() => {})
    })
    asked.catch(() => settle(false))
  })
}
