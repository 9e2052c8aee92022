/**
 * A chat with agents: answers as they stream, calls of tools, approvals with arguments to change, and two tools that
 * this page lends to the agent, and a note that everybody writes. Open it twice: both pages show the same, and a call of
 * the page's tools runs in one.
 */

import { StrictMode, useRef, useState, type FormEvent } from 'react'
import { createRoot } from 'react-dom/client'
import {
  Parts, RoomProvider, useApproval, usePart, usePresence, useRoom, useRun, useSharedText, useTool, type PartKey
} from 'plait-client/react'
import type { ToolPart } from 'plait-client'

/** Where plait listens; start.mjs says it. */
declare const SERVER: string

const place = new URLSearchParams(location.search)

function Chat() {
  const { room, status, runs, info, waiting } = useRoom()
  const here = usePresence()
  const [question, setQuestion] = useState<Question | null>(null)

  useTool('page_title', { description: 'What the page is called.', effect: 'read' }, () => document.title)
  useTool(
    'pick_colour',
    { description: 'Let the person choose a colour.', parameters: ASKS },
    ({ question }: { question: string }, signal) =>
      new Promise<string>((settle) => {
        signal.addEventListener('abort', () => setQuestion(null))
        setQuestion({ text: question, answer: (colour) => { setQuestion(null); settle(colour) } })
      })
  )

  return (
    <>
      <header>
        <h1>{info.title || 'Chat with tools'}</h1>
        <span role="status">{status.kind}</span>
        <span>{here.map(({ name }) => name).join(', ')}</span>
      </header>
      {runs.map((run) => <Answer key={run} run={run} />)}
      {waiting.map(({ id, body }) => body.do === 'prompt' && <p key={id} className="prompt">{String(body['text'])} …</p>)}
      <footer>
        <Note />
        {question && <Colours {...question} />}
        <Composer ask={(text) => room?.prompt(text)} />
      </footer>
    </>
  )
}

function Answer({ run }: { run: string }) {
  const { room } = useRoom()
  const head = useRun(run)
  if (!head) return null
  const open = head.status === 'running' || head.status === 'waiting' || head.status === 'queued'
  return (
    <article data-status={head.status}>
      <p className="prompt">{head.prompt}</p>
      <Parts run={run}>{showPart}</Parts>
      {head.error_message && <p role="alert">{head.error_message}</p>}
      {open && <button onClick={() => room?.stop(run)}>Stop</button>}
    </article>
  )
}

const showPart = (part: PartKey) => <Part part={part} />

function Part({ part }: { part: PartKey }) {
  const shown = usePart(part)
  switch (shown?.type) {
    case 'text': return <div className="text">{shown.text}</div>
    case 'reasoning': return <div className="text reasoning">{shown.text}</div>
    case 'tool': return <Call part={part} call={shown} />
    default: return null
  }
}

function Call({ part, call }: { part: PartKey; call: ToolPart }) {
  return (
    <section className="call">
      <strong>{call.name}</strong> {call.state}
      <pre>{call.args ?? call.input}</pre>
      {call.result && <pre>{call.result}</pre>}
      {call.error && <p>{call.error}</p>}
      <Approve part={part} />
    </section>
  )
}

function Approve({ part }: { part: PartKey }) {
  const approval = useApproval(part)
  const written = useRef<HTMLTextAreaElement>(null)
  if (!approval) return null
  const value = () => JSON.parse(written.current!.value)
  return (
    <form className="approval" onSubmit={(event) => event.preventDefault()}>
      <label>
        {approval.question || 'May this happen?'}
        <textarea ref={written} rows={6} defaultValue={JSON.stringify(approval.args ?? {}, null, 2)} />
      </label>
      {approval.asks === 'approval' ? (
        <span>
          <button disabled={approval.decided} onClick={() => approval.approve(value())}>Approve</button>{' '}
          <button disabled={approval.decided} onClick={() => approval.deny('Not now.')}>Deny</button>
        </span>
      ) : (
        <button disabled={approval.decided} onClick={() => approval.answer(value())}>Answer</button>
      )}
    </form>
  )
}

/** A text of the room, in a plain field: what others write stands there as they type. An editor would keep carets, too. */
function Note() {
  const { text, set, document } = useSharedText('note')
  return <textarea aria-label="A note for all" rows={2} value={text} disabled={!document} onChange={(event) => set(event.target.value)} placeholder="A note for all" />
}

function Composer({ ask }: { ask: (text: string) => Promise<unknown> | undefined }) {
  const [text, setText] = useState('')
  const [refused, setRefused] = useState('')
  const send = (event: FormEvent) => {
    event.preventDefault()
    ask(text)?.catch((error: Error) => setRefused(error.message))
    setText('')
    setRefused('')
  }
  return (
    <form onSubmit={send}>
      <input aria-label="Prompt" value={text} onChange={(event) => setText(event.target.value)} placeholder="Send a mail, pick a colour, …" />
      <button disabled={!text.trim()}>Send</button>
      {refused && <span role="alert">{refused}</span>}
    </form>
  )
}

interface Question {
  readonly text: string
  readonly answer: (colour: string) => void
}

const ASKS = { type: 'object', properties: { question: { type: 'string' } }, required: ['question'] }

function Colours({ text, answer }: Question) {
  const choose = (colour: string) => {
    document.documentElement.style.setProperty('--colour', colour)
    answer(colour)
  }
  return <p>{text} {['crimson', 'seagreen', 'royalblue'].map((colour) => <button key={colour} onClick={() => choose(colour)}>{colour}</button>)}</p>
}

createRoot(document.getElementById('chat')!).render(
  <StrictMode>
    <RoomProvider url={SERVER} room={place.get('room') ?? 'chat'} name={place.get('name') ?? 'Somebody'}>
      <Chat />
    </RoomProvider>
  </StrictMode>
)
