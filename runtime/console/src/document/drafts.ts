/**
 * The drafts of the room's documents, as the room's own document tells them: which wait, and what became of the others.
 */

import { useLayoutEffect, useState } from 'preact/hooks'

import type { Room, Shown } from '../wire/room'

export interface DraftLine {
  readonly name: string
  readonly of: string
  readonly title: string
  readonly author: string
  readonly run: string
  readonly status: 'open' | 'accepted' | 'rejected'
  readonly openedAt: string
  readonly decidedAt: string
}

/** The document that a draft of this name proposes changes of, or null if it is no draft's name: the room alone gives those. */
export function draftedOf(name: string): string | null {
  return /^(.+)~\d{12}$/.exec(name)?.[1] ?? null
}

/** All drafts that the room remembers, the one opened last first. */
export function useDrafts(room: Room): readonly DraftLine[] {
  const [lines, show] = useState(() => read(room))
  useLayoutEffect(() => {
    const changed = (): void => show(read(room))
    changed()
    room.drafts.observeDeep(changed)
    return () => room.drafts.unobserveDeep(changed)
  }, [room])
  return lines
}

function read(room: Room): DraftLine[] {
  return [...room.drafts.entries()]
    .map(([name, draft]) => line(name, draft))
    .sort((a, b) => b.name.slice(-12).localeCompare(a.name.slice(-12)))
}

function line(name: string, draft: Shown): DraftLine {
  const said = (key: string): string => String(draft.get(key) ?? '')
  const status = said('status')
  return {
    name,
    of: said('of'),
    title: said('title'),
    author: said('author'),
    run: said('run'),
    status: status === 'accepted' || status === 'rejected' ? status : 'open',
    openedAt: said('opened_at'),
    decidedAt: said('decided_at')
  }
}

/** What a draft is called: its title, or what it is while it has none. */
export function titled({ title, of }: DraftLine): string {
  return title.trim() || `changes of ${of}`
}

/** Who opened a draft: an agent by its name, in whose run it stands, or else a person. */
export function proposedBy(room: Room, { run, author }: DraftLine): string {
  const agent = run ? room.runs.get(run)?.get('agent') : undefined
  return agent ? String(agent) : author === 'anonymous' || !author ? 'someone' : author
}
