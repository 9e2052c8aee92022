/**
 * What one does with a moment: link to it, see where its room comes from, take the room along as a file.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { go } from '../page/place'
import * as past from '../wire/past'
import type { Deck } from './deck'

/** What the server knows of forks and files, asked when the debugger is opened. */
export interface Able {
  readonly lineage: past.Lineage | null
  readonly exports: boolean
  readonly finds: boolean
}

export function useAble(room: string): Able {
  const [able, setAble] = useState<Able>({ lineage: null, exports: false, finds: false })
  useEffect(() => {
    let here = true
    const learn = (what: Partial<Able>): void => { if (here) setAble((now) => ({ ...now, ...what })) }
    setAble({ lineage: null, exports: false, finds: false })
    past.lineage(room).then((lineage) => learn({ lineage }), () => {})
    void past.exports(room).then((exports) => learn({ exports }))
    past.find(room, { when: 'seq' }, 1_000_000_000).then(() => learn({ finds: true }), (error) => learn({ finds: !past.missing(error) }))
    return () => void (here = false)
  }, [room])
  return able
}

/** Copies the link that brings somebody else to this moment. */
export function Link({ deck }: { deck: Deck }): VNode {
  const [told, tell] = useState('')
  useEffect(() => {
    if (!told) return
    const later = setTimeout(() => tell(''), 2_000)
    return () => clearTimeout(later)
  }, [told])
  const copy = async (): Promise<void> => {
    go({ record: deck.at.value }, true)
    try {
      await navigator.clipboard.writeText(location.href)
      tell('copied')
    } catch {
      tell('it is in the address bar')
    }
  }
  return <button type="button" class="quiet" title="Copy a link to this moment" onClick={() => void copy()}>{told || 'link'}<span class="unseen" role="status">{told && `Link ${told}.`}</span></button>
}

export function Export({ deck }: { deck: Deck }): VNode {
  const [busy, setBusy] = useState(false)
  const [problem, complain] = useState('')
  const take = async (): Promise<void> => {
    setBusy(true)
    complain('')
    try {
      const address = URL.createObjectURL(await past.bundle(deck.room.name))
      const link = Object.assign(document.createElement('a'), { href: address, download: `${deck.room.name}.zip` })
      link.click()
      setTimeout(() => URL.revokeObjectURL(address), 60_000)
    } catch (error) {
      complain(error instanceof Error ? error.message : String(error))
    }
    setBusy(false)
  }
  return <button type="button" class="quiet" disabled={busy} title={problem || 'Save this room as a file that opens on another machine'} onClick={() => void take()}>{busy ? 'saving' : problem ? 'not saved' : 'export'}</button>
}

/** Where this room comes from, and what went on from it. */
export function Lineage({ lineage, deck }: { lineage: past.Lineage | null; deck: Deck }): VNode | null {
  if (!lineage || (!lineage.of && !lineage.forks.length)) return null
  return (
    <span class="lineage">
      {lineage.of && <>fork of <button type="button" class="quiet link" onClick={() => go({ room: lineage.of!.room, record: lineage.of!.at, view: 'debug' })}>{lineage.of.room} at {lineage.of.at}</button></>}
      {lineage.forks.map((fork) => (
        <span key={fork.room}>
          forked at <button type="button" class="quiet link mono" onClick={() => deck.goTo(fork.at)}>{fork.at}</button>: <button type="button" class="quiet link" onClick={() => go({ room: fork.room, record: null, view: 'debug' })}>{fork.room}</button>
        </span>
      ))}
    </span>
  )
}
