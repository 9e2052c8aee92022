/**
 * When a page may have been cut off without a word: the network came back, or somebody looks at it again.
 */

/** Call `wake` then, until the answer is called. Where there is no window, never. */
export function onWake(wake: () => void): () => void {
  if (typeof window === 'undefined') return () => {}
  const shown = (): void => { if (document.visibilityState === 'visible') wake() }
  addEventListener('online', wake)
  addEventListener('pageshow', shown)
  document.addEventListener('visibilitychange', shown)
  return () => {
    removeEventListener('online', wake)
    removeEventListener('pageshow', shown)
    document.removeEventListener('visibilitychange', shown)
  }
}
