/**
 * Begins the page: finds the room that the URL names, or the newest one, or the first room of a new server.
 */

import { render } from 'preact'

import './style/tokens.css'
import './style/layout.css'
import './style/chat.css'
import './style/asking.css'
import './style/prose.css'
import './style/code.css'
import './style/document.css'
import './style/drafts.css'
import './style/timeline.css'
import './style/dialogs.css'
import './style/dock.css'
import './style/parts.css'
import './style/signin.css'
import { Page } from './page/app'
import { FIRST_ROOM, go, place } from './page/place'
import * as api from './wire/api'
import { begin as beginGrant, grant, wanted } from './wire/grant'

/** Go to the room that was active last, if the URL names none. Who is asked for a grant first goes there afterwards. */
async function findRoom(): Promise<void> {
  if (place.value.room) return
  const newest = await api.rooms('').then(({ rooms }) => rooms[0]?.name, () => undefined)
  // Two tabs of a newcomer must meet, so a server without rooms has one fixed first room.
  if (!wanted.value && !place.value.room) go({ room: newest ?? FIRST_ROOM }, true)
}

async function begin(): Promise<void> {
  beginGrant()
  await findRoom()
  grant.watch(() => void findRoom())
  render(<Page />, document.getElementById('page')!)
}

void begin()
