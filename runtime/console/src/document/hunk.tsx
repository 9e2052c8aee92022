/**
 * One change of a draft as a line: what goes, what comes, whose it is, and the two words that decide about it.
 *
 * What somebody proposes is shown as text, cut where it is long, with hidden signs spelled out: whoever accepts it should
 * have seen it.
 */

import type { VNode } from 'preact'

import { unhidden } from '../chat/fields'
import type { DraftHunk, DraftSpan } from '../wire/api'
import type { Room } from '../wire/room'
import { isInText } from './diff'

export type Verdict = 'accept' | 'reject'

const SAID_SHOWN = 400

interface HunkHow {
  readonly room: Room
  readonly hunk: DraftHunk
  readonly nth: number
  /** What was asked about it and is not answered yet. */
  readonly asked: Verdict | null
  /** Null where nothing can be decided any more. */
  readonly decide: ((verdict: Verdict) => void) | null
  readonly look: () => void
  readonly step: (by: 1 | -1) => void
}

export function Hunk({ room, hunk, nth, asked, decide, look, step }: HunkHow): VNode {
  const by = writer(room, hunk)
  const keys: Record<string, (() => void) | null> = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Enter: decide && (() => decide('accept')),
    Backspace: decide && (() => decide('reject')),
    Delete: decide && (() => decide('reject'))
  }
  const keyed = (event: KeyboardEvent): void => {
    const act = keys[event.key]
    // A button in the line has its own Enter.
    if (!act || event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  }
  const told = asked === 'accept' ? 'accepting' : asked === 'reject' ? 'rejecting' : null
  return (
    <li>
      <div class="hunk" data-hunk={hunk.id} tabIndex={0} role="group" aria-label={`Change ${nth} by ${by}`} onFocus={look} onMouseEnter={look} onKeyDown={keyed}>
        <span class="nth" aria-hidden="true">{nth}</span>
        <div class="said">
          {!isInText(hunk) && <span class="where mono">{[...hunk.path, ...(hunk.key === null ? [] : [hunk.key])].map(String).join(' › ')}</span>}
          {hunk.deleted.length > 0 && <del><span class="unseen">goes: </span>{saying(hunk.deleted)}</del>}
          {hunk.inserted.length > 0 && <ins><span class="unseen">comes: </span>{saying(hunk.inserted)}</ins>}
        </div>
        <span class="by">{by}</span>
        {decide && (
          <span class="choice">
            {told ?? (
              <>
                <button type="button" class="quiet accept" aria-label={`Accept change ${nth}`} onClick={() => decide('accept')}>accept</button>
                <button type="button" class="quiet reject" aria-label={`Reject change ${nth}`} onClick={() => decide('reject')}>reject</button>
              </>
            )}
          </span>
        )}
      </div>
    </li>
  )
}

/** Whose change it is: an agent's by the run in which it made it, or a person's. */
function writer(room: Room, { run, author }: DraftHunk): string {
  const agent = run ? room.runs.get(run)?.get('agent') : undefined
  return agent ? String(agent) : author === 'anonymous' || !author ? 'someone' : author
}

/** Spans as one line of words: text as it is, the ends of its lines as a sign, a mark by its name, a value as JSON. */
function saying(spans: readonly DraftSpan[]): string {
  const text = spans.map(({ text, values, mark }) => text ?? (mark ? ` ⟨${marked(mark)}⟩ ` : (values ?? []).map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(', '))).join('')
  const line = (unhidden(text) ?? text).replaceAll('\n', '↵')
  return line.length > SAID_SHOWN ? line.slice(0, SAID_SHOWN - 1) + '…' : line
}

/** A mark that begins has a value, one that ends has none. */
function marked([name, value]: readonly [string, unknown]): string {
  return value === null ? `no more ${name}` : value === true || (typeof value === 'object' && Object.keys(value ?? {}).length === 0) ? name : `${name} ${JSON.stringify(value)}`
}
