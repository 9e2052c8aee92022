// BlockNote's core without its React parts, on the root that its own examples use, `document-store`.

import { BlockNoteEditor } from '@blocknote/core'
import { open, putCaret, show } from './open.mjs'

const tab = open()
const fragment = tab.doc.getXmlFragment('document-store')
const editor = BlockNoteEditor.create({ collaboration: { provider: tab.provider, fragment, user: tab.user } })
editor.mount(document.getElementById('editor'))
const shown = (block) => (block.content ?? []).map(({ text }) => text).join('')
show(tab, () => editor.document.map(shown).join('\n').trimEnd(), putCaret(editor._tiptapEditor))
