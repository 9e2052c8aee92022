/**
 * That the room's runs wait for somebody to let them go on: who paused them, where and why, and the way on.
 */

import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type * as Y from 'yjs'

import { someone } from '../chat/call'
import { useOpenRuns } from '../chat/runs'
import { useLack } from '../wire/grant'
import type { Room } from '../wire/room'
import { go } from './place'
import { useShared } from './shared'

export function Paused({ room }: { room: Room }): VNode | null {
  useShared(room.about)
  const open = useOpenRuns(room)
  const lack = useLack('prompt')
  const [busy, setBusy] = useState(false)
  const [problem, complain] = useState('')
  const paused = room.about.get('paused') as Y.Map<unknown> | undefined
  const fork = room.about.get('fork') as Y.Map<unknown> | undefined
  if (!paused && !(fork?.get('going') === 'paused' && open > 0)) return null
  const at = Number(paused?.get('at') ?? 0)
  const reason = String(paused?.get('reason') ?? '')
  const resume = async (): Promise<void> => {
    setBusy(true)
    const answer = await room.control.send({ do: 'resume' })
    complain('refused' in answer && answer.refused.code !== 'already-decided' ? answer.refused.message : '')
    setBusy(false)
  }
  return (
    <div class="banner paused" role="status">
      <p>
        <strong>{paused ? 'Paused.' : 'The runs that this fork began with wait.'}</strong>{' '}
        {paused && <>{someone(paused.get('author'))} stopped the agents{at > 0 && <> at <button type="button" class="quiet link" onClick={() => go({ record: at, view: 'debug' })}>record {at}</button></>}{reason && <>: <span class="mono">{reason}</span></>}.</>}
        {problem && <span class="error-line" role="alert"> {problem}</span>}
      </p>
      <button type="button" disabled={busy || lack !== ''} title={lack} onClick={() => void resume()}>resume</button>
    </div>
  )
}
