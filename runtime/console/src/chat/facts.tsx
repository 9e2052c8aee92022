/**
 * The line under a run: how it stands, when it was, what it took.
 */

import type { ComponentChildren, VNode } from 'preact'
import * as Y from 'yjs'

import { go } from '../page/place'
import { useShared } from '../page/shared'
import { isOpen, type Shown, waitsForPerson } from '../wire/room'
import { clock, duration, when } from './time'

/** Status of a run -> what the line under it says; a run that is done needs no word. */
const STATUS: Record<string, string> = {
  queued: 'queued: it starts when the run before it ends',
  running: 'working',
  stopped: '■ stopped',
  failed: '✕ failed'
}

export function Facts({ id, run, status, children }: { id: string; run: Shown; status: string; children?: ComponentChildren }): VNode {
  const asked = String(run.get('requested_at') ?? '')
  const ended = run.get('ended_at') as string | undefined
  const deadline = run.get('deadline') as string | undefined
  const facts = [
    clock(asked),
    ended ? duration(asked, ended) : null,
    deadline && isOpen(status) ? `until ${when(deadline)} at most` : null,
    run.get('model') as string | undefined,
    tokens(run),
    money(run.get('cost'))
  ]
  return (
    <footer class="facts" aria-label="About this run">
      {status === 'waiting'
        ? <WaitsFor run={run} />
        : status !== 'done' && <span class="word">{isOpen(status) && <span class="beat" aria-hidden="true" />}{STATUS[status] ?? status}</span>}
      {facts.filter(Boolean).map((fact, index) => <span key={index}>{fact}</span>)}
      <button type="button" class="quiet mono" title="Show the record that began this run" onClick={() => go({ record: Number(id) })}>
        #{Number(id)}
      </button>
      {children}
    </footer>
  )
}

/** What a waiting run waits for: a time, a page that has a tool, or somebody. */
function WaitsFor({ run }: { run: Shown }): VNode {
  useShared(run.get('parts') as Y.Array<Shown>)
  const wakes = run.get('wakes_at') as string | undefined
  if (wakes) return <span class="word sleeps" title={wakes}><span class="shape" aria-hidden="true">☾ </span>sleeps until {when(wakes)}</span>
  return <span class="word"><span class="shape" aria-hidden="true">◆ </span>{waitsForPerson(run) ? 'waits for you' : 'waits for a page that has its tool'}</span>
}

/** Tokens as a run or a room tells them, or null where it does not. */
export function tokens(shown: Shown): string | null {
  const [input, output] = ['input_tokens', 'output_tokens'].map((key) => Number(shown.get(key) ?? 0))
  return input || output ? `${input!.toLocaleString('en')} in, ${output!.toLocaleString('en')} out` : null
}

/** Millionths of the agent's currency, which only whoever set its prices knows by name. */
export function money(cost: unknown): string | null {
  if (typeof cost !== 'number' || cost <= 0) return null
  const amount = cost / 1_000_000
  return `cost ${amount.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: amount < 0.1 ? 4 : 2 })}`
}
