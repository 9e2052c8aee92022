/**
 * The conversation as it stood after a record, drawn by what draws the present one.
 *
 * A past moment comes as JSON; it is turned into the Yjs types that the page shows, in documents that nobody else sees,
 * and only for the runs that differ from the moment before, so that a step draws what it changed. Of a long conversation
 * a moment brings the end; what is further up is asked for when somebody goes there, once, since a run that is over says
 * the same at every moment. Nothing here acts: the room that the components are given has no control, and says that it is
 * the past.
 */

import type { VNode } from 'preact'
import { memo } from 'preact/compat'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'

import { someone } from '../chat/call'
import { Facts } from '../chat/facts'
import { FileView, fileOf } from '../chat/files'
import { Near } from '../chat/near'
import { asShown } from '../chat/past'
import { Parts } from '../chat/run'
import { branchOf } from '../chat/tree'
import { Cell, useAgain } from '../page/cell'
import * as api from '../wire/api'
import type { Moment, RunThen } from '../wire/api'
import type { Room, Shown } from '../wire/room'

/** What a moment says of one run, in the shape that the page shows; made when somebody looks at it. */
interface Told {
  readonly then: RunThen
  /** Tells this telling from others of the same run: one that is over says the same at every moment. */
  readonly key: string
  shown?: Shown
}

/** A past room, as far as the parts of a conversation look at one. */
class PastRoom {
  readonly room: Room
  private readonly told = new Map<string, Told>()
  private readonly whole = new Map<string, RunThen>()

  constructor(readonly name: string) {
    const get = (id: string): Shown | undefined => { const told = this.told.get(id); return told && this.shown(id, told) }
    const runs = { observe: () => {}, unobserve: () => {}, get, has: (id: string) => this.told.has(id) }
    const stand = { name, past: true, tab: '', runs, control: { mine: new Cell(new Set()) }, line: { awareness: new Awareness(new Y.Doc()) } }
    this.room = stand as unknown as Room
  }

  /** Take in what a moment says. */
  take(moment: Moment): void {
    for (const [id, then] of Object.entries(moment.runs)) {
      const over = then.status === 'done' || then.status === 'failed' || then.status === 'stopped'
      const count = then.parts_left ?? then.parts.length
      const key = over ? `${id} ${String(then.ended_at)} ${count}` : JSON.stringify(then)
      if (over && then.parts_left === undefined) this.whole.set(key, then)
      if (this.told.get(id)?.key !== key || !this.has(id)) this.told.set(id, { then: this.whole.get(key) ?? then, key })
    }
  }

  /** The run as it was told last, and whether its parts are here. */
  run(id: string): Told {
    return this.told.get(id)!
  }

  has(id: string): boolean {
    return this.told.get(id)?.then.parts_left === undefined
  }

  shown(id: string, told: Told): Shown {
    return (told.shown ??= asShown({ ...told.then, id }).run)
  }
}

export function Then({ name, moment, run }: { name: string; moment: Moment; run: number }): VNode {
  const past = useMemo(() => new PastRoom(name), [name])
  useMemo(() => past.take(moment), [past, moment])
  const scroll = useRef<HTMLDivElement>(null)
  const turns = Object.entries(moment.runs).map(([id, one]) => ({ id, after: one.after, parent: one.parent }))
  const branch = branchOf(turns, moment.room?.branch as string | undefined).turns
  const active = String(run).padStart(12, '0')
  const shown = branch.includes(active) || !moment.runs[active] || moment.runs[active].parent ? branch : [...branch, active].sort()
  useFollowing(scroll, moment.seq, active)
  return (
    <div class="scroll" ref={scroll} tabIndex={0} role="region" aria-label={`The conversation after record ${moment.seq}`}>
      <div class="column">
        {shown.length === 0 && <p class="note">Nobody had asked for anything yet.</p>}
        {shown.map((id, nth) => (
          <div key={id} id={`then-${id}`}>
            <Near guess={RUN_TALL} first={nth >= shown.length - LATE || id === active} always={id === active}>
              {() => <RunThenView past={past} id={id} told={past.run(id)} waits={waitsOf(moment, id)} active={id === active} seq={past.has(id) ? 0 : moment.seq} />}
            </Near>
          </div>
        ))}
      </div>
    </div>
  )
}

/** How many runs are shown before it is known which ones are near, and how tall one probably is, in pixels. */
const LATE = 4
const RUN_TALL = 320

interface RunHow {
  readonly past: PastRoom
  readonly id: string
  readonly told: Told
  readonly waits: string
  readonly active: boolean
  /** The moment to ask for its parts, 0 if they are here. */
  readonly seq: number
}

const RunThenView = memo(function RunThenView({ past, id, told, waits, active, seq }: RunHow): VNode {
  const again = useAgain()
  useEffect(() => {
    if (!seq) return
    let here = true
    const later = setTimeout(() => {
      api.nearMoment(past.name, seq, '', id).then((moment) => {
        const run = moment.runs[id]
        if (!run) return
        past.take({ ...moment, runs: { [id]: run } })
        if (here) again()
      }, () => {})
    }, PASSING_MS)
    return () => {
      here = false
      clearTimeout(later)
    }
  }, [past, id, seq])
  const current = past.run(id).key === told.key ? past.run(id) : told
  const { then } = current
  const run = past.shown(id, current)
  const { status } = then
  const parts = run.get('parts') as Y.Array<Shown> | undefined
  const files = run.get('attachments') as Y.Array<Shown> | undefined
  const ended = status === 'done' ? 'whole' : status === 'failed' || status === 'stopped' ? 'cut' : 'open'
  return (
    <article class={`run ${status}${active ? ' active' : ''}`} aria-label={`Run ${Number(id)}, ${status}`}>
      <div class="turn asked">
        <div class="who">{someone(then.author)}</div>
        <div>
          {files && files.length > 0 && <div class="files">{files.map((file, index) => <FileView key={index} file={fileOf(file)} />)}</div>}
          <div class="prompt" data-part tabIndex={-1}>{then.prompt}</div>
        </div>
      </div>
      <div class="turn answered">
        <div class="who agent">{then.agent || 'agent'}</div>
        <div class="answer">
          {then.parts_left ? <p class="note">Reading its {then.parts_left.toLocaleString('en')} parts.</p> : parts && <Parts room={past.room} run={id} parts={parts} end={ended} late={active} />}
          {status === 'failed' && <div class="failure"><strong class="mono">{String(then.error_code ?? 'failed')}</strong><span>{String(then.error_message ?? '')}</span></div>}
          {waits && <p class="waits"><span aria-hidden="true">◆</span> {waits}</p>}
          <Facts id={id} run={run} status={status === 'waiting' ? 'waits' : status} />
        </div>
      </div>
    </article>
  )
})

/** Who only passes a moment asks for nothing of it. */
const PASSING_MS = 150

function waitsOf(moment: Moment, run: string): string {
  return moment.pending.filter((wait) => wait.run === run).map((wait) => `${wait.name || wait.step} waits for ${wait.waits_for}`).join('; ')
}

/** Keep the run that is stood in in sight: its end while the reader is there, its beginning when another one begins. */
function useFollowing(scroll: { current: HTMLDivElement | null }, seq: number, active: string): void {
  const last = useRef({ active: '', pinned: true, tall: 0 })
  useLayoutEffect(() => {
    const frame = scroll.current!
    const moved = (): void => {
      // What was drawn meanwhile moved the end away, and not the reader.
      if (frame.scrollHeight === last.current.tall) last.current.pinned = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 60
    }
    frame.addEventListener('scroll', moved, { passive: true })
    // What is drawn a moment later, because it was not near, makes it longer.
    const grown = new ResizeObserver(() => {
      if (last.current.pinned) frame.scrollTop = frame.scrollHeight
      last.current.tall = frame.scrollHeight
    })
    grown.observe(frame.firstElementChild!)
    return () => {
      grown.disconnect()
      frame.removeEventListener('scroll', moved)
    }
  }, [])
  useLayoutEffect(() => {
    const frame = scroll.current!
    const another = last.current.active !== active
    last.current.active = active
    const run = document.getElementById(`then-${active}`)
    if (run && run !== run.parentElement?.lastElementChild) {
      last.current.pinned = false
      if (another) run.scrollIntoView({ block: 'nearest' })
    } else if (another || last.current.pinned) {
      last.current.pinned = true
      frame.scrollTop = frame.scrollHeight
    }
  }, [seq, active])
}
