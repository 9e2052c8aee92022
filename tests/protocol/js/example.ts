// The README's example, word for word, so that the compiler checks it.
import { connect } from 'plait-client'

const room = connect('http://127.0.0.1:8787', { room: 'lobby', name: 'Ada' })

// What is there: plain, read-only values. What did not change is the same object as before.
room.snapshot.subscribe(() => console.log(room.snapshot.value.room.title))

// Ask. It resolves when it is on the server's disk, and waits in the outbox through reloads and offline time.
const { run } = await room.prompt('What is on my page?')
const answer = room.at<string>(['runs', run, 'parts', 0, 'text'])
answer.subscribe(() => console.log(answer.value))

// Lend agents a tool of this page; a call is carried out here, once.
const withdraw = room.registerTool('page_title', { description: 'The title of the page.', effect: 'read' }, () => document.title)

// Decide what agents ask.
for (const part of room.snapshot.value.runs[run]?.parts ?? []) {
  if (part.type === 'tool' && part.state === 'asking') await room.approve({ run, step: part.call ?? '', shown: part.digest ?? '' })
}

// A shared document, for any editor binding that takes a Y.Doc and an awareness.
const notes = room.document('notes')
await notes.synced
notes.doc.getText('content').insert(0, 'Hello')
notes.saved.subscribe(() => console.log(notes.saved.value ? 'saved' : 'saving'))

withdraw()
notes.close()
room.close()
