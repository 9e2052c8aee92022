// Lexical with its own collaboration plugin for React, on the root that it uses by default, `root`.

import { LexicalCollaboration } from '@lexical/react/LexicalCollaborationContext'
import { CollaborationPlugin } from '@lexical/react/LexicalCollaborationPlugin'
import { LexicalComposer } from '@lexical/react/LexicalComposer'
import { useLexicalComposerContext } from '@lexical/react/LexicalComposerContext'
import { ContentEditable } from '@lexical/react/LexicalContentEditable'
import { LexicalErrorBoundary } from '@lexical/react/LexicalErrorBoundary'
import { RichTextPlugin } from '@lexical/react/LexicalRichTextPlugin'
import { $getRoot } from 'lexical'
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { open, show } from './open.mjs'

const tab = open({ connect: false }) // The plugin connects, once it listens.
const providerFactory = (id, documents) => {
  documents.set(id, tab.doc)
  return tab.provider
}

const Shown = () => {
  const [editor] = useLexicalComposerContext()
  const text = () => editor.getEditorState().read(() => $getRoot().getTextContent())
  const putCaret = (at) => {
    editor.focus()
    editor.update(() => {
      const first = $getRoot().getFirstDescendant()
      first?.select(at, at)
    }, { discrete: true })
  }
  if (!window.tab) show(tab, text, putCaret)
  return null
}

const part = createElement
createRoot(document.getElementById('editor')).render(
  part(LexicalCollaboration, null, part(
    LexicalComposer, { initialConfig: { namespace: 'tests', editorState: null, nodes: [], onError: (error) => { throw error } } },
    part(RichTextPlugin, { contentEditable: part(ContentEditable), ErrorBoundary: LexicalErrorBoundary }),
    part(CollaborationPlugin, {
      id: 'main', providerFactory, shouldBootstrap: tab.user.name === 'Ada', username: tab.user.name
    }),
    part(Shown)
  ))
)
