/**
 * Shared documents in components: open while one uses them, as a plain text or for any editor binding.
 */

import { useEffect, useMemo, useState } from 'react'
import type { Text, YTextEvent } from 'yjs'
import type { Watched } from '../cell'
import type { SharedDocument } from '../documents'
import { useConnected } from './provider'
import { useWatched } from './watch'

/** A shared document, open as long as the component is there; null on a server and until it is open. */
export function useSharedDocument(name = 'main'): SharedDocument | null {
  const room = useConnected()
  const [document, setDocument] = useState<SharedDocument | null>(null)
  useEffect(() => {
    if (!room) return
    const opened = room.document(name)
    setDocument(opened)
    return () => {
      setDocument(null)
      opened.close()
    }
  }, [room, name])
  return document
}

export interface SharedText {
  readonly text: string
  /** Write what the text should be; only what differs is sent, so that others' words and cursors stay. */
  readonly set: (text: string) => void
  /** Its document: status, whether it is saved, who is here. */
  readonly document: SharedDocument | null
}

/** A shared document's plain text, for a `<textarea>`; agents write the root `content`. */
export function useSharedText(name = 'main', root = 'content'): SharedText {
  const document = useSharedDocument(name)
  const shared = useMemo(() => document && document.doc.getText(root), [document, root])
  const watched = useMemo(() => shared && watchedText(shared), [shared])
  const text = useWatched(watched, '')
  return useMemo(
    () => ({ text, set: (next: string) => { if (shared) write(shared, next) }, document }),
    [text, shared, document]
  )
}

function watchedText(shared: Text): Watched<string> {
  let joined: string | undefined
  const forget = (): void => { joined = undefined }
  let listeners = 0
  return {
    get value(): string {
      // Unwatched, nobody tells when it has changed.
      if (listeners === 0) return shared.toString()
      return (joined ??= shared.toString())
    },
    subscribe(listener) {
      const heard = (_event: YTextEvent): void => { forget(); listener() }
      forget()
      listeners += 1
      shared.observe(heard)
      return () => {
        listeners -= 1
        shared.unobserve(heard)
      }
    }
  }
}

/** Make the text `next` by one deletion and one insertion between what both begin and end with. */
export function write(shared: Text, next: string): void {
  const now = shared.toString()
  const shorter = Math.min(now.length, next.length)
  let start = 0
  while (start < shorter && now[start] === next[start]) start += 1
  // Half of a pair is no character: Yjs would write a replacement for it.
  if (start > 0 && isHigh(now, start - 1)) start -= 1
  let end = 0
  while (end < shorter - start && now.at(-1 - end) === next.at(-1 - end)) end += 1
  if (end > 0 && isLow(now, now.length - end)) end -= 1
  shared.doc?.transact(() => {
    if (now.length > start + end) shared.delete(start, now.length - start - end)
    if (next.length > start + end) shared.insert(start, next.slice(start, next.length - end))
  })
}

function isHigh(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  return code >= 0xd800 && code < 0xdc00
}

function isLow(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  return code >= 0xdc00 && code < 0xe000
}
