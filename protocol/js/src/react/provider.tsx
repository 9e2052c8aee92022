/**
 * Which room the hooks mean: `<RoomProvider url="…" room="lobby">` around whatever uses them.
 *
 * The room is connected in an effect: not on a server, and not by a render that React throws away. Until then, and on a
 * server, hooks give what a room is before anything came. In StrictMode, which mounts twice, the second mount gets a
 * room of its own again.
 */

import { createContext, useContext, useEffect, useRef, useState, type ReactNode } from 'react'
import { connect, type ConnectOptions } from '../connect'
import type { Room } from '../room'

const Connected = createContext<Room | null>(null)

export type RoomProviderProps = { readonly children?: ReactNode } & (
  /** A room that the page connected itself, and closes itself. */
  | { readonly room: Room }
  /** The room's name; `url` is the server's, by default the page's own. */
  | ({ readonly room: string; readonly url?: string } & Omit<ConnectOptions, 'room'>)
)

export function RoomProvider(props: RoomProviderProps): ReactNode {
  return typeof props.room === 'string' ? (
    <Connecting {...(props as ConnectingProps)} />
  ) : (
    <Connected value={props.room}>{props.children}</Connected>
  )
}

type ConnectingProps = { readonly children?: ReactNode; readonly url?: string } & ConnectOptions

function Connecting({ children, url = '', room: name, grant, ...options }: ConnectingProps): ReactNode {
  const [room, setRoom] = useState<Room | null>(null)
  // Written in the page, options are new objects in each render; a room is connected with those of its first.
  const latest = useRef({ grant, options })
  useEffect(() => { latest.current = { grant, options } })
  const granted = typeof grant === 'string' ? grant : typeof grant
  useEffect(() => {
    const { grant, options } = latest.current
    const asked = typeof grant === 'function' ? (renews: boolean) => ask(latest.current.grant, renews) : grant
    const opened = connect(url, { ...options, room: name, grant: asked })
    setRoom(opened)
    return () => {
      setRoom(null)
      opened.close()
    }
  }, [url, name, granted])
  return <Connected value={room}>{children}</Connected>
}

async function ask(grant: ConnectOptions['grant'], renews: boolean): Promise<string> {
  return typeof grant === 'function' ? grant(renews) : (grant ?? '')
}

/** The room of the nearest provider; null on a server and until it is connected. */
export function useConnected(): Room | null {
  return useContext(Connected)
}
