/**
 * A room beside the one that it was forked from, or that was forked from it, after the same record of each: which runs
 * and documents are not the same.
 *
 * The seqs of both align up to the fork, so a moment of one has a moment of the other; where the other one is shorter its
 * newest is taken.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { go, place } from '../page/place'
import * as api from '../wire/api'
import type { Moment } from '../wire/api'
import { useLack } from '../wire/grant'
import * as past from '../wire/past'
import type { Lineage } from '../wire/past'
import { changed, runsApart } from './compare'
import type { Deck } from './deck'

export function Beside({ deck, moment, lineage }: { deck: Deck; moment: Moment; lineage: Lineage | null }): VNode {
  const names = [...(lineage?.of ? [lineage.of.room] : []), ...(lineage?.forks ?? []).map(({ room }) => room)]
  const [chosen, choose] = useState(names[0] ?? '')
  const { document } = useCell(place)
  const [other, tell] = useState<{ room: string; seq: number; moment: Moment | null; problem: string } | null>(null)
  useEffect(() => {
    if (!chosen) return
    let here = true
    const later = setTimeout(() => {
      api.head(chosen)
        .then((head) => api.nearMoment(chosen, Math.min(head, moment.seq), document))
        .then((found) => here && tell({ room: chosen, seq: moment.seq, moment: found, problem: '' }), (error: Error) => here && tell({ room: chosen, seq: moment.seq, moment: null, problem: error.message }))
    }, 120)
    return () => {
      here = false
      clearTimeout(later)
    }
  }, [chosen, moment, document])
  if (!chosen) return <p class="note">No other room comes from this one, and it comes from none.</p>
  const theirs = other?.room === chosen ? other.moment : null
  return (
    <>
      <p><label>beside <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>{names.map((name) => <option key={name}>{name}</option>)}</select></label> <button type="button" class="quiet link" onClick={() => go({ room: chosen, record: theirs?.seq ?? moment.seq, view: 'debug' })}>go there</button></p>
      {chosen === lineage?.of?.room && <GiveBack fork={deck.room.name} parent={chosen} />}
      {other?.problem && <p class="note" role="alert">{other.problem}</p>}
      {!theirs ? !other?.problem && <p class="note">Asking how it stood there.</p> : <Apart here={moment} there={theirs} document={document} name={deck.room.name} other={chosen} />}
    </>
  )
}

/** Writing what was written in the fork's documents into the room that it comes from, after a look at what that is. */
function GiveBack({ fork, parent }: { fork: string; parent: string }): VNode {
  const lack = useLack('write')
  const [looked, look] = useState<past.Merged | null>(null)
  const [told, tell] = useState('')
  const [busy, setBusy] = useState(false)
  const ask = async (preview: boolean): Promise<void> => {
    setBusy(true)
    tell('')
    try {
      const merged = await past.merge(fork, preview)
      look(preview ? merged : null)
      const edits = Object.values(merged.documents).reduce((sum, one) => sum + one.edits, 0)
      tell(preview ? (edits ? '' : 'There is nothing to give back.') : `${edits} ${edits === 1 ? 'edit is' : 'edits are'} in ${parent} now, by record ${merged.seq}.`)
      if (preview && !edits) look(null)
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
    setBusy(false)
  }
  return (
    <div class="give-back">
      {!looked && <button type="button" class="quiet bordered" disabled={busy || lack !== ''} title={lack || `Write what was written in the documents here into ${parent}`} onClick={() => void ask(true)}>merge back</button>}
      {looked && (
        <>
          <ul class="plain">{Object.entries(looked.documents).map(([name, { edits, authors }]) => <li key={name}><strong>{name}</strong>: {edits} {edits === 1 ? 'edit' : 'edits'} by {authors.join(', ')}</li>)}</ul>
          <p><button type="button" class="chosen" disabled={busy} onClick={() => void ask(false)}>write them into {parent}</button> <button type="button" class="quiet" onClick={() => look(null)}>leave it</button></p>
        </>
      )}
      {told && <p class="note" role="status">{told}</p>}
    </div>
  )
}

function Apart({ here, there, document, name, other }: { here: Moment; there: Moment; document: string; name: string; other: string }): VNode {
  const runs = runsApart(here, there)
  const [mine, theirs] = [textOf(here.roots), textOf(there.roots)]
  const [start, own, gone, end] = changed(theirs, mine)
  return (
    <>
      <p class="note" role="status">{runs.length === 0 && mine === theirs ? `After record ${there.seq} both are the same.` : `After record ${here.seq} here and ${there.seq} there: ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} and ${mine === theirs ? 'no text' : `the text of ${document}`} differ.`}</p>
      <ul class="cards">
        {runs.map((run) => (
          <li key={run.id}>
            <p><strong class="mono">run {Number(run.id)}</strong></p>
            {run.apart.map(({ what, here, there }) => <p key={what}><span class="by">{what}</span> {there !== undefined && <del title={other}>{there}</del>} {here !== undefined && <ins title={name}>{here}</ins>}</p>)}
          </li>
        ))}
      </ul>
      {mine !== theirs && <><h3>{document}</h3><pre class="as-written">{start}{gone && <del title={other}>{gone}</del>}{own && <ins title={name}>{own}</ins>}{end}</pre></>}
    </>
  )
}

function textOf(roots: Moment['roots']): string {
  const values = Object.values(roots ?? {})
  return values.length === 1 && typeof values[0] === 'string' ? values[0] : values.length ? JSON.stringify(roots, null, 2) : ''
}
