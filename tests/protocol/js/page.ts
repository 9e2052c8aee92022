/**
 * The page that the browser tests open: one room, and a note of everything that a test asks about afterwards.
 *
 * `?server=…&room=…`. What was asked is answered in `outcomes`; `wrong` counts what no reader may ever see: an answer
 * that lost a word, or that was there twice.
 */

import { connect, type PromptOptions } from 'plait-client'

const asked = new URLSearchParams(location.search)
const room = connect(asked.get('server')!, {
  room: asked.get('room')!,
  ...(asked.has('name') ? { name: asked.get('name')! } : {}),
  ...(asked.has('grant') ? { grant: renewed } : {})
})
const notes = document.documentElement.dataset
const outcomes: Record<string, unknown> = {}
const seen = new Map<string, string>()
let grants = 0
let wrong = 0

async function renewed(): Promise<string> {
  grants += 1
  notes.grants = String(grants)
  return ''
}

function texts(): string[] {
  return Object.values(room.snapshot.value.runs).map((run) => run.parts.map((part) => (part.type === 'text' ? part.text : '')).join(''))
}

function look(): void {
  for (const [id, run] of Object.entries(room.snapshot.value.runs)) {
    const text = run.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
    if (!text.startsWith(seen.get(id) ?? '') || !run.prompt.startsWith(text)) wrong += 1
    seen.set(id, text)
  }
  const runs = Object.values(room.snapshot.value.runs)
  notes.runs = runs.map((run) => run.status).join(' ')
  notes.words = String(texts().join(' ').split(' ').filter(Boolean).length)
  notes.wrong = String(wrong)
}

function tell(): void {
  notes.status = room.status.value.kind
  notes.waiting = room.waiting.value.map(({ body }) => body.text ?? body.do).join('|')
  notes.refused = room.refusedLater.value.map(({ body, refused }) => `${body.text}: ${refused.code}`).join('|')
  notes.present = room.presence.value.filter(({ me }) => !me).map(({ name }) => name).sort().join(' ')
}

/** Resolves once it is kept: what ends before that was not asked. */
function ask(text: string, options: PromptOptions = {}): Promise<void> {
  return new Promise((kept) => {
    const there = (): void => { if (text in outcomes || room.waiting.value.some(({ body }) => body.text === text)) kept() }
    const unwatch = room.waiting.subscribe(there)
    room.prompt(text, options).then(
      ({ run }) => { outcomes[text] = run },
      (refused) => { outcomes[text] = refused.code }
    ).finally(() => {
      notes.outcomes = JSON.stringify(outcomes)
      there()
      unwatch()
    })
  })
}

room.snapshot.subscribe(look)
for (const watched of [room.status, room.waiting, room.refusedLater, room.presence]) watched.subscribe(tell)
tell()
Object.assign(window, { room, ask, texts })
