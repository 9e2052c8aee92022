/**
 * A draft's hunks in the text of the draft: what would come is underlined, what would go stands struck out at its place.
 *
 * The hunks are about the text as the log had it a moment ago. They are drawn only if the words that they bring stand
 * where they say; until then those drawn before move along with what is typed.
 */

import { type EditorState, type Extension, StateEffect, StateField } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView, ViewPlugin, WidgetType } from '@codemirror/view'

import type { DraftHunk, DraftSpan } from '../wire/api'

const draw = StateEffect.define<DecorationSet>()

/** The root of a document that this page shows as text. */
export const TEXT_ROOT = 'content'

/** Whether a hunk can be shown in the text itself: it is of the document's text and not of a key or of a type in it. */
export function isInText({ path, key }: DraftHunk): boolean {
  return key === null && path.length === 1 && path[0] === TEXT_ROOT
}

/** The hunks of one draft in its editor; `extension` is what the editor has to be opened with. */
export class Diff {
  readonly extension: Extension
  private view: EditorView | null = null
  private hunks: readonly DraftHunk[] = []
  private looked = ''

  /** `chosen` hears of the hunk whose number was pressed. */
  constructor(private readonly chosen: (id: string) => void) {
    this.extension = [
      StateField.define<DecorationSet>({
        create: (state) => this.drawn(state) ?? Decoration.none,
        update: (now, { changes, effects }) => {
          const drawn = effects.find((effect) => effect.is(draw))
          return drawn ? (drawn.value as DecorationSet) : now.map(changes)
        },
        provide: (field) => EditorView.decorations.from(field)
      }),
      ViewPlugin.define((view) => {
        this.view = view
        return { destroy: () => void (this.view = null) }
      })
    ]
  }

  /** Draw these hunks instead of those before. */
  show(hunks: readonly DraftHunk[]): void {
    this.hunks = hunks
    this.draw()
  }

  /** Mark that hunk as the one that is looked at, and bring it into sight. */
  look(id: string): void {
    if (id === this.looked) return
    this.looked = id
    this.draw()
    const hunk = this.hunks.find((one) => one.id === id)
    const at = hunk && isInText(hunk) ? startOf(hunk) : undefined
    if (at === undefined || !this.view || at > this.view.state.doc.length) return
    this.view.dispatch({ effects: EditorView.scrollIntoView(at, { y: 'nearest', yMargin: 40 }) })
  }

  private draw(): void {
    const drawn = this.view && this.drawn(this.view.state)
    if (drawn) this.view!.dispatch({ effects: draw.of(drawn) })
  }

  /** The decorations, or null if the text is not the one that the hunks are about. */
  private drawn(state: EditorState): DecorationSet | null {
    const ranges = []
    for (const [index, hunk] of this.hunks.entries()) {
      if (!isInText(hunk)) continue
      if (!hunk.inserted.every((span) => stands(state, span)) || hunk.deleted.some(({ units }) => units[0] > state.doc.length)) return null
      const looked = hunk.id === this.looked ? ' looked' : ''
      ranges.push(Decoration.widget({ widget: new NumberSign(index + 1, hunk.id, this.chosen, looked), side: -2 }).range(startOf(hunk) ?? 0))
      for (const { text, units } of joined(hunk.deleted)) {
        if (text) ranges.push(Decoration.widget({ widget: new Struck(text, looked), side: -1 }).range(units[0]))
      }
      for (const { text, units } of joined(hunk.inserted)) {
        if (text) ranges.push(Decoration.mark({ tagName: 'ins', class: looked.trim() }).range(units[0], units[1]))
      }
    }
    return Decoration.set(ranges, true)
  }
}

/** Where a hunk begins in the draft. */
function startOf({ deleted, inserted }: DraftHunk): number | undefined {
  const places = [...deleted, ...inserted].map(({ units }) => units[0])
  return places.length ? Math.min(...places) : undefined
}

/** Neighbours that several records brought, as one: how often somebody paused is nothing to look at. */
function joined(spans: readonly DraftSpan[]): DraftSpan[] {
  const found: DraftSpan[] = []
  for (const span of spans) {
    const last = found.at(-1)
    if (last?.text && span.text && last.units[1] === span.units[0]) found[found.length - 1] = { text: last.text + span.text, units: [last.units[0], span.units[1]] }
    else found.push(span)
  }
  return found
}

function stands(state: EditorState, { text, units }: DraftSpan): boolean {
  return !text || state.sliceDoc(units[0], units[1]) === text
}

/** Words that would go, where they stood. They are no part of the text, so the caret passes them. */
class Struck extends WidgetType {
  constructor(private readonly text: string, private readonly looked: string) {
    super()
  }

  override eq(other: Struck): boolean {
    return other.text === this.text && other.looked === this.looked
  }

  override get lineBreaks(): number {
    return this.text.split('\n').length - 1
  }

  toDOM(): HTMLElement {
    const element = document.createElement('del')
    element.className = `struck${this.looked}`
    element.textContent = this.text
    return element
  }
}

/** The number of a hunk, by which it stands in the list below. */
class NumberSign extends WidgetType {
  constructor(private readonly nth: number, private readonly id: string, private readonly chosen: (id: string) => void, private readonly looked: string) {
    super()
  }

  override eq(other: NumberSign): boolean {
    return other.nth === this.nth && other.id === this.id && other.looked === this.looked
  }

  toDOM(): HTMLElement {
    const element = document.createElement('span')
    element.className = `nth${this.looked}`
    element.textContent = String(this.nth)
    // Who hears the page has the list, which says the same in words.
    element.setAttribute('aria-hidden', 'true')
    element.addEventListener('mousedown', (event) => {
      event.preventDefault()
      this.chosen(this.id)
    })
    return element
  }

  override ignoreEvent(): boolean {
    return true
  }
}
