/**
 * A room's file that is dropped anywhere on the debugger is opened as a room.
 *
 * Only here: wherever a file is dropped beside a conversation, it goes with the next prompt.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { go } from '../page/place'
import * as past from '../wire/past'

function holdsArchive(event: DragEvent): boolean {
  return [...(event.dataTransfer?.items ?? [])].some(({ kind, type }) => kind === 'file' && type.includes('zip'))
}

export function Drop(): VNode | null {
  const [over, setOver] = useState(false)
  const [told, tell] = useState('')
  useEffect(() => {
    const dragged = (event: DragEvent): void => {
      if (!holdsArchive(event)) return
      event.preventDefault()
      setOver(true)
    }
    const left = (event: DragEvent): void => { if (event.relatedTarget === null) setOver(false) }
    const dropped = (event: DragEvent): void => {
      setOver(false)
      const file = event.dataTransfer?.files[0]
      if (event.defaultPrevented || !file || !holdsArchive(event)) return
      event.preventDefault()
      tell(`Opening ${file.name}.`)
      past.importBundle(file).then(
        (room) => { tell(''); go({ room, document: 'main', record: null, view: 'debug', panel: '', then: false }) },
        (error: Error) => tell(past.missing(error) ? 'This server opens no files.' : `${file.name} was not opened: ${error.message}`)
      )
    }
    addEventListener('dragover', dragged)
    addEventListener('dragleave', left)
    addEventListener('drop', dropped)
    return () => {
      removeEventListener('dragover', dragged)
      removeEventListener('dragleave', left)
      removeEventListener('drop', dropped)
    }
  }, [])
  if (!over && !told) return null
  return (
    <div class={`dropping${over ? ' over' : ''}`} role="status">
      <p>{over ? 'Drop a room’s file to open it here' : told}{told && !over && <button type="button" class="quiet" onClick={() => tell('')}>close</button>}</p>
    </div>
  )
}
