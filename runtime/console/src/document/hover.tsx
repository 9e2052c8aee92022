/**
 * Shows the card of who wrote this: over the word that the mouse rests on, and over the caret's with Alt and Enter.
 *
 * The pointer's card comes without the focus and goes with the pointer. The keyboard's has the focus, keeps what is typed
 * from being taken for the page's keys, and gives the focus back to the text. A card stays while others write elsewhere,
 * and goes once its own words change. A finger has no card: a long press selects, as it does in every text.
 */

import { type EditorState, type Extension, Prec } from '@codemirror/state'
import { activateHover, closeHoverTooltip, EditorView, hoverTooltip, keymap, type Tooltip, type TooltipView } from '@codemirror/view'
import { render } from 'preact'

import type { Room } from '../wire/room'
import { Card } from './card'
import { type Unknown, Writers, type Writing } from './writers'

/** How long the mouse rests before anything is asked. */
const REST_MS = 350
const MOUSE = matchMedia('(hover: hover)')
/** How often the keyboard's question is put again because the text changed meanwhile. */
const TRIES = 3

/** An editor's extension: who wrote the text `root` of that document. */
export function whoWrote(room: Room, document: string, root: string): Extension {
  const writers = new Writers(room.name, document, root)
  let prepared: Tooltip | null = null

  const hovered = async (view: EditorView, pos: number, side: number): Promise<Tooltip | null> => {
    const at = side < 0 ? pos - 1 : pos
    if (!MOUSE.matches || !isCharacter(view.state, at)) return null
    const found = await writers.of(view.state.doc.lineAt(at), at)
    return tooltip(view.state, at, (view) => card(view, found, false))
  }
  const cards = hoverTooltip((view, pos, side) => prepared ?? hovered(view, pos, side), {
    hoverTime: REST_MS,
    hideOn: (change, { pos, end }) => change.docChanged && change.changes.touchesRange(pos, end) !== false
  })

  const card = (view: EditorView, found: Writing | Unknown, focused: boolean): TooltipView => {
    const dom = view.dom.ownerDocument.createElement('div')
    dom.className = 'written'
    dom.tabIndex = -1
    dom.setAttribute('role', 'dialog')
    dom.setAttribute('aria-label', 'Who wrote this')
    const close = (): void => view.dispatch({ effects: closeHoverTooltip(cards) })
    dom.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey) return
      event.stopPropagation()
      if (event.key === 'Escape') {
        view.focus()
        close()
      }
    })
    dom.addEventListener('focusout', ({ relatedTarget }) => {
      // A button that gives way to another one takes the focus to nothing; that is not leaving.
      if (focused && relatedTarget instanceof Node && !dom.contains(relatedTarget)) close()
    })
    render(<Card room={room} found={found} />, dom)
    return {
      dom,
      mount: () => { if (focused) dom.focus({ preventScroll: true }) },
      destroy: () => {
        if (dom.contains(dom.ownerDocument.activeElement)) view.focus()
        render(null, dom)
      }
    }
  }

  const ask = async (view: EditorView): Promise<void> => {
    for (let tried = 1; tried <= TRIES; tried++) {
      const { state } = view
      const at = beside(state)
      if (at === null) return
      const found = await writers.of(state.doc.lineAt(at), at)
      if (!view.dom.isConnected) return
      if (view.state.doc !== state.doc) continue
      prepared = tooltip(state, at, (view) => card(view, found, true))
      activateHover(view, at, 1, { tooltip: cards, until: ({ selection }) => selection !== undefined })
      prepared = null
      return
    }
  }
  return [
    cards,
    EditorView.updateListener.of(({ docChanged }) => { if (docChanged) writers.forget() }),
    Prec.high(keymap.of([{ key: 'Alt-Enter', run: (view) => { void ask(view); return true } }]))
  ]
}

/** A card over the word in which that character stands: who reads on moves the mouse out of it. */
function tooltip(state: EditorState, at: number, create: (view: EditorView) => TooltipView): Tooltip {
  const word = state.wordAt(at)
  return { pos: word?.from ?? at, end: Math.max(word?.to ?? at + 1, at + 1), above: true, create }
}

function isCharacter(state: EditorState, at: number): boolean {
  return at >= 0 && at < state.doc.length && state.sliceDoc(at, at + 1) !== '\n'
}

/** The character behind the caret, or else the one before it. */
function beside(state: EditorState): number | null {
  const { head } = state.selection.main
  return [head, head - 1].find((at) => isCharacter(state, at)) ?? null
}
