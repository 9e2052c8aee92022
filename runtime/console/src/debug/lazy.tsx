/**
 * The debugger's place in the page: its code and its style are fetched when somebody opens it, and not before.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { go } from '../page/place'
import type { Room } from '../wire/room'

type View = typeof import('./debugger').Debugger

async function load(): Promise<View> {
  const [{ Debugger }] = await Promise.all([import('./debugger'), styled()])
  return Debugger
}

function styled(): Promise<void> {
  if (document.querySelector('link[href="debugger.css"]')) return Promise.resolve()
  return new Promise((settle, fail) => {
    const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: 'debugger.css' })
    link.onload = () => settle()
    link.onerror = () => { link.remove(); fail() }
    document.head.append(link)
  })
}

export function LazyDebugger({ room }: { room: Room }): VNode {
  const [view, show] = useState<{ View: View } | null>(null)
  const [failed, fail] = useState(false)
  useEffect(() => {
    let here = true
    load().then((View) => here && show({ View }), () => here && fail(true))
    return () => void (here = false)
  }, [])
  if (view) return <view.View key={room.name} room={room} />
  return (
    <div class="empty" role="status">
      {failed
        ? <><p>The debugger did not come. The server is away, or newer than this page.</p><p><button type="button" class="quiet" onClick={() => location.reload()}>load the page again</button> <button type="button" class="quiet" onClick={() => go({ view: '' })}>back to the room</button></p></>
        : <p class="note">Opening the debugger.</p>}
    </div>
  )
}
