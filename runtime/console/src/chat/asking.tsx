/**
 * A call that waits for a person: for a yes, for an answer, or for a word on what became of it.
 *
 * Nothing here takes the focus by itself: a form that did would turn somebody's half sentence into a yes. While somebody
 * types in it, it stays where it is even if another person was first, only locked, so that no keystroke goes elsewhere.
 */

import type { ComponentChildren, VNode } from 'preact'
import { useState } from 'preact/hooks'

import { isTyping, toComposer } from '../keys/actions'
import type { Decision, Refusal } from '../wire/control'
import { useLack } from '../wire/grant'
import type { Shown } from '../wire/room'
import { FieldRow } from './field'
import { answerForm, argumentsForm, collect, type Form, isObject, type Raw, resultOf } from './fields'
import { when } from './time'

export type Kind = 'approval' | 'input' | 'verdict'

export interface Asked {
  readonly part: Shown
  readonly kind: Kind
  /** Who was first, once somebody else was; the form is locked then. */
  readonly first: string | null
  readonly busy: boolean
  readonly refusal: Refusal | null
  readonly decide: (decision: Decision) => void
}

const TITLES: Record<Kind, readonly [string, string]> = {
  approval: ['◆', 'waits for your yes'],
  input: ['◆', 'waits for your answer'],
  verdict: ['?', 'outcome unknown']
}

/** The same for whoever may only look on. */
const OTHERS: Record<Kind, string> = { approval: 'waits for a yes', input: 'waits for an answer', verdict: 'outcome unknown' }

export function Asking(asked: Asked): VNode {
  switch (asked.kind) {
    case 'approval':
      return <Approval {...asked} />
    case 'input':
      return <Question {...asked} />
    case 'verdict':
      return <Verdict {...asked} />
  }
}

function Approval({ part, decide, ...how }: Asked): VNode {
  const [form] = useState(() => argumentsForm(String(part.get('args') ?? '{}') || '{}'))
  // Kept beside the form: a yes is for the arguments that this form shows.
  const [seen] = useState(() => (part.get('digest') ? { shown: String(part.get('digest')) } : {}))
  const filled = useFilled(form)
  const [problem, complain] = useState('')
  const lack = useLack('decide')
  const [denying, deny] = useState(false)
  const [reason, setReason] = useState('')
  const why = String(part.get('reason') ?? '')
  const approve = (): void => {
    if (!filled.edited) return decide({ do: 'approve', ...seen })
    const args = filled.read()
    if (args === undefined) return
    if (isObject(args)) decide({ do: 'approve', args, ...seen })
    else complain('Arguments are one JSON object.')
  }
  const reasonField = (
    <input class="reason" type="text" dir="auto" aria-label="Why not? The model is told (optional)" placeholder="Why not? The model is told (optional)" maxLength={2000} autocomplete="off" readOnly={how.first !== null} value={reason} onInput={(event) => setReason(event.currentTarget.value)} ref={met} />
  )
  const submit = (): void => (denying ? decide({ do: 'deny', ...(reason.trim() ? { reason: reason.trim() } : {}), ...seen }) : approve())
  return (
    <Card part={part} {...how} kind="approval" submit={submit}>
      {why && <p class="why" dir="auto">{why}</p>}
      {form.entries && form.fields.length === 0
        ? <p class="note">It is called without arguments.</p>
        : <Fields form={form} filled={filled} locked={how.first !== null || lack !== '' || denying || !form.editable} exact />}
      {!form.editable && <p class="note">These arguments can be approved as they stand, but not changed here without changing more.</p>}
      {problem && <p class="error-line" role="alert">{problem}</p>}
      {/* Two keys: patched in place, the button that opens the no would become the one that sends it, under the same click. */}
      {denying
        ? (
          <Foot key="no" {...how} field={reasonField}>
            <button type="submit" class="chosen no">deny <kbd aria-hidden="true">⏎</kbd></button>
            <button type="button" class="quiet" onClick={() => deny(false)}>back</button>
          </Foot>
        )
        : (
          <Foot key="yes" {...how}>
            <button type="submit" class="chosen">{filled.edited ? 'approve as changed' : 'approve'} <kbd aria-hidden="true">⏎</kbd></button>
            <button type="button" class="other" onClick={() => deny(true)}>deny …</button>
            {filled.edited && <button type="button" class="quiet" onClick={filled.reset}>undo changes</button>}
          </Foot>
        )}
    </Card>
  )
}

/** Whoever opens the no is about to write why; a field that is rendered again is not met again. */
function met(input: HTMLInputElement | null): void {
  input?.focus()
}

function Question({ part, decide, ...how }: Asked): VNode {
  const [form] = useState(() => answerForm(String(part.get('schema') ?? '{}')))
  const lack = useLack('decide')
  const filled = useFilled(form)
  const submit = (): void => {
    const answer = filled.read()
    if (answer !== undefined) decide({ do: 'answer', answer })
  }
  return (
    <Card part={part} {...how} kind="input" submit={submit}>
      <p class="question" dir="auto">{String(part.get('question') || 'What should I go on with?')}</p>
      <Fields form={form} filled={filled} locked={how.first !== null || lack !== ''} />
      <Foot {...how}><button type="submit" class="chosen">answer <kbd aria-hidden="true">⏎</kbd></button></Foot>
    </Card>
  )
}

function Verdict({ part, decide, ...how }: Asked): VNode {
  const lack = useLack('decide')
  const [result, setResult] = useState('')
  const happened = (): void => decide({ do: 'resolve', verdict: 'happened', ...(result.trim() ? { result: resultOf(result) } : {}) })
  return (
    <Card part={part} {...how} kind="verdict" submit={(typed) => { if (typed) happened() }}>
      <p class="question">The server ended while this ran. Did it happen? It is not run again unless you say so.</p>
      <Fields form={argumentsForm(String(part.get('args') ?? '{}') || '{}')} locked exact />
      <p><input class="reason" type="text" dir="auto" aria-label="Its result, if it happened and you know it (optional)" placeholder="Its result, if it happened and you know it (optional)" autocomplete="off" readOnly={how.first !== null || lack !== ''} value={result} onInput={(event) => setResult(event.currentTarget.value)} /></p>
      <Foot {...how}>
        <button type="button" class="other" onClick={happened}>it happened</button>
        <button type="button" class="other" onClick={() => decide({ do: 'resolve', verdict: 'did-not-happen' })}>it did not happen</button>
        <button type="button" class="other" onClick={() => decide({ do: 'resolve', verdict: 'retry' })}>try again</button>
      </Foot>
    </Card>
  )
}

interface CardHow extends Omit<Asked, 'decide'> {
  /** Enter was pressed; whether in a field. */
  readonly submit: (typed: boolean) => void
  readonly children: ComponentChildren
}

function Card({ part, kind, first, busy, refusal, submit, children }: CardHow): VNode {
  const lack = useLack('decide')
  const [shape, title] = first !== null ? ['○', 'decided'] : lack ? ['◆', OTHERS[kind]] : TITLES[kind]
  const name = String(part.get('name') ?? 'tool')
  const until = part.get('expires_at') as string | undefined
  const send = (typed: boolean): void => {
    if (!lack && !busy && first === null) submit(typed)
  }
  const keyed = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement
    if (event.key === 'Escape') {
      event.preventDefault()
      toComposer()
    } else if (event.key === 'Enter' && !event.isComposing && target.tagName !== 'BUTTON') {
      const breaks = target.tagName === 'TEXTAREA' && !event.ctrlKey && !event.metaKey
      if (breaks || event.shiftKey) return
      event.preventDefault()
      send(isTyping(target))
    }
  }
  return (
    <form class={`asking ${kind}${first === null ? '' : ' over'}`} data-part tabIndex={-1} noValidate aria-label={`${name} ${title}`} aria-busy={busy} onKeyDown={keyed} onSubmit={(event) => { event.preventDefault(); send(true) }}>
      <header>
        <span class="shape" aria-hidden="true">{shape}</span>
        <span class="tool-name">{name}</span>
        <span class="state">{title}</span>
        {until && kind !== 'verdict' && <span class="until" title={until}>until {when(until)}, then it counts as a no</span>}
      </header>
      {children}
      {refusal && <p class="error-line" role="alert"><span class="mono">{refusal.code}</span> {refusal.message}</p>}
    </form>
  )
}

interface FootHow {
  readonly first: string | null
  readonly busy: boolean
  /** A field beside the buttons; it outlives them, since somebody may be typing in it. */
  readonly field?: VNode
  readonly children: ComponentChildren
}

/** The buttons, or, once somebody else was first, who that was. */
function Foot({ first, busy, field, children }: FootHow): VNode {
  const lack = useLack('decide')
  return (
    <footer aria-disabled={busy}>
      {field}
      {first === null ? <fieldset class="allowed" disabled={lack !== ''}>{children}</fieldset> : <p class="note first" role="status">Somebody else was first: {first}. Nothing of this was sent.</p>}
      {lack && first === null && <span class="note lack">{lack}</span>}
      {busy && <span class="note" role="status">on its way</span>}
    </footer>
  )
}

interface Filled {
  readonly raws: readonly Raw[]
  readonly problems: readonly (string | undefined)[]
  readonly edited: boolean
  readonly fill: (index: number, raw: Raw) => void
  readonly reset: () => void
  /** The value, or undefined after telling what is wrong. */
  readonly read: () => unknown
}

function useFilled(form: Form): Filled {
  const begin = (): Raw[] => form.fields.map(({ begins }) => begins)
  const [raws, setRaws] = useState<readonly Raw[]>(begin)
  const [problems, setProblems] = useState<readonly (string | undefined)[]>([])
  return {
    raws,
    problems,
    edited: raws.some((raw, index) => raw !== form.fields[index]!.begins),
    fill: (index, raw) => {
      setRaws(raws.map((old, at) => (at === index ? raw : old)))
      setProblems(problems.map((old, at) => (at === index ? undefined : old)))
    },
    reset: () => { setRaws(begin()); setProblems([]) },
    read: () => {
      const found = collect(form, raws)
      setProblems('problems' in found ? found.problems : [])
      return 'value' in found ? found.value : undefined
    }
  }
}

function Fields({ form, filled, locked, exact = false }: { form: Form; filled?: Filled; locked: boolean; exact?: boolean }): VNode {
  return (
    <div class={exact ? 'ask-fields exact' : 'ask-fields'}>
      {form.fields.map((field, index) => (
        <FieldRow key={index} field={field} raw={filled?.raws[index] ?? field.begins} problem={filled?.problems[index]} locked={locked} fill={(raw) => filled?.fill(index, raw)} />
      ))}
    </div>
  )
}
