/** CO24: arguments that are still being written are JSON at every moment. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { mended } from '../../../runtime/console/src/chat/partial'

const WHOLE = [
  '{"to": "team@example.org", "n": -1.5e3, "deep": {"a": [1, {"b": []}], "c": null}, "ok": true, "é\\u00e9\\n": "\\"😀\\\\"}',
  '[[], {}, "", 0, [null, false]]',
  '"just a text \\ud83d\\ude00"',
  '{"a": 123456789012345678901234567890}'
]

test('CO24: every beginning of JSON is JSON, and the whole is itself', () => {
  for (const whole of WHOLE) {
    assert.equal(mended(whole), whole)
    for (let end = 1; end < whole.length; end++) {
      const part = mended(whole.slice(0, end))
      assert.doesNotThrow(() => part === '' || JSON.parse(part), whole.slice(0, end) + ' -> ' + part)
    }
  }
})

test('CO24: what is there is kept, what is half there is not', () => {
  const cases: [string, string][] = [
    ['', ''],
    ['{', '{}'],
    ['{"to"', '{}'],
    ['{"to":', '{}'],
    ['{"to": "te', '{"to": "te"}'],
    ['{"to": "te\\', '{"to": "te"}'],
    ['{"to": "te\\u00', '{"to": "te"}'],
    ['{"a": 1,', '{"a": 1}'],
    ['{"a": 1, "b', '{"a": 1}'],
    ['{"a": tr', '{}'],
    ['[1, [2', '[1, [2]]'],
    ['{"a": 12345678901234567890', '{"a": 12345678901234567890}']
  ]
  for (const [text, wanted] of cases) assert.equal(mended(text), wanted)
})

test('CO24: what is no JSON ends where it begins', () => {
  for (const text of ['hello', '}', '{]', '{"a" 1}', '{"a": 1} {"b": 2}', '[,', '{,', '[1 2', ':', '{"a":]', '{1: 2}', '[1,]', '{"a":1,}']) {
    const part = mended(text)
    assert.doesNotThrow(() => part === '' || JSON.parse(part), text + ' -> ' + part)
  }
})
