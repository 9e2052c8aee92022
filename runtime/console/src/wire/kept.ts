/**
 * What a tab remembers over a reload, in sessionStorage: lists of small things, each under a name and a room.
 *
 * What comes back was written by an older page or by anybody with a debugger, so each entry is looked at before it is
 * believed. A browser that forbids storage remembers nothing, and nothing here depends on it.
 */

export function keep(what: string, room: string, list: readonly unknown[]): void {
  try {
    if (list.length) sessionStorage.setItem(`plait.${what}.${room}`, JSON.stringify(list))
    else sessionStorage.removeItem(`plait.${what}.${room}`)
  } catch {
    // Without storage it lasts as long as the page.
  }
}

export function kept<T>(what: string, room: string, fits: (one: any) => one is T): T[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(`plait.${what}.${room}`) ?? '[]')
    return Array.isArray(found) ? found.filter(fits) : []
  } catch {
    return []
  }
}

export function isText(one: unknown): one is string {
  return typeof one === 'string'
}
