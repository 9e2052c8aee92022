// Tiptap 3 on its default root, `default`; undo and redo are the collaboration extension's.

import { Editor } from '@tiptap/core'
import Collaboration from '@tiptap/extension-collaboration'
import CollaborationCaret from '@tiptap/extension-collaboration-caret'
import StarterKit from '@tiptap/starter-kit'
import { open, putCaret, show } from './open.mjs'

const tab = open()
const editor = new Editor({
  element: document.getElementById('editor'),
  extensions: [
    StarterKit.configure({ undoRedo: false }),
    Collaboration.configure({ document: tab.doc }),
    CollaborationCaret.configure({ provider: tab.provider, user: tab.user })
  ]
})
show(tab, () => editor.getText(), putCaret(editor))
