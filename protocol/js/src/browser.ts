/**
 * What rooms stand on in this page: the shared socket and the stored outbox where the browser allows them.
 */

import { newId } from './ids'
import { SharedLink } from './leader'
import type { Link } from './link'
import { MemoryOutbox, type Outbox } from './outbox'
import { thisPage } from './page'
import { address, SocketLink, type Sockets } from './socket'
import { StoredOutbox } from './stored'

/** A link to that server: with every other page of this origin, unless the caller brings a WebSocket of their own. */
export function linkTo(url: string, WebSocket?: Sockets): Link {
  const own = (): Link => new SocketLink({ url, session: newId(), WebSocket })
  const page = WebSocket ? null : thisPage()
  return page ? new SharedLink(address(url), page, own) : own()
}

/** Where commands for that server wait; `account` keeps apart the people who use one browser. */
export function outboxFor(url: string, account = ''): Outbox {
  if (typeof location === 'undefined' || !canStore()) return new MemoryOutbox()
  return new StoredOutbox(`${address(url)} ${account}`, thisPage())
}

/** A page in a sandbox may not even ask whether there is a database. */
function canStore(): boolean {
  try {
    return typeof indexedDB !== 'undefined' && indexedDB !== null
  } catch {
    return false
  }
}
