/** CO39: code in colours, of which no letter is lost. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { words } from '../../../runtime/console/src/markdown/highlight'

const said = (code: string, language: string): string => words(code, language).map(({ text }) => text).join('')
const kindOf = (code: string, language: string, word: string): string | undefined => words(code, language).find(({ text }) => text.includes(word))?.kind

test('CO39: words of the languages that people ask for have kinds', () => {
  for (const [language, code, word, kind] of [
    ['python', 'def f(x):\n    return "a"  # why', 'def', 'keyword'],
    ['py', 'x = "text"', '"text"', 'string'],
    ['ts', 'const a: number = 1', 'number', 'type'],
    ['tsx', 'const a = <b>c</b>', 'const', 'keyword'],
    ['js', 'f(12)', '12', 'value'],
    ['json', '{"a": true}', 'true', 'value'],
    ['bash', 'echo "a" # why', '# why', 'comment'],
    ['yaml', 'a: "b"', '"b"', 'string']
  ] as const) assert.equal(kindOf(code, language, word), kind, `${language}: ${word}`)
})

test('CO39: no letter is lost, also of code that is half written, foreign or hostile', () => {
  const codes = ['', '\n\n', 'def f(', 'const x = `a ${b', '{"a": [1,', '<script>window.owned = 1</script>\n', 'é🙂漢\r\n\tx', 'echo "', 'a'.repeat(40_000)]
  for (const language of ['python', 'ts', 'json', 'sh', 'yaml', 'toml', 'diff', 'brainfuck', '', '__proto__', 'constructor']) {
    for (const code of codes) assert.equal(said(code, language), code, `${language}: ${code.slice(0, 20)}`)
  }
})

test('CO39: a language that is not known, and code that is too long, is one word', () => {
  assert.equal(words('let x = 1', 'cobol').length, 1)
  assert.equal(words('let x = 1\n'.repeat(4_000), 'ts').length, 1)
})
