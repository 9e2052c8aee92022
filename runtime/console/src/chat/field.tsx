/**
 * One field of a form: its label, its input, what is wrong with it, and what in it cannot be seen.
 */

import type { VNode } from 'preact'
import { useId } from 'preact/hooks'

import { type Field, type Raw, unhidden } from './fields'

/** Up to so many choices lie open side by side; more are a list to open. */
const OPEN_CHOICES = 5

interface Filled {
  readonly field: Field
  readonly raw: Raw
  readonly problem: string | undefined
  readonly locked: boolean
  readonly fill: (raw: Raw) => void
}

export function FieldRow(filled: Filled): VNode {
  const { field, raw, problem } = filled
  const id = useId()
  const open = field.kind === 'choice' && field.choices.length <= OPEN_CHOICES
  const hidden = typeof raw === 'string' && field.kind !== 'choice' ? unhidden(raw) : null
  const changed = raw !== field.begins
  return (
    <div class={`ask-field ${field.kind}${changed ? ' changed' : ''}`}>
      {open
        ? <span class="ask-label" id={`${id}-label`}>{field.label}</span>
        : <label class="ask-label" for={id}>{field.label}</label>}
      <div class="ask-value">
        {open ? <Choices id={id} {...filled} /> : <Entry id={id} {...filled} />}
        {field.hint && <span class="ask-hint" id={`${id}-hint`}>{field.hint}</span>}
        {hidden !== null && <span class="ask-hidden">with signs that cannot be seen: <code>{hidden}</code></span>}
        {problem && <span class="error-line" id={`${id}-problem`} role="alert">{problem}</span>}
      </div>
    </div>
  )
}

function Entry({ id, field, raw, problem, locked, fill }: Filled & { id: string }): VNode {
  const described = [field.hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(' ')
  const common = {
    id,
    'aria-invalid': problem ? true : undefined,
    'aria-required': field.required && field.kind !== 'boolean' ? true : undefined,
    'aria-describedby': described || undefined
  }
  switch (field.kind) {
    case 'boolean':
      return (
        <span class="ask-switch">
          <input {...common} type="checkbox" checked={raw === true} aria-disabled={locked} onClick={(event) => { if (locked) event.preventDefault() }} onChange={(event) => { if (!locked) fill(event.currentTarget.checked) }} />
          <span aria-hidden="true">{raw ? 'yes' : 'no'}</span>
        </span>
      )
    case 'choice':
      return (
        <select {...common} value={String(raw)} disabled={locked} onChange={(event) => fill(event.currentTarget.value)}>
          {!(field.required && field.begins !== '') && <option value="">none</option>}
          {field.choices.map((choice, index) => <option key={index} value={String(index)}>{told(choice)}</option>)}
        </select>
      )
    case 'text':
    case 'json':
      return (
        <textarea {...common} dir="auto" rows={field.kind === 'json' || field.begins ? undefined : 3} class={field.kind === 'json' ? 'mono' : undefined} spellcheck={field.kind === 'text'} readOnly={locked} value={String(raw)} onInput={(event) => fill(event.currentTarget.value)} />
      )
    default:
      return (
        <input {...common} dir="auto" type="text" inputMode={field.kind === 'integer' ? 'numeric' : field.kind === 'number' ? 'decimal' : undefined} autocomplete="off" readOnly={locked} value={String(raw)} onInput={(event) => fill(event.currentTarget.value)} />
      )
  }
}

function Choices({ id, field, raw, locked, fill }: Filled & { id: string }): VNode {
  return (
    <span class="ask-choices" role="radiogroup" aria-labelledby={`${id}-label`} aria-required={field.required || undefined}>
      {field.choices.map((choice, index) => (
        <label key={index}>
          <input type="radio" name={id} checked={raw === String(index)} disabled={locked} onChange={() => fill(String(index))} /> {told(choice)}
        </label>
      ))}
    </span>
  )
}

function told(choice: unknown): string {
  return typeof choice === 'string' ? choice : JSON.stringify(choice)
}
