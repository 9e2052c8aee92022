/**
 * What this tab remembers over a reload, in its sessionStorage; nothing, where a browser forbids that.
 */

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
