/**
 * What agents and a page do for each other: a page lends tools, and a person decides about calls.
 */

import { useEffect, useMemo, useRef } from 'react'
import type { Waiting } from '../outbox'
import type { Done, Execute, Part, ToolSchema } from '../types'
import { usePart, type PartKey } from './parts'
import { useConnected } from './provider'
import { useWatched } from './watch'

/**
 * Lend a tool to the room's agents for as long as the component is there. `schema` and `execute` may be written in
 * place: a call runs the newest `execute`, and the tool is registered anew only if what `schema` says has changed.
 */
export function useTool<Arguments = any>(name: string, schema: ToolSchema, execute: Execute<Arguments>): void {
  const room = useConnected()
  const latest = useRef(execute)
  useEffect(() => { latest.current = execute })
  const written = JSON.stringify(schema)
  useEffect(
    () => room?.registerTool<Arguments>(name, JSON.parse(written) as ToolSchema, (args, signal) => latest.current(args, signal)),
    [room, name, written]
  )
}

/** A call that waits for a person. */
export interface Approval {
  readonly asks: 'approval' | 'input'
  /** The tool's name. */
  readonly name: string
  /** The model's arguments. */
  readonly args: unknown
  /** Why approval is asked for, or what is asked. */
  readonly question: string
  /** JSON Schema of the arguments, or of the answer, if the agent gave one. */
  readonly schema: unknown
  /** RFC 3339: when nobody's answer becomes a no. */
  readonly expires_at?: string
  /** This page or another of this browser has decided, and the server has not heard of it yet. */
  readonly decided: boolean
  /** Yes; with `args` in place of the model's arguments. */
  approve(args?: Readonly<Record<string, unknown>>): Promise<Done>
  deny(reason?: string): Promise<Done>
  /** The answer, where input is asked for. */
  answer(value: unknown): Promise<Done>
}

const NO_WAITING: readonly Waiting[] = []

/** What a part asks a person now; null if it asks nothing. */
export function useApproval(key: PartKey): Approval | null {
  const room = useConnected()
  const part = usePart(key)
  const asking = part && isAsking(part) ? part : undefined
  const waiting = useWatched(asking && room ? room.waiting : null, NO_WAITING)
  const decided = waiting.some(({ body }) => DECIDE.has(body.do) && body['run'] === key.run && body['step'] === asking?.call)
  return useMemo(() => {
    if (!room || !asking) return null
    const call = { run: key.run, step: asking.call }
    const seen = asking.digest ? { ...call, shown: asking.digest } : call
    return {
      asks: asking.asks,
      name: asking.name,
      args: parsed(asking.args),
      question: asking.question ?? asking.reason ?? '',
      schema: parsed(asking.schema),
      ...(asking.expires_at ? { expires_at: asking.expires_at } : {}),
      decided,
      approve: (args) => room.approve(seen, args),
      deny: (reason) => room.deny(seen, reason),
      answer: (value) => room.answer(call, value)
    }
  }, [room, key.run, asking, decided])
}

const DECIDE: ReadonlySet<string> = new Set(['approve', 'deny', 'answer'])

type Asking = Extract<Part, { state: string }> & { readonly asks: 'approval' | 'input'; readonly call: string }

function isAsking(part: Part): part is Asking {
  return 'state' in part && part.state === 'asking' && part.asks !== undefined && part.call !== undefined
}

/** JSON text as a value; undefined where there is none. The server wrote it, but an old log may hold anything. */
function parsed(text: string | undefined): unknown {
  try {
    return text ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}
