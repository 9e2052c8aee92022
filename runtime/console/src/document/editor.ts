/**
 * A CodeMirror 6 editor bound to the shared document's `content`, with everyone's cursors.
 *
 * Undo is Yjs' own: it takes back what this reader wrote and never what others did meanwhile, so CodeMirror's history
 * is left out. Markdown is only coloured, not rendered: here people edit the text itself.
 */

import { defaultKeymap } from '@codemirror/commands'
import { defineLanguageFacet, HighlightStyle, Language, syntaxHighlighting } from '@codemirror/language'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { EditorState, type Extension } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, placeholder } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { parser } from '@lezer/markdown'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import type * as Y from 'yjs'

import { safeAwareness } from '../wire/people'
import type { Line } from '../wire/provider'

const markdown = new Language(defineLanguageFacet(), parser, [], 'markdown')

const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.heading, fontWeight: '650' },
    { tag: tags.strong, fontWeight: '650' },
    { tag: tags.emphasis, fontStyle: 'italic' },
    { tag: tags.processingInstruction, color: 'var(--ink-3)' },
    { tag: tags.monospace, color: 'var(--accent-ink)' },
    { tag: [tags.link, tags.url], color: 'var(--accent-ink)' },
    { tag: tags.quote, color: 'var(--ink-2)' }
  ])
)

/** Put an editor of the line's document into `parent`, with `more` that it can do; the returned function takes it away. */
export function openEditor(line: Line, parent: HTMLElement, name: string, more: Extension): () => void {
  const text = line.doc.getText('content')
  const state = EditorState.create({
    doc: text.toString(),
    extensions: [
      keymap.of([...yUndoManagerKeymap, ...searchKeymap, ...defaultKeymap]),
      drawSelection(),
      highlightActiveLine(),
      highlightSelectionMatches(),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': `Shared document ${name}` }),
      placeholder('Everyone in this room writes here.'),
      markdown,
      colours,
      more,
      yCollab(text, safeAwareness(line.awareness))
    ]
  })
  const view = new EditorView({ state, parent })
  const moved = ({ added, updated }: { added: number[]; updated: number[] }): void => {
    const colors = [...added, ...updated].map((client) => line.awareness.getStates().get(client)?.user?.color)
    // The binding writes the colour into the style attribute as it was announced.
    sayNames(view, (caret) => colors.some((color) => color && caret.getAttribute('style')?.includes(color)))
  }
  const written = (event: Y.YTextEvent, { local }: Y.Transaction): void => {
    if (local) return
    const at = ends(event)
    sayNames(view, (caret) => at.includes(view.posAtDOM(caret)))
  }
  line.awareness.on('change', moved)
  text.observe(written)
  return () => {
    line.awareness.off('change', moved)
    text.unobserve(written)
    view.destroy()
  }
}

/** Where the changes of an event end in the text: there its writer's caret stands, which awareness need not tell. */
function ends({ delta }: Y.YTextEvent): number[] {
  const found: number[] = []
  let at = 0
  // `delta` is computed when it is asked for, and may only be asked for while the event is handled.
  for (const { insert, retain } of delta) {
    at += retain ?? (typeof insert === 'string' ? insert.length : 0)
    if (retain === undefined) found.push(at)
  }
  return found
}

/** Show the names above these carets again for a moment, once they are drawn: the binding reuses a caret that moves. */
function sayNames(view: EditorView, wanted: (caret: HTMLElement) => boolean): void {
  requestAnimationFrame(() => {
    for (const caret of view.dom.querySelectorAll<HTMLElement>('.cm-ySelectionCaret')) {
      const name = caret.querySelector<HTMLElement>('.cm-ySelectionInfo')
      if (!name || !wanted(caret)) continue
      name.style.animation = 'none'
      void name.offsetWidth
      name.style.animation = ''
    }
  })
}
