/**
 * A draft as its hunks, asked of the server again whenever the log says that something in it changed.
 *
 * The server compares from the log and beside the room (DF13), which costs as much as was written since the draft was
 * opened. So one question is on its way at a time, and a draft that an agent is writing in is asked about a few times a
 * second. What it answers is about record `seq`, and a decision says so.
 */

import { useEffect, useState } from 'preact/hooks'

import * as api from '../wire/api'
import type { LogRecord } from '../wire/records'
import type { Room } from '../wire/room'

const PAUSE_MS = 300

export interface Looked {
  /** Null until the first answer. */
  readonly shown: api.ShownDraft | null
  readonly problem: string
}

export function useLooked(room: Room, name: string): Looked & { readonly again: () => void } {
  const [looked, tell] = useState<Looked>({ shown: null, problem: '' })
  const [turn, again] = useState(0)
  useEffect(() => {
    let here = true
    let resting = false
    let wanted = false
    let head = room.records.head
    const look = async (): Promise<void> => {
      wanted = resting
      if (resting) return
      resting = true
      try {
        const shown = await api.draft(room.name, name)
        if (here) tell({ shown, problem: '' })
      } catch (error) {
        if (here) tell((was) => ({ ...was, problem: error instanceof Error ? error.message : String(error) }))
      }
      setTimeout(() => {
        resting = false
        if (here && wanted) void look()
      }, PAUSE_MS)
    }
    const stop = room.records.watch(() => {
      const news = room.records.list.slice(Math.max(0, head + 1 - room.records.first))
      head = room.records.head
      if (news.some((record) => concerns(record, name))) void look()
    })
    void look()
    return () => {
      here = false
      stop()
    }
  }, [room, name, turn])
  return { ...looked, again: () => again((n) => n + 1) }
}

/** Whether a record changes what differs between that draft and its document, or what was decided about it. */
function concerns({ document, event }: LogRecord, name: string): boolean {
  return document === name || event.draft === name
}
