/**
 * What the model was sent, message by message, and what is new in it since the request before.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import * as past from '../wire/past'
import { common, requestsBefore } from './compare'
import type { Deck } from './deck'

type Body = Record<string, unknown>

export function RequestThen({ deck }: { deck: Deck }): VNode {
  const at = useCell(deck.at)
  const run = deck.outline.at(at)?.run ?? 0
  const own = requestsBefore(deck.outline, at, run, 1)[0] ?? requestsBefore(deck.outline, at, 0, 1)[0]
  const [against, compare] = useState(true)
  const before = own ? requestsBefore(deck.outline, own - 1, 0, 1)[0] : undefined
  const now = useRequest(deck, own)
  const then = useRequest(deck, against ? before : undefined)
  if (!own) return <p class="note">No model had been asked by then, as far as the log is read here.</p>
  if (now.problem) return <p class="note" role="alert">{now.problem}</p>
  if (!now.body) return <p class="note">Reading the request of record {own}.</p>
  const messages = listOf(now.body.messages)
  const old = against && then.body ? listOf(then.body.messages).map((one) => JSON.stringify(one)) : null
  const same = old ? common(old, messages.map((one) => JSON.stringify(one))) : messages.length
  const other = Object.entries(now.body).filter(([key]) => key !== 'messages')
  return (
    <>
      <p class="by">
        sent with <button type="button" class="quiet link mono" onClick={() => deck.goTo(own)}>record {own}</button>
        {before !== undefined && <label class="against"><input type="checkbox" checked={against} onChange={() => compare(!against)} /> what is new since <button type="button" class="quiet link mono" onClick={() => deck.goTo(before)}>record {before}</button></label>}
      </p>
      {old && (
        <details class="same">
          <summary role="status">{same} of {messages.length} messages are as before{old.length > same ? `, ${old.length - same} went` : ''}</summary>
          <ol class="messages">{messages.slice(0, same).map((message, index) => <Message key={index} message={message} fresh={false} />)}</ol>
        </details>
      )}
      <ol class="messages">
        {messages.map((message, index) => (old && index < same ? null : <Message key={index} message={message} fresh={old !== null} />))}
      </ol>
      {other.length > 0 && (
        <dl class="said">
          {other.map(([key, value]) => <div key={key} class={old && then.body && JSON.stringify(then.body[key]) !== JSON.stringify(value) ? 'fresh' : ''}><dt>{key}</dt><dd><pre>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre></dd></div>)}
        </dl>
      )}
      <details><summary class="by">as it was sent, to the byte</summary><pre class="raw" tabIndex={0}>{JSON.stringify(now.body, null, 2)}</pre></details>
    </>
  )
}

function Message({ message, fresh }: { message: unknown; fresh: boolean }): VNode {
  const said = (typeof message === 'object' && message !== null ? message : { content: message }) as Body
  const { role, content, ...rest } = said
  return (
    <li class={fresh ? 'fresh' : ''}>
      <p class="role"><span class="mono">{String(role ?? 'message')}</span>{fresh && <span class="new">new</span>}</p>
      <pre>{typeof content === 'string' ? content : content === undefined || content === null ? '' : JSON.stringify(content, null, 2)}{Object.keys(rest).length > 0 ? (content ? '\n' : '') + JSON.stringify(rest, null, 2) : ''}</pre>
    </li>
  )
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function useRequest(deck: Deck, seq: number | undefined): { body: Body | null; problem: string } {
  const [read, setRead] = useState<{ seq: number; body: Body | null; problem: string }>({ seq: 0, body: null, problem: '' })
  useEffect(() => {
    if (seq === undefined) return
    let here = true
    past.request(deck.room.name, seq).then((body) => here && setRead({ seq, body, problem: '' }), (error: Error) => here && setRead({ seq, body: null, problem: error.message }))
    return () => void (here = false)
  }, [deck, seq])
  return read.seq === seq ? read : { body: null, problem: '' }
}
