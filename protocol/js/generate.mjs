// Writes src/generated/*.ts from specs/schema/*.json: `node generate.mjs`; with `--check` it only says which are stale.
//
// The schemas are themselves made from the Structs of protocol/, so the types that a page is written against cannot
// differ from what the server writes. Each file names the SHA-256 of its schema: a test in plain Python sees from that
// alone that a schema changed and its types did not; one with Node makes the files again and compares them.

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { compile } from 'json-schema-to-typescript'

const SCHEMAS = new URL('../../specs/schema/', import.meta.url)
const TYPES = new URL('./src/generated/', import.meta.url)

/** What a page calls what Python calls otherwise: here nothing else is shown. */
const NAMES = {
  RoomShape: 'RoomDocument',
  ShownRun: 'Run',
  ShownDraft: 'Draft',
  ShownFile: 'Attachment',
  ShownRoom: 'RoomInfo',
  ShownRecord: 'Record'
}

/** Unions that a schema spells out where they occur, and where that is. */
const UNIONS = {
  document: { Part: (schema) => [schema.$defs.ShownRun.properties.parts, 'items'] },
  events: { Event: (schema) => [schema.$defs.ShownRecord.properties, 'event'] },
  commands: {},
  answers: {}
}

/** The name of the schema's own root. */
const ROOTS = { document: 'RoomDocument', events: 'Record', commands: 'Command', answers: 'Frame' }

const OPTIONS = {
  additionalProperties: false,
  bannerComment: '',
  ignoreMinAndMaxItems: true,
  unreachableDefinitions: false,
  style: { semi: false, singleQuote: true, printWidth: 120, trailingComma: 'none' }
}

/** A schema in the words that json-schema-to-typescript knows, under the names of the domain. */
function prepared(name, schema) {
  const lifted = {}
  for (const [union, place] of Object.entries(UNIONS[name])) {
    const [holder, key] = place(schema)
    lifted[union] = { title: union, ...holder[key] }
    holder[key] = { $ref: `#/$defs/${union}` }
  }
  const definitions = {}
  for (const [key, definition] of Object.entries({ ...schema.$defs, ...lifted })) {
    definitions[NAMES[key] ?? key] = { ...definition, title: NAMES[key] ?? key }
  }
  // What a record is stands in events.ts; the answers only carry one.
  if (name === 'answers') {
    const { Shown } = definitions
    definitions.Shown = { ...Shown, properties: { ...Shown.properties, record: { tsType: 'Record' } } }
  }
  const { $ref, ...root } = schema
  const whole = $ref ? definitions[ROOTS[name]] : { ...root, title: ROOTS[name] }
  return reworded({ ...whole, definitions, $defs: undefined })
}

function reworded(value) {
  if (Array.isArray(value)) return value.map(reworded)
  if (value === null || typeof value !== 'object') return value
  if (typeof value.$ref === 'string') {
    const name = value.$ref.split('/').pop()
    return { $ref: `#/definitions/${NAMES[name] ?? name}` }
  }
  if (value.prefixItems) return { tsType: `readonly [${value.prefixItems.map(() => 'number').join(', ')}]` }
  if (value.type === 'object' && !value.properties && !value.additionalProperties) {
    value = { ...value, tsType: '{ [k: string]: unknown }' }
  }
  const { discriminator, default: _default, ...rest } = value
  const made = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, reworded(each)]))
  if (typeof made.description === 'string') made.description = made.description.replace(/\s+/g, ' ')
  return made
}

/** Nobody changes in place what these describe: every key and every array can only be read. */
function readonly(text) {
  return text
    .replace(/^( *)\/\*\*\n *\* (.*)\n *\*\//gm, '$1/** $2 */')
    .replace(/^}\n(?=\/|export)/gm, '}\n\n')
    .replaceAll('[k: string]', '[key: string]')
    .replace(/^( +)(["'\w-]+\??:|\[key: string\]:)/gm, '$1readonly $2')
    .replace(/(?<!readonly )((?:\w+|\([^()]*\)|\[[^[\]]*\]))\[\]/g, 'readonly $1[]')
}

async function made(name) {
  const source = await readFile(new URL(`${name}.json`, SCHEMAS))
  const types = await compile(prepared(name, JSON.parse(source)), ROOTS[name], OPTIONS)
  const digest = createHash('sha256').update(source).digest('hex')
  const head = `// Generated from specs/schema/${name}.json by generate.mjs; a test holds both equal.\n// sha256 ${digest}\n\n`
  const carried = name === 'answers' ? "import type { Record } from './events'\n\n" : ''
  return head + carried + readonly(types).trimStart()
}

const check = process.argv.includes('--check')
for (const name of Object.keys(ROOTS)) {
  const file = new URL(`${name}.ts`, TYPES)
  const wanted = await made(name)
  if (!check) await writeFile(file, wanted)
  else if ((await readFile(file, 'utf8').catch(() => '')) !== wanted) {
    console.error(`src/generated/${name}.ts is stale; run: npm run generate --prefix protocol/js`)
    process.exitCode = 1
  }
}
