/**
 * A CodeMirror 6 editor bound to the shared document's `content`, with everyone's cursors.
 *
 * Undo is Yjs' own: it takes back what this reader wrote and never what others did meanwhile, so CodeMirror's history
 * is left out. Markdown is only coloured, not rendered: here people edit the text itself.
 */

import { defaultKeymap } from '@codemirror/commands'
import { defineLanguageFacet, HighlightStyle, Language, syntaxHighlighting } from '@codemirror/language'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, placeholder } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { parser } from '@lezer/markdown'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'

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

/** Put an editor of the line's document into `parent`; the returned function takes it away. */
export function openEditor(line: Line, parent: HTMLElement, name: string): () => void {
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
      yCollab(text, safeAwareness(line.awareness))
    ]
  })
  const view = new EditorView({ state, parent })
  return () => view.destroy()
}
