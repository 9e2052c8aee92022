// Monaco with y-monaco on the text root `content`. Its own undo knows nothing of Yjs, so the page brings Yjs's.

import * as monaco from 'monaco-editor/esm/vs/editor/editor.api.js'
import { MonacoBinding } from 'y-monaco'
import { open, show } from './open.mjs'

// Without a language nothing is left for a worker to do.
globalThis.MonacoEnvironment = { getWorker: () => ({ postMessage () {}, addEventListener () {}, terminate () {} }) }
const tab = open()
const holder = document.getElementById('editor')
holder.style.height = '300px'
const editor = monaco.editor.create(holder, { value: '', language: 'plaintext', wordBasedSuggestions: 'off', quickSuggestions: false })
const binding = new MonacoBinding(tab.doc.getText('content'), editor.getModel(), new Set([editor]), tab.provider.awareness)
const putCaret = (at) => {
  editor.focus()
  editor.setPosition(editor.getModel().getPositionAt(at))
}
show(tab, () => editor.getValue(), putCaret)
window.binding = binding // A page holds its binding as long as its editor.
