/**
 * What the keyboard can do, in one table: the single keys, the palette and the help page are all made from it.
 */

export interface Action {
  readonly name: string
  readonly key?: string
  readonly act: () => void
}

/** Whether a key press belongs to a field that is being typed into. */
export function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null
  return element?.closest('input, textarea, select, [contenteditable="true"]') != null
}

/** Move the focus to the next or the previous part of the conversation. */
export function stepPart(by: 1 | -1): void {
  const parts = [...document.querySelectorAll<HTMLElement>('[data-part]')]
  if (!parts.length) return
  const now = parts.findIndex((part) => part.contains(document.activeElement))
  const next = now < 0 ? (by > 0 ? 0 : parts.length - 1) : Math.max(0, Math.min(parts.length - 1, now + by))
  const part = parts[next]!
  const target = part instanceof HTMLDetailsElement ? part.querySelector<HTMLElement>('summary')! : part
  target.focus({ preventScroll: true })
  target.scrollIntoView({ block: 'nearest' })
}

/** Move the focus to what waits for a person, if it is in sight: its first field, or the form whose Enter says yes. */
export function toWaiting(): boolean {
  const form = document.querySelector<HTMLElement>('.dock[role="dialog"], form.asking')
  const target = form?.classList.contains('dock') ? form.querySelector('button') : form?.classList.contains('input') ? form.querySelector<HTMLElement>('input, textarea, select') : form
  target?.focus({ preventScroll: true })
  form?.scrollIntoView({ block: 'nearest' })
  return target != null && target === document.activeElement
}

/** Move the focus to where prompts are written. */
export function toComposer(): void {
  document.querySelector<HTMLElement>('.composer textarea')?.focus()
}

/** Act on a single key, if it is one and nothing is being typed. */
export function pressed(event: KeyboardEvent, actions: readonly Action[]): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return
  const action = actions.find(({ key }) => key === event.key)
  if (!action) return
  event.preventDefault()
  action.act()
}
