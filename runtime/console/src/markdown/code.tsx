/**
 * A block of code: its language, a button that copies it, and its words in colours.
 */

import type { VNode } from 'preact'
import { useMemo, useState } from 'preact/hooks'

import { words } from './highlight'

const TOLD_MS = 1_500

export function Code({ text, language }: { text: string; language: string }): VNode {
  const [copied, say] = useState(false)
  const copy = (): void => {
    void navigator.clipboard?.writeText(text).then(() => {
      say(true)
      setTimeout(() => say(false), TOLD_MS)
    })
  }
  const shown = useMemo(() => words(text, language), [text, language])
  return (
    <div class="code">
      <div class="code-head">
        <span>{language || 'text'}</span>
        <button type="button" class="quiet" onClick={copy} aria-label="Copy this code">{copied ? 'copied' : 'copy'}</button>
      </div>
      <pre tabIndex={0}><code>{shown.map(({ text, kind }, index) => (kind ? <span key={index} class={kind}>{text}</span> : text))}</code></pre>
    </div>
  )
}
