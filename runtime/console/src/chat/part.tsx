/**
 * One part of an answer, each kind watching only its own Yjs type.
 */

import type { VNode } from 'preact'
import * as Y from 'yjs'

import { Markdown } from '../markdown/render'
import { useCell } from '../page/cell'
import { useSegments, useShared } from '../page/shared'
import { deed } from '../wire/control'
import type { Room, Shown } from '../wire/room'
import { someone } from './call'
import { DataPart, FilePart, SourcePart, type Sources } from './shown'
import { ToolPart } from './tool'

/** How a part stands: it may still grow, it was cut when its run was stopped or failed, or it is whole. */
export type Standing = 'open' | 'cut' | 'whole'

interface PartHow {
  readonly room: Room
  readonly run: string
  readonly part: Shown
  readonly standing: Standing
  readonly sources: Sources
}

export function Part({ room, run, part, standing, sources }: PartHow): VNode | null {
  switch (part.get('type')) {
    case 'text':
      return <TextPart segments={part.get('text')} standing={standing} />
    case 'reasoning':
      return <ReasoningPart segments={part.get('text')} standing={standing} />
    case 'source':
      return <SourcePart part={part} sources={sources} />
    case 'file':
      return <FilePart part={part} />
    case 'data':
      return <DataPart part={part} />
    case 'tool':
    case 'retrieval':
      return <ToolPart room={room} run={run} part={part} sources={sources} />
    case 'steer':
      return <SteerPart room={room} run={run} part={part} />
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

/** What somebody said to the run at work, where it was said, and whether the model has read it. */
function SteerPart({ room, run, part }: { room: Room; run: string; part: Shown }): VNode {
  useShared(part)
  const mine = useCell(room.control.mine)
  const text = useSegments(part.get('text'))
  const who = mine.has(deed(run, text)) ? 'you' : someone(part.get('author'))
  return (
    <div class="part steer" data-part tabIndex={-1} role="group" aria-label={`Said by ${who} while it worked`}>
      <p class="said" dir="auto">{text}</p>
      <p class="heard"><span aria-hidden="true">{part.get('seen') ? '●' : '○'}</span> {who}, while it worked · {part.get('seen') ? 'read' : 'not read yet'}</p>
    </div>
  )
}
