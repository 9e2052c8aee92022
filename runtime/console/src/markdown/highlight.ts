/**
 * Code in colours: a language's parser and the few kinds of words that this page tells apart.
 *
 * The modes are small ones of the editor beside it, which read line by line: grammars of four languages alone weigh 47 kB
 * more. A word's kind is a class, and the words themselves stay text. What no mode here knows is shown as it is.
 */

import { type Language, StreamLanguage, type StreamParser } from '@codemirror/language'
import { diff } from '@codemirror/legacy-modes/mode/diff'
import { javascript, json, typescript } from '@codemirror/legacy-modes/mode/javascript'
import { python } from '@codemirror/legacy-modes/mode/python'
import { shell } from '@codemirror/legacy-modes/mode/shell'
import { toml } from '@codemirror/legacy-modes/mode/toml'
import { yaml } from '@codemirror/legacy-modes/mode/yaml'
import { highlightCode, tagHighlighter, tags } from '@lezer/highlight'

type Parser = Language['parser']

export interface Word {
  readonly text: string
  /** A class of style/code.css, or empty. */
  readonly kind: string
}

/** Longer code is shown without colours: it is parsed again whenever it grows. */
const LONGEST = 30_000

const MODES: Record<string, StreamParser<unknown>> = { diff, javascript, json, python, shell, toml, typescript, yaml }

const NAMES: Record<string, string> = {
  js: 'javascript', jsx: 'javascript', mjs: 'javascript', ts: 'typescript', tsx: 'typescript', py: 'python', python3: 'python', jsonc: 'json',
  jsonl: 'json', sh: 'shell', bash: 'shell', zsh: 'shell', console: 'shell', yml: 'yaml', patch: 'diff'
}

const made = new Map<string, Parser>()

function parserOf(language: string): Parser | undefined {
  const named = language.toLowerCase()
  const name = Object.hasOwn(NAMES, named) ? NAMES[named]! : named
  // Made when first asked for: a newcomer's page has no code yet.
  if (!made.has(name) && Object.hasOwn(MODES, name)) made.set(name, StreamLanguage.define(MODES[name]!).parser)
  return made.get(name)
}

const kinds = tagHighlighter([
  { tag: [tags.keyword, tags.modifier, tags.controlKeyword, tags.operatorKeyword, tags.definitionKeyword, tags.moduleKeyword, tags.self], class: 'keyword' },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.inserted], class: 'string' },
  { tag: [tags.comment, tags.meta], class: 'comment' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], class: 'value' },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName), tags.standard(tags.variableName)], class: 'function' },
  { tag: [tags.typeName, tags.className, tags.tagName], class: 'type' },
  { tag: [tags.propertyName, tags.attributeName, tags.definition(tags.propertyName)], class: 'property' },
  { tag: [tags.deleted, tags.invalid], class: 'gone' }
])

/** The code cut into words, each with its kind; in a language that is not known it is one word. */
export function words(code: string, language: string): Word[] {
  const parser = code.length <= LONGEST ? parserOf(language) : undefined
  if (!parser) return [{ text: code, kind: '' }]
  const found: Word[] = []
  const put = (text: string, kind: string): void => {
    const last = found.at(-1)
    if (last?.kind === kind) found[found.length - 1] = { text: last.text + text, kind }
    else found.push({ text, kind })
  }
  highlightCode(code, parser.parse(code), kinds, put, () => put('\n', ''))
  return found
}
