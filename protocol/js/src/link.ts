/**
 * A link: how frames of lanes get to the server and back, whoever holds the socket.
 *
 * A lane is one document of one tab: `rooms/lobby` (the room document, with the room's control channel) or `lobby/notes`
 * (a shared document). All lanes of an origin share one socket, the multiplexed one at `/hocuspocus`; the `\0session`
 * suffix that the wire adds to a lane's name keeps the lanes of two tabs apart. `SocketLink` (socket.ts) holds a socket
 * itself; `SharedLink` (leader.ts) speaks through the tab that does, and is it once that tab has gone.
 */

import type { Watched } from './cell'

export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** It tries again by itself, at the latest `again_ms` from then. */
  | { readonly kind: 'offline'; readonly again_ms: number }
  /** The server said that it restarts (1012), or that it is full (1013); it tries again by itself. */
  | { readonly kind: 'restarting'; readonly again_ms: number }
  | { readonly kind: 'busy'; readonly again_ms: number }
  /** For good: `code` is a close code of 4400 to 4499, or 1000 once `close` was called. */
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }

/** What a lane hears. Nothing is kept for a lane: what was said before `opened` on an older socket is lost. */
export interface LaneEvents {
  /** There is a socket on which nothing of this lane was said yet: authenticate and say everything again. */
  opened(): void
  /** A binary frame's content behind the lane's name (wire of Hocuspocus: message type, then payload). */
  binary(message: Uint8Array): void
  /** A text frame of this lane, parsed, `to` taken away. */
  text(said: Readonly<Record<string, unknown>>): void
  /** The socket that the lane was on is gone. */
  lost(): void
}

export interface LaneSender {
  /** Whether there is a socket; what is sent without one is dropped. */
  readonly open: boolean
  /** `message`: type and payload; the lane's name is put in front. */
  binary(message: Uint8Array): void
  text(command: Readonly<Record<string, unknown>>): void
  /** Leave: the server is told (CLOSE), the lane hears nothing more. */
  close(): void
}

export interface Link {
  readonly state: Watched<LinkState>
  /**
   * Open a lane. `opened` is called at once, but not before this returned, if there is a socket already. A name that
   * holds a session already (`SharedLink` names the lanes of other tabs so) goes to the wire as it is.
   */
  lane(name: string, events: LaneEvents): LaneSender
  /** Try now instead of after the delay: the network came back, or somebody pressed a button. */
  retry(): void
  close(): void
}
