/**
 * Where a call comes from: the prompt, the model's request and answer, and what then happened to it, as links to records.
 */

import type { VNode } from 'preact'
import { useState } from 'preact/hooks'

import { go } from '../page/place'
import * as past from '../wire/past'

export function Origin({ room, run, call }: { room: string; run: string; call: string }): VNode {
  const [found, find] = useState<past.CalledBy | null>(null)
  const [problem, complain] = useState('')
  const look = (): void => {
    complain('')
    past.calledBy(room, call, run).then(find, (error) => complain(error instanceof Error ? error.message : String(error)))
  }
  if (!found) return <><button type="button" class="quiet link" onClick={look}>where it comes from</button>{problem && <span class="error-line" role="alert"> {problem}</span>}</>
  const told = new Set([found.answer])
  return (
    <span class="origin">
      <Step seq={found.prompt} word={`prompt by ${found.author}`} />
      {found.request !== null && <> · <Step seq={found.request} word="request" /></>}
      {found.answer !== null && <> · <Step seq={found.answer} word="answer" /></>}
      {found.records.filter((one) => one.event !== 'arguments-streamed' && !told.has(one.seq)).map((one) => (
        <span key={one.seq}> · <Step seq={one.seq} word={one.event.replaceAll('-', ' ')} /></span>
      ))}
    </span>
  )
}

/** A record, and the way there. */
function Step({ seq, word }: { seq: number; word: string }): VNode {
  return <button type="button" class="quiet link" title={`To record ${seq}`} onClick={() => go({ record: seq, view: 'debug' })}>{word} <span class="mono">{seq}</span></button>
}
