/**
 * The shared documents' pane: which documents there are, which changes of the open one wait for a decision, and the editor.
 *
 * A room's documents are told by the server and by the records that come; any other one is opened by its name, and comes
 * to be with its first edit. A draft is opened like a document and stands under the one that it would change.
 */

import type { VNode } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import { documentNameProblem, FIRST_DOCUMENT, go, place } from '../page/place'
import * as api from '../wire/api'
import type { Room } from '../wire/room'
import { draftedOf } from './drafts'
import { whoWrote } from './hover'
import { Proposal } from './proposal'
import { Propose, Proposals } from './proposals'
import { Surface, useLine } from './surface'

export function DocumentPane({ room }: { room: Room }): VNode {
  const name = useCell(place).document
  const drafted = draftedOf(name)
  const shown = drafted ?? name
  const names = useNames(room, shown)
  return (
    <section class="pane document" aria-label="Shared documents">
      <header>
        <h2>documents</h2>
        <div class="names" role="group" aria-label="Documents of this room">
          {names.map((other) => (
            <button key={other} type="button" class="tab" aria-pressed={other === shown} onClick={() => go({ document: other })}>{other}</button>
          ))}
          <Another />
        </div>
      </header>
      <Proposals room={room} of={shown} current={name} />
      {drafted !== null
        ? <Proposal key={`${room.name}/${name}`} room={room} name={name} of={drafted} />
        : <Editor key={`${room.name}/${name}`} room={room} name={name} />}
    </section>
  )
}

/** The names of the room's documents, the open one among them; drafts are no documents of their own. */
function useNames(room: Room, open: string): string[] {
  const told = useCell(room.records.documents)
  const loaded = useCell(room.line.loaded)
  const [listed, list] = useState<readonly string[]>([])
  useEffect(() => {
    let here = true
    // A list that does not come costs a tab or two; whatever is wrong is told where the room is.
    if (loaded) api.documents(room.name).then((names) => here && list(names), () => {})
    return () => void (here = false)
  }, [room, loaded])
  const others = [...new Set([...listed, ...told, open])].filter((name) => name !== FIRST_DOCUMENT && draftedOf(name) === null)
  return [FIRST_DOCUMENT, ...others.sort()]
}

function Another(): VNode {
  const [asking, ask] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  if (!asking) {
    return <button type="button" class="tab" onClick={() => ask(true)} aria-label="Open another document">+</button>
  }
  const opened = (event: Event): void => {
    event.preventDefault()
    const name = new FormData(event.currentTarget as HTMLFormElement).get('name')?.toString().trim() ?? ''
    const wrong = name ? documentNameProblem(name) : null
    setProblem(wrong)
    if (wrong) return
    ask(false)
    if (name) go({ document: name })
  }
  return (
    <form onSubmit={opened} onKeyDown={(event) => { if (event.key === 'Escape') ask(false) }}>
      <input ref={(input) => input?.focus()} name="name" placeholder="name" aria-label="Name of the document" autocomplete="off" />
      {problem && <p class="error-line" role="alert">{problem}</p>}
    </form>
  )
}

function Editor({ room, name }: { room: Room; name: string }): VNode {
  const line = useLine(room, name)
  const more = useMemo(() => whoWrote(room, name, 'content'), [room, name])
  return <Surface line={line} name={name} more={more}><Propose room={room} of={name} /></Surface>
}
