/**
 * Forms out of data: the arguments of a call as fields, and the fields that a question's JSON Schema asks for.
 *
 * Pure, and exact: what a person approves must be what is called. Arguments are therefore read token by token, numbers
 * keep the digits that the model wrote, and what JavaScript cannot hold (a number of 20 digits, a key that stands there
 * twice) is shown as the text that it is and cannot be edited here. Values go by place and not by name, since a name may
 * be anything, `__proto__` included.
 */

export type Kind = 'line' | 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'json'

export interface Field {
  readonly name: string
  readonly label: string
  readonly hint: string
  readonly kind: Kind
  readonly required: boolean
  readonly choices: readonly unknown[]
  /** What stands there at first: text, for a choice its place in the list, for a boolean itself. */
  readonly begins: Raw
  /** An argument that is an empty string is one; a question's field that is left empty is no answer. */
  readonly mayBeEmpty?: boolean
  readonly least?: number
  readonly most?: number
  readonly longest?: number
}

export type Raw = string | boolean

export interface Form {
  readonly fields: readonly Field[]
  /** Whether the fields are an object's entries, or the one field is the whole. */
  readonly entries: boolean
  /** Whether what it makes may take the place of what it was made from. */
  readonly editable: boolean
}

/** More fields than this are no form to fill in but a text to edit. */
const MOST_FIELDS = 40
/** From here on a string gets lines. */
const LONG_CHARS = 72
const MULTILINE_FROM_LENGTH = 200

const PLAIN = { hint: '', required: true, choices: [] }

/** The arguments of a call, as JSON text: a field for each entry of a flat object, otherwise one text of JSON. */
export function argumentsForm(json: string): Form {
  const value = parsed(json)
  if (value === undefined) return whole(json, false)
  const tokens = json.match(TOKENS) ?? []
  const exact = tokens.filter(isNumber).every(isExact) && colons(tokens) === colons(JSON.stringify(value).match(TOKENS) ?? [])
  if (!exact) return whole(json, false)
  if (!isObject(value)) return whole(JSON.stringify(value, null, 2), true)
  const names = Object.keys(value)
  if (names.length > MOST_FIELDS || tokens.slice(1).some((token) => token === '{' || token === '[' || token === 'null')) {
    return whole(JSON.stringify(value, null, 2), true)
  }
  const fields: Field[] = []
  // A flat object is `{ key : value , key : value }`: every fourth token from the second on is a key.
  for (let at = 1; at + 2 < tokens.length; at += 4) {
    fields.push(argument(JSON.parse(tokens[at]!) as string, tokens[at + 2]!))
  }
  return { fields, entries: true, editable: true }
}

function argument(name: string, token: string): Field {
  const field = { ...PLAIN, name, label: name }
  if (token === 'true' || token === 'false') return { ...field, kind: 'boolean', begins: token === 'true' }
  if (!token.startsWith('"')) return { ...field, kind: 'number', begins: token }
  const text = JSON.parse(token) as string
  return { ...field, mayBeEmpty: true, kind: text.includes('\n') || text.length > LONG_CHARS ? 'text' : 'line', begins: text }
}

/** What a JSON Schema asks for: a field for each property of an object, one field for anything else. */
export function answerForm(schema: string): Form {
  const asked = parsed(schema)
  if (!isObject(asked)) return whole('', true)
  if (!isObject(asked.properties)) return { fields: [property('answer', asked, true)], entries: false, editable: true }
  const names = Object.keys(asked.properties)
  if (names.length > MOST_FIELDS) return whole('', true)
  const needed = Array.isArray(asked.required) ? asked.required : []
  const properties = asked.properties
  return { fields: names.map((name) => property(name, properties[name], needed.includes(name))), entries: true, editable: true }
}

function property(name: string, asked: unknown, required: boolean): Field {
  const schema = isObject(asked) ? asked : {}
  const choices = Array.isArray(schema.enum) ? schema.enum : 'const' in schema ? [schema.const] : []
  const kind: Kind = choices.length > 0 ? 'choice' : kindOf(schema)
  const least = numeric(schema.minimum)
  const most = numeric(schema.maximum)
  const longest = numeric(schema.maxLength)
  const range = least !== undefined && most !== undefined ? `${least} to ${most}` : least !== undefined ? `at least ${least}` : most !== undefined ? `at most ${most}` : ''
  const told = typeof schema.description === 'string' ? schema.description : ''
  return {
    name,
    label: typeof schema.title === 'string' && schema.title ? schema.title : name,
    hint: [told, range].filter(Boolean).join(told && !/[.!?]$/.test(told) ? ', ' : ' '),
    kind,
    required,
    choices,
    begins: beginning(kind, schema.default, choices),
    ...(least === undefined ? {} : { least }),
    ...(most === undefined ? {} : { most }),
    ...(longest === undefined ? {} : { longest })
  }
}

function kindOf(schema: Record<string, unknown>): Kind {
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type
  if (type === 'number' || type === 'integer' || type === 'boolean') return type
  if (type !== 'string') return 'json'
  const long = (numeric(schema.maxLength) ?? 0) >= MULTILINE_FROM_LENGTH
  return long || schema.format === 'multiline' || 'contentMediaType' in schema ? 'text' : 'line'
}

function beginning(kind: Kind, otherwise: unknown, choices: readonly unknown[]): Raw {
  if (kind === 'boolean') return otherwise === true
  if (otherwise === undefined) return ''
  if (kind === 'choice') return String(Math.max(0, choices.indexOf(otherwise)))
  return typeof otherwise === 'string' && kind !== 'json' ? otherwise : JSON.stringify(otherwise)
}

export type Collected = { readonly value: unknown } | { readonly problems: readonly (string | undefined)[] }

/** The value that the fields make together, or what is wrong with which. */
export function collect(form: Form, raws: readonly Raw[]): Collected {
  const read = form.fields.map((field, index) => one(field, raws[index] ?? field.begins))
  if (read.some((entry) => 'problem' in entry)) {
    return { problems: read.map((entry) => ('problem' in entry ? entry.problem : undefined)) }
  }
  const values = read as ({ value: unknown } | { absent: true })[]
  if (!form.entries) return { value: 'value' in values[0]! ? values[0].value : null }
  const entries = form.fields.flatMap((field, index) => {
    const entry = values[index]!
    return 'value' in entry ? [[field.name, entry.value] as const] : []
  })
  return { value: Object.fromEntries(entries) }
}

type Read = { readonly value: unknown } | { readonly absent: true } | { readonly problem: string }

function one(field: Field, raw: Raw): Read {
  if (typeof raw === 'boolean') return { value: raw }
  if (field.mayBeEmpty) return { value: raw }
  if (raw.trim() === '') return field.required ? { problem: field.kind === 'choice' ? 'Choose one.' : 'This is needed.' } : { absent: true }
  switch (field.kind) {
    case 'number':
    case 'integer':
      return number(field, raw.trim())
    case 'choice':
      return { value: field.choices[Number(raw)] }
    case 'json': {
      const value = parsed(raw)
      return value === undefined ? { problem: 'This is not JSON.' } : { value }
    }
    default:
      return field.longest !== undefined && raw.length > field.longest
        ? { problem: `At most ${field.longest} characters, and this has ${raw.length}.` }
        : { value: raw }
  }
}

function number(field: Field, raw: string): Read {
  if (!NUMBER.test(raw)) return { problem: 'A number, such as 3 or 2.5.' }
  if (!isExact(raw)) return { problem: 'More digits than this page can keep.' }
  const value = Number(raw)
  if (field.kind === 'integer' && !Number.isInteger(value)) return { problem: 'A whole number.' }
  if (field.least !== undefined && value < field.least) return { problem: `At least ${field.least}.` }
  if (field.most !== undefined && value > field.most) return { problem: `At most ${field.most}.` }
  return { value }
}

/** The text with what cannot be seen in it spelled out, or null if there is nothing hidden. */
export function unhidden(text: string): string | null {
  const told = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu, (sign) => (sign === '\n' || sign === '\t' ? sign : `\\u{${sign.codePointAt(0)!.toString(16)}}`))
  return told === text ? null : told
}

/** What somebody typed as a result: JSON where it is JSON, and else the words themselves. */
export function resultOf(typed: string): unknown {
  const text = typed.trim()
  if (text === '') return null
  const value = parsed(text)
  return value === undefined ? text : value
}

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function isNumber(token: string): boolean {
  return /^[-\d]/.test(token)
}

/** Whether JavaScript's number is this number: a double keeps 15 digits, and whole numbers up to 2^53. */
function isExact(token: string): boolean {
  const digits = token.replace(/[eE].*$/, '').replace(/\D/g, '').replace(/^0+/, '').length
  const value = Number(token)
  return Number.isFinite(value) && (digits <= 15 || (/^-?\d+$/.test(token) && Number.isSafeInteger(value)))
}

function colons(tokens: readonly string[]): number {
  return tokens.filter((token) => token === ':').length
}

function whole(text: string, editable: boolean): Form {
  return { fields: [{ ...PLAIN, name: 'json', label: 'JSON', kind: 'json', begins: text }], entries: false, editable }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
