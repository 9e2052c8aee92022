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
import { App } from './page/app'
import { FIRST_ROOM, go, place } from './page/place'
import * as api from './wire/api'

async function begin(): Promise<void> {
  if (!place.value.room) {
    // Two tabs of a newcomer must meet, so a server without rooms has one fixed first room.
    const newest = await api.rooms('').then(({ rooms }) => rooms[0]?.name, () => undefined)
    go({ room: newest ?? FIRST_ROOM }, true)
  }
  render(<App />, document.getElementById('page')!)
}

void begin()
