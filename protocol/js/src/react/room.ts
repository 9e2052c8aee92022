/**
 * A room and its runs, as far as they change seldom: no token of an answer makes what uses these render again.
 */

import { useMemo } from 'react'
import { branchOf } from '../branch'
import type { Watched } from '../cell'
import type { Waiting } from '../outbox'
import type { Room } from '../room'
import { ENTRIES, HEAD } from '../nodes'
import type { Status } from '../status'
import type { Present, RoomInfo, Run } from '../types'
import { useConnected } from './provider'
import { derived, unchanged, useWatched } from './watch'

const CONNECTING: Status = { kind: 'connecting' }
const NO_RUNS: readonly string[] = []
const NO_WAITING: readonly Waiting[] = []
const NOBODY: readonly Present[] = []
const NO_INFO: RoomInfo = {}

export interface UsedRoom {
  /** Prompts, approvals, documents: everything that a room can be asked. Null on a server and until it is connected. */
  readonly room: Room | null
  readonly status: Status
  /** Whether a whole document came: before that, no runs means that nobody knows. */
  readonly loaded: boolean
  /** Title, metadata and what was spent; where the conversation stands. */
  readonly info: RoomInfo
  /** The conversation: ids of the runs of its branch, oldest first. */
  readonly runs: readonly string[]
  /** What was asked and is not answered yet. */
  readonly waiting: readonly Waiting[]
}

/** The room of the nearest provider. */
export function useRoom(): UsedRoom {
  const room = useConnected()
  const info = useMemo(() => room && room.at<RoomInfo>(['room']), [room])
  const runs = useMemo(() => room && conversation(room), [room])
  const used: UsedRoom = {
    room,
    status: useWatched(room && room.status, CONNECTING),
    loaded: useWatched(room && room.loaded, false),
    info: useWatched(info, undefined) ?? NO_INFO,
    runs: useWatched(runs, NO_RUNS),
    waiting: useWatched(room && room.waiting, NO_WAITING)
  }
  return used
}

/** A run without its parts. */
export type RunHead = Omit<Run, 'parts'>

/** What is known of a run besides its parts (`useParts`); undefined if the room does not hold it now. */
export function useRun(run: string): RunHead | undefined {
  const room = useConnected()
  const head = useMemo(() => room && room.at<RunHead>(['runs', run, HEAD]), [room, run])
  return useWatched(head, undefined)
}

/** Who is here: people and agents, cleaned of what strangers may say of themselves. */
export function usePresence(): readonly Present[] {
  const room = useConnected()
  return useWatched(room && room.presence, NOBODY)
}

/** What a run goes on from never changes, so only runs that come or leave and another choice make another conversation. */
function conversation(room: Room): Watched<readonly string[]> {
  const [entries, branch] = [room.at<number>(['runs', ENTRIES]), room.at<string>(['room', 'branch'])]
  const both: Watched<string> = {
    get value() { return `${entries.value} ${branch.value ?? ''}` },
    subscribe(listener) {
      const stops = [entries.subscribe(listener), branch.subscribe(listener)]
      return () => { for (const stop of stops) stop() }
    }
  }
  return derived(both, (_both, before: readonly string[] | undefined) =>
    unchanged(branchOf(room.snapshot.value.runs, branch.value), before))
}
