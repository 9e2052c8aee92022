/**
 * A Tiptap editor in which people and an agent write at the same time. The shared document is a plain `Y.Doc` with an
 * awareness, so the editor's own collaboration extensions work on it as they are.
 */

import { Editor } from '@tiptap/core'
import Collaboration from '@tiptap/extension-collaboration'
import CollaborationCaret from '@tiptap/extension-collaboration-caret'
import StarterKit from '@tiptap/starter-kit'
import { connect } from 'plait-client'

/** Where plait listens; start.mjs says it. */
declare const SERVER: string

const place = new URLSearchParams(location.search)
const user = { name: place.get('name') ?? 'Somebody', color: '#3b6fd4' }
const room = connect(SERVER, { room: place.get('room') ?? 'editor', ...user })
const shared = room.document('main')
const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T

new Editor({
  element: element('editor'),
  extensions: [
    StarterKit.configure({ undoRedo: false }),
    Collaboration.configure({ document: shared.doc }),
    CollaborationCaret.configure({ provider: { awareness: shared.awareness }, user })
  ]
})

function show(): void {
  const status = shared.status.value
  element('status').textContent = status.kind === 'refused' ? status.message : status.kind
  element('saved').textContent = shared.saved.value ? 'saved' : 'saving …'
  const open = Object.values(room.snapshot.value.runs).some(({ status }) => status === 'running' || status === 'waiting')
  element('stop').hidden = !open
}
for (const watched of [shared.status, shared.saved, room.snapshot]) watched.subscribe(show)
show()

element('ask').addEventListener('submit', (event) => {
  event.preventDefault()
  const prompt = element<HTMLInputElement>('prompt')
  room.prompt(prompt.value, { agent: 'cowriter' }).catch((error: Error) => alert(error.message))
  prompt.value = ''
})
element('stop').addEventListener('click', () => void room.stop())
