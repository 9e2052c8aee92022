// CodeMirror 6 on the text root `content`, as plait's console and its agents' text tools use it.

import { EditorState } from '@codemirror/state'
import { EditorView, keymap } from '@codemirror/view'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import * as Y from 'yjs'
import { open, show } from './open.mjs'

const tab = open()
const text = tab.doc.getText('content')
const undoManager = new Y.UndoManager(text)
const extensions = [keymap.of(yUndoManagerKeymap), yCollab(text, tab.provider.awareness, { undoManager })]
const view = new EditorView({
  state: EditorState.create({ doc: text.toString(), extensions }),
  parent: document.getElementById('editor')
})
const putCaret = (at) => {
  view.focus()
  view.dispatch({ selection: { anchor: at } })
}
show(tab, () => view.state.doc.toString(), putCaret)
