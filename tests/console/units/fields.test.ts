/** CO17, CO18: forms out of arguments and schemas, and what they make. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { answerForm, argumentsForm, collect, type Raw, resultOf, unhidden } from '../../../runtime/console/src/chat/fields'

const begins = (form: ReturnType<typeof argumentsForm>): Raw[] => form.fields.map((field) => field.begins)

test('CO17: a flat object is fields by type, and unchanged they make the same object', () => {
  const json = '{"to": "a\\n\\"b\\": c", "n": -1.50, "big": 9007199254740991, "ok": true, "none": "", "__proto__": "x", "{": "}"}'
  const form = argumentsForm(json)
  assert.deepEqual(form.fields.map(({ name, kind }) => [name, kind]), [
    ['to', 'text'], ['n', 'number'], ['big', 'number'], ['ok', 'boolean'], ['none', 'line'], ['__proto__', 'line'], ['{', 'line']
  ])
  assert.equal(form.fields[1]!.begins, '-1.50')
  const made = collect(form, begins(form))
  assert.ok('value' in made)
  assert.equal(JSON.stringify(made.value), JSON.stringify(JSON.parse(json)))
})

test('CO17: what is nested, null or not an object is one text of JSON', () => {
  for (const json of ['{"a":{}}', '{"a":[1]}', '{"a":null}', '[1]', '"x"', 'null']) {
    const form = argumentsForm(json)
    assert.deepEqual([form.entries, form.editable, form.fields[0]!.kind], [false, true, 'json'], json)
    assert.deepEqual(collect(form, begins(form)), { value: JSON.parse(json) })
  }
  assert.deepEqual(argumentsForm('{}'), { fields: [], entries: true, editable: true })
})

test('CO17: what this page could not keep to the letter is shown as it is and not edited', () => {
  for (const json of ['{"a":12345678901234567890}', '{"a":0.12345678901234567}', '{"a":1e999}', '{"a":1,"a":2}', '{"a":{"b":1,"b":2}}', '{"a":', '']) {
    const form = argumentsForm(json)
    assert.equal(form.editable, false, json)
    assert.equal(form.fields[0]!.begins, json)
  }
})

test('CO17: every beginning of hostile arguments is a form, and none throws', () => {
  const json = '{"a\\u202e": "\\\\\\"}", "b": [{"c": -1e-5}], "d": true}'
  for (let length = 0; length <= json.length; length++) argumentsForm(json.slice(0, length))
})

test('CO17: signs that cannot be seen are spelled out', () => {
  assert.equal(unhidden('a\u202eb\u0000c\u200b'), 'a\\u{202e}b\\u{0}c\\u{200b}')
  assert.equal(unhidden('Zeile\n\tzwei ä 漢 😀'), null)
})

const SCHEMA = JSON.stringify({
  type: 'object',
  properties: {
    name: { type: 'string', title: 'Your name', description: 'As in the passport' },
    age: { type: 'integer', minimum: 18, maximum: 99 },
    share: { type: ['number', 'null'], default: 0.5 },
    ok: { type: 'boolean', default: true },
    pick: { enum: ['a', 2, null], default: 2 },
    bio: { type: 'string', maxLength: 300 },
    list: { type: 'array', items: { type: 'string' } }
  },
  required: ['name', 'age']
})

test('CO18: a schema is fields, with what it says about them', () => {
  const form = answerForm(SCHEMA)
  assert.deepEqual(form.fields.map(({ kind, begins }) => [kind, begins]), [
    ['line', ''], ['integer', ''], ['number', '0.5'], ['boolean', true], ['choice', '1'], ['text', ''], ['json', '']
  ])
  assert.deepEqual([form.fields[0]!.label, form.fields[0]!.hint, form.fields[1]!.hint], ['Your name', 'As in the passport', '18 to 99'])
  assert.deepEqual(collect(form, ['Ada', '36', '', false, '0', '', '["x"]']), {
    value: { name: 'Ada', age: 36, ok: false, pick: 'a', list: ['x'] }
  })
})

test('CO18: what is wrong is told beside its field', () => {
  const found = collect(answerForm(SCHEMA), [' ', '17', 'x', true, '', 'b'.repeat(301), '{'])
  assert.ok('problems' in found)
  assert.deepEqual(found.problems, [
    'This is needed.', 'At least 18.', 'A number, such as 3 or 2.5.', undefined, undefined, 'At most 300 characters, and this has 301.', 'This is not JSON.'
  ])
  assert.deepEqual(collect(answerForm('{"type":"integer"}'), ['2.5']), { problems: ['A whole number.'] })
})

test('CO18: a schema that is no object asks for one value, rubbish for JSON', () => {
  assert.deepEqual(collect(answerForm('{"type":"string"}'), ['yes']), { value: 'yes' })
  assert.deepEqual(collect(answerForm('{"enum":[1,[2]]}'), ['1']), { value: [2] })
  for (const schema of ['', '[]', '{"properties": 3}', 'null', '{"$ref":"#/x"}']) {
    assert.deepEqual(collect(answerForm(schema), ['{"a":1}']), { value: { a: 1 } }, schema)
  }
})

test('CO18: a result is JSON where it is, and else words', () => {
  assert.deepEqual([resultOf(''), resultOf(' 3 '), resultOf('{"a":1}'), resultOf('by hand')], [null, 3, { a: 1 }, 'by hand'])
})
