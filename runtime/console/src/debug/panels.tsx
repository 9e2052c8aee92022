/**
 * What stands beside the past conversation: shared documents, the record itself, what was waited for, runs, budget, what a
 * restart would have done, what the model was sent, what the record changed.
 *
 * A panel whose request the server does not know is not offered.
 */

import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go, place } from '../page/place'
import type { Moment } from '../wire/api'
import * as past from '../wire/past'
import { Beside } from './beside'
import { Changed, Seen } from './changed'
import type { Deck } from './deck'
import { DocumentThen } from './documents'
import { RecordThen } from './record'
import { RequestThen } from './request'
import { Restart, RunTree, Spent, Waits } from './states'

interface PanelHow {
  readonly deck: Deck
  readonly moment: Moment
  readonly lineage: past.Lineage | null
}

interface Panel {
  readonly name: string
  readonly title: string
  readonly view: (how: PanelHow) => VNode
  /** How many things are in it, told beside its name. */
  readonly count?: (moment: Moment) => number
  /** Whether the server tells it; asked once a room. */
  readonly there?: (room: string) => Promise<boolean>
  /** Whether it says anything of such a room. */
  readonly of?: (lineage: past.Lineage | null) => boolean
}

const PANELS: readonly Panel[] = [
  { name: 'documents', title: 'Shared documents as they stood', view: DocumentThen, count: ({ documents }) => documents.length },
  { name: 'record', title: 'The record itself', view: RecordThen },
  { name: 'effects', title: 'What the record changed, and what of it still stands', view: Changed, there: known((room) => past.effects(room, 1)) },
  { name: 'waits', title: 'What was waited for', view: Waits, count: ({ pending }) => pending.length },
  { name: 'runs', title: 'Runs, and which asked which', view: RunTree, count: ({ runs }) => Object.keys(runs).length },
  { name: 'spent', title: 'What had been spent by then', view: Spent },
  { name: 'crash', title: 'What a restart would have done, had the server died here', view: Restart, count: ({ recovery }) => recovery?.length ?? 0 },
  { name: 'model', title: 'What the model was sent', view: RequestThen },
  { name: 'forks', title: 'Beside the room that it comes from, or that comes from it', view: Beside, of: (lineage) => Boolean(lineage && (lineage.of || lineage.forks.length)) },
  { name: 'tabs', title: 'What each tab had been shown', view: Seen, there: known((room) => past.view(room, 1)) }
]

/** Whether that request is one that the server knows. */
function known(ask: (room: string) => Promise<unknown>): (room: string) => Promise<boolean> {
  return (room) => ask(room).then(() => true, (error) => !past.missing(error))
}

export function Panels({ deck, moment, lineage }: PanelHow): VNode {
  const { panel: named } = useCell(place)
  const tabs = useRef<HTMLDivElement>(null)
  const offered = useOffered(deck.room.name).filter((one) => one.of?.(lineage) ?? true)
  const shown = offered.find(({ name }) => name === named) ?? offered[0]!
  const choose = (by: number): void => {
    const next = offered[(offered.indexOf(shown) + by + offered.length) % offered.length]!
    go({ panel: next.name }, true)
    tabs.current?.querySelector<HTMLElement>(`[data-name="${next.name}"]`)?.focus()
  }
  return (
    <section class="panels" aria-label="At that moment">
      <div class="panel-tabs" role="tablist" aria-label="At that moment" ref={tabs}>
        {offered.map((one) => {
          const count = one.count?.(moment) ?? 0
          return (
            <button
              key={one.name}
              type="button"
              role="tab"
              data-name={one.name}
              title={one.title}
              aria-selected={one === shown}
              tabIndex={one === shown ? 0 : -1}
              onClick={() => go({ panel: one.name }, true)}
              onKeyDown={(event) => {
                // Arrows step records everywhere else.
                if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
                event.preventDefault()
                event.stopPropagation()
                choose(event.key === 'ArrowLeft' ? -1 : 1)
              }}
            >
              {one.name}{count > 0 && <span class="count">{count}</span>}
            </button>
          )
        })}
      </div>
      <div class="panel" role="tabpanel" tabIndex={0} aria-label={shown.title}>
        <p class="what">{shown.title}</p>
        <shown.view key={shown.name} deck={deck} moment={moment} lineage={lineage} />
      </div>
    </section>
  )
}

function useOffered(room: string): readonly Panel[] {
  const [absent, lack] = useState<ReadonlySet<string>>(() => new Set(PANELS.filter(({ there }) => there).map(({ name }) => name)))
  useEffect(() => {
    let here = true
    for (const { name, there } of PANELS) {
      void there?.(room).then((found) => {
        if (here && found) lack((now) => new Set([...now].filter((one) => one !== name)))
      })
    }
    return () => void (here = false)
  }, [room])
  return PANELS.filter(({ name }) => !absent.has(name))
}
