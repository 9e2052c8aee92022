/**
 * One part of an answer: text, reasoning or a tool call, each watching only its own Yjs type.
 */

import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import * as Y from 'yjs'

import { Markdown } from '../markdown/render'
import { useSegments, useShared } from '../page/shared'
import type { Shown } from '../wire/room'

/** How a part stands: it may still grow, it was cut when its run was stopped or failed, or it is whole. */
export type Standing = 'open' | 'cut' | 'whole'

export function Part({ part, standing }: { part: Shown; standing: Standing }): VNode | null {
  switch (part.get('type')) {
    case 'text':
      return <TextPart segments={part.get('text')} standing={standing} />
    case 'reasoning':
      return <ReasoningPart segments={part.get('text')} standing={standing} />
    case 'tool':
      return <ToolPart part={part} />
    default:
      return <p class="note">A part of a kind that this page does not know: {String(part.get('type'))}.</p>
  }
}

function TextPart({ segments, standing }: { segments: Y.Array<Y.Text>; standing: Standing }): VNode {
  const text = useSegments(segments)
  return (
    <div class={`part text ${standing}`} data-part tabIndex={-1}>
      <Markdown source={text} whole={standing === 'whole'} />
    </div>
  )
}

/** Reasoning is folded to one line of constant height, so that opening and ending of it moves nothing. */
function ReasoningPart({ segments, standing }: { segments: Y.Array<Y.Text>; standing: Standing }): VNode {
  const open = standing === 'open'
  const text = useSegments(segments)
  const words = text.split(/\s+/).filter(Boolean).length
  return (
    <details class="part reasoning" data-part>
      <summary>
        <span class="label">{open ? 'thinking' : 'reasoning'}</span>
        <span class="count">{words} {words === 1 ? 'word' : 'words'}</span>
        {open && <span class="preview" aria-hidden="true">{text.slice(-160).replace(/\s+/g, ' ')}</span>}
      </summary>
      <div class="reasoned"><Markdown source={text} whole={standing === 'whole'} /></div>
    </details>
  )
}

/** State of a tool call -> its shape and its word. Status is never told by colour alone. */
const STATES: Record<string, readonly [string, string]> = {
  streaming: ['◌', 'writing arguments'],
  requested: ['○', 'asked for'],
  running: ['◐', 'running'],
  done: ['●', 'done'],
  failed: ['✕', 'failed'],
  unknown: ['?', 'outcome unknown'],
  cancelled: ['–', 'cancelled']
}

function ToolPart({ part }: { part: Shown }): VNode {
  useShared(part)
  const streamed = useSegments((part.get('input') as Y.Array<Y.Text> | undefined) ?? EMPTY)
  const [unfolded, unfold] = useState(false)
  const state = String(part.get('state') ?? 'requested')
  const [shape, word] = STATES[state] ?? ['·', state]
  const args = String(part.get('args') ?? streamed)
  const result = part.get('result') as string | undefined
  const error = part.get('error') as string | undefined
  return (
    <details class={`part tool ${state}`} data-part open={unfolded} onToggle={(e) => unfold(e.currentTarget.open)}>
      <summary>
        <span class="shape" aria-hidden="true">{shape}</span>
        <span class="tool-name">{String(part.get('name') ?? 'tool')}</span>
        <span class="preview">{inline(args)}{result !== undefined && <> → {inline(result)}</>}</span>
        <span class="state">{word}</span>
      </summary>
      {unfolded && (
        <dl class="call">
          <dt>arguments</dt>
          <dd><pre tabIndex={0}>{pretty(args) || '(none)'}</pre></dd>
          {result !== undefined && <><dt>result</dt><dd><pre tabIndex={0}>{pretty(result)}</pre></dd></>}
          <dt>call</dt>
          <dd class="mono">{String(part.get('id') ?? '')}</dd>
        </dl>
      )}
      {state === 'unknown' && (
        <p class="note">The server ended while this tool ran. Whether it acted is for a person to say; it is not run again.</p>
      )}
      {error !== undefined && <p class="error-line">{error}</p>}
    </details>
  )
}

const EMPTY: Y.Array<Y.Text> = new Y.Doc().getArray('none')

function inline(json: string): string {
  const line = json.replace(/\s+/g, ' ').trim()
  return line === '{}' ? '' : line.length > 90 ? line.slice(0, 89) + '…' : line
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return json
  }
}
