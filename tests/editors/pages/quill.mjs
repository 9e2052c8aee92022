// Quill with y-quill on the text root `content`, with its cursors and its undo.

import Quill from 'quill'
import QuillCursors from 'quill-cursors'
import { QuillBinding } from 'y-quill'
import { open, show } from './open.mjs'

Quill.register('modules/cursors', QuillCursors)
const tab = open()
const editor = new Quill('#editor', { modules: { cursors: true, toolbar: false, history: { userOnly: true } }, theme: null })
const binding = new QuillBinding(tab.doc.getText('content'), editor, tab.provider.awareness)
show(tab, () => editor.getText().replace(/\n$/, ''), (at) => {
  editor.focus()
  editor.setSelection(at, 0)
})
window.binding = binding
