/** Markdown that streams: CO5 (never half syntax), CO6 (hostile input) and the cost of a token. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Blocks, lex, type Token } from '../../../runtime/console/src/markdown/blocks'
import { entities, safeAddress } from '../../../runtime/console/src/markdown/links'
import { mend } from '../../../runtime/console/src/markdown/mend'

const SAMPLE = `## A plan

Some **bold words**, *slanted ones*, \`code with * stars\`, ~~gone~~ and ***both*** of them.
A second line with [a link](https://example.org/a_(b)) and ![a picture](https://example.org/p.png).

1. **First.** Open it.
   - nested *item*
   - another \`one\`
2. Second

- [ ] to do
- [x] done

| strand | holds | n |
| --- | :-: | --: |
| log | **every** fact | 1 |
| document | what \`tabs\` show | 2 |

> A quotation with **weight**.

\`\`\`python
def f(a: int) -> str:
    return "**not bold**"  # | not | a table
\`\`\`

Words after, snake_case_words, 2 * 3 * 4, and &amp; the end.
`

/** The text that a reader sees, code left out: there every character is meant. */
function visible(tokens: Token[]): string {
  return tokens
    .map((token: any): string => {
      if (token.type === 'code' || token.type === 'codespan') return ''
      if (token.type === 'list') return token.items.map((item: any) => visible(item.tokens)).join('\n')
      if (token.type === 'table') {
        return [token.header, ...token.rows].flat().map((cell: any) => visible(cell.tokens)).join('\n')
      }
      return token.tokens ? visible(token.tokens) : entities(token.text ?? '')
    })
    .join('\n')
}

test('CO5: no beginning of a text shows half syntax', () => {
  for (let length = 1; length <= SAMPLE.length; length++) {
    const seen = visible(lex(mend(SAMPLE.slice(0, length))))
    const clean = seen.replace(/2 \*( 3( \*( 4)?)?)?|snake\w*/g, '')
    assert.doesNotMatch(clean, /\*|~|`|\]\(|\||^#|^- |\[|&a|_/m, JSON.stringify(SAMPLE.slice(0, length).slice(-40)) + ' shows ' + JSON.stringify(seen.slice(-60)))
  }
})

test('CO5: what is shown of a growing text is only ever extended', () => {
  let before = ''
  for (let length = 1; length <= SAMPLE.length; length++) {
    const now = visible(lex(mend(SAMPLE.slice(0, length)))).replace(/\s+/g, '')
    const kept = [...before].filter((char, at) => now[at] === char).length
    assert.ok(kept >= before.length - 3, `${JSON.stringify(before.slice(-30))} became ${JSON.stringify(now.slice(-30))}`)
    before = now
  }
})

test('CO5: a text that is complete is never mended', () => {
  for (const text of ['a **b', '- ', 'see [1', '`x', '| a |']) {
    const blocks = new Blocks().read(text, true)
    assert.equal(blocks.map(({ raw }) => raw).join(''), lex(text).filter(({ type }) => type !== 'space').map(({ raw }) => raw).join(''))
  }
})

test('blocks read piece by piece are those of the whole text', () => {
  const blocks = new Blocks()
  for (let length = 1; length <= SAMPLE.length; length += 3) blocks.read(SAMPLE.slice(0, length), false)
  const grown = blocks.read(SAMPLE, false).map(({ token }) => token.type)
  const whole = new Blocks().read(SAMPLE, true).map(({ token }) => token.type)
  assert.deepEqual(grown, whole)
})

test('CO7: settled blocks are the same objects in every later reading', () => {
  const blocks = new Blocks()
  const first = blocks.read('# One\n\nTwo words\n\nThree', false)
  const second = blocks.read('# One\n\nTwo words\n\nThree and more', false)
  assert.equal(first[0], second[0])
  assert.equal(first[1], second[1])
  assert.notEqual(first[2], second[2])
})

test('a text that shrinks is read anew', () => {
  const blocks = new Blocks()
  blocks.read('One\n\nTwo\n\nThree', false)
  assert.deepEqual(blocks.read('Other', false).map(({ raw }) => raw), ['Other'])
})

test('CO6: only absolute http, https and mailto addresses are links', () => {
  for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\nscript:alert(1)', '&#106;avascript:alert(1)', 'data:text/html,x', 'vbscript:x', '/etc', '//evil.example', 'file:///etc/passwd', 'blob:x', '']) {
    assert.equal(safeAddress(bad), null, bad)
  }
  assert.equal(safeAddress('https://example.org/a?b=1&amp;c=2'), 'https://example.org/a?b=1&c=2')
  assert.equal(safeAddress('mailto:atrueexample.org'), 'mailto:atrueexample.org')
})

test('character references become characters, once', () => {
  assert.equal(entities('a &amp; b &lt;i&gt; &#8212; &#x2014; &amp;lt; &nosuch; &#0; &#xD800;'), 'a & b <i> — — &lt; &nosuch; \ufffd \ufffd')
})
