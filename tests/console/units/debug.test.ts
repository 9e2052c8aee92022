/** The debugger's logic: columns of the log, lanes, what shares a pixel, and how far playback has come. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { advance, firstStop, LONGEST_PAUSE_MS } from '../../../runtime/console/src/debug/clock'
import { changed, common, requestsBefore, runsApart } from '../../../runtime/console/src/debug/compare'
import { gather, layOut, nearest, NONE, runBeside } from '../../../runtime/console/src/debug/lanes'
import { Moments } from '../../../runtime/console/src/debug/moments'
import { Outline, PAGE } from '../../../runtime/console/src/debug/outline'
import { otherwise, read as readSearch } from '../../../runtime/console/src/debug/query'
import type { OutlinePage } from '../../../runtime/console/src/wire/past'
import { KINDS } from '../../../runtime/console/src/wire/records'

interface Row { type: string; author?: string; run?: number; step?: string; name?: string; parent?: number; size?: number }

/** A page of the outline, as the server tells it. */
function page(rows: readonly Row[], first = 1, head = first + rows.length - 1): OutlinePage {
  const words = ['']
  const number = (word = ''): number => {
    const at = words.indexOf(word)
    return at >= 0 ? at : words.push(word) - 1
  }
  return {
    first, head, words,
    time: rows.map((_, nth) => (first + nth) * 100),
    type: rows.map(({ type }) => number(type)),
    author: rows.map(({ author }) => number(author ?? 'agent:assistant')),
    run: rows.map(({ run }) => run ?? 0),
    step: rows.map(({ step }) => number(step)),
    name: rows.map(({ name }) => number(name)),
    document: rows.map(() => 0),
    parent: rows.map(({ parent }) => parent ?? 0),
    size: rows.map(({ size }) => size ?? 3)
  }
}

function outline(rows: readonly Row[]): Outline {
  const log = new Outline(() => new Promise(() => {}))
  log.take(page(rows))
  return log
}

/** So many whole runs of so many tokens, by two people in turn. */
function runs(count: number, tokens: number): Row[] {
  return Array.from({ length: count }, (_, nth) => {
    const run = nth * (tokens + 2) + 1
    return [
      { type: 'run-requested', author: nth % 2 ? 'noor' : 'ada', run, name: `assistant: ask ${nth}` },
      ...Array.from({ length: tokens }, () => ({ type: 'text-streamed', run, step: 'generate.0' })),
      { type: 'run-finished', run }
    ]
  }).flat()
}

test('CO50: runs one after the other share a lane, a run inside another stands under it, people and tools have their own', () => {
  const log = outline([
    { type: 'run-requested', author: 'ada', run: 1, name: 'assistant: go' },
    { type: 'tool-delegated', run: 1, step: 'call.0', name: 'researcher' },
    { type: 'run-requested', author: 'agent:assistant', run: 3, parent: 1, name: 'researcher: look' },
    { type: 'tool-started', run: 3, step: 'call.1', name: 'search' },
    { type: 'tool-failed', run: 3, step: 'call.1' },
    { type: 'run-finished', run: 3 },
    { type: 'run-failed', run: 1 },
    { type: 'run-requested', author: 'noor', run: 8, name: 'assistant: more' }
  ])
  const layout = layOut(log)
  assert.deepEqual(layout.lanes.map(({ group, name }) => `${group} ${name}`), ['people ada', 'people noor', 'runs runs', 'runs ', 'tools researcher', 'tools search'])
  assert.deepEqual(layout.runs.map(({ run, row, from, to, end }) => [run, row, from, to, end]), [[1, 2, 1, 7, 'failed'], [3, 3, 3, 6, 'done'], [8, 2, 8, 8, 'open']])
  assert.deepEqual(layout.calls.map(({ label, from, to, end }) => [label, from, to, end]), [['researcher', 2, 6, 'done'], ['search', 4, 5, 'failed']])
  assert.deepEqual([...layout.person], [0, NONE, NONE, NONE, NONE, NONE, NONE, 1])
  assert.deepEqual([...layout.tool], [NONE, 4, NONE, 5, 5, NONE, NONE, NONE])
})

test('CO50: what a call waits for somebody is told from what asked to what came of it', () => {
  const log = outline([
    { type: 'run-requested', author: 'ada', run: 1, name: 'assistant: mail' },
    { type: 'approval-requested', run: 1, step: 'call.0', name: 'send_mail' },
    { type: 'text-streamed', run: 1, step: 'generate.0' },
    { type: 'approval-granted', author: 'noor', run: 1, step: 'call.0' },
    { type: 'tool-started', run: 1, step: 'call.0', name: 'send_mail' },
    { type: 'tool-returned', run: 1, step: 'call.0' }
  ])
  const [mail] = layOut(log).calls
  assert.deepEqual(mail!.waits, [[2, 4]])
  assert.deepEqual([mail!.from, mail!.to, mail!.end], [2, 6, 'done'])
})

test('CO50: more tools than there are lanes share the last one', () => {
  const log = outline(Array.from({ length: 40 }, (_, nth) => ({ type: 'tool-started', run: 1, step: `call.${nth}`, name: `tool${nth}` })))
  const { lanes, calls } = layOut(log)
  assert.equal(lanes.filter(({ group }) => group === 'tools').length, 14)
  assert.equal(lanes.at(-1)!.name, 'others')
  assert.equal(calls.at(-1)!.row, lanes.length - 1)
})

test('CO59: what shares a pixel is told by what is rarest, and every record is in some pixel', () => {
  const rows = runs(100, 98)
  rows[5_050] = { type: 'tool-failed', run: 5_001, step: 'call.0' }
  const log = new Outline(() => new Promise(() => {}))
  log.take(page(rows.slice(0, PAGE), 1, rows.length))
  log.take(page(rows.slice(PAGE), PAGE + 1, rows.length))
  const layout = layOut(log)
  const width = 500
  const { kind, level } = gather(log, layout, 1, rows.length / width, width)
  const row = layout.lanes.findIndex(({ group }) => group === 'runs')
  const lane = [...kind.slice(row * width, (row + 1) * width)].map((one) => KINDS[one])
  assert.ok(lane.every((one) => one !== undefined))
  assert.equal(lane[252], 'error')
  assert.equal(lane.filter((one) => one === 'people').length, 100)
  assert.ok(level.slice(row * width, (row + 1) * width).every((one) => one > 0))
})

test('CO59: only the pages that are in sight are asked for, near ones first, and a page once', async () => {
  const asked: number[] = []
  const answers: (() => void)[] = []
  const log = new Outline((after) => new Promise((settle) => {
    asked.push(after)
    answers.push(() => settle(page(Array.from({ length: PAGE }, () => ({ type: 'text-streamed' })), after + 1, 100_000)))
  }))
  log.grow(100_000)
  log.need(40_000, 60_000, 52_000)
  assert.deepEqual(asked, [50_000, 45_000])
  log.need(51_000, 52_000, 51_500)
  while (answers.length) {
    answers.shift()!()
    await new Promise((settle) => setImmediate(settle))
  }
  assert.deepEqual(asked, [50_000, 45_000])
  assert.deepEqual(log.stretches(), [[45_001, 55_000]])
  assert.ok(log.has(45_001) && !log.has(45_000))
  log.need(1, 2, 1)
  assert.deepEqual(asked, [50_000, 45_000, 0])
})

test('CO59: a log that grows is asked for from where it ended', async () => {
  const asked: number[] = []
  const log = new Outline((after) => {
    asked.push(after)
    return Promise.resolve(page([{ type: 'text-streamed' }], after + 1))
  })
  log.take(page(runs(2, 3)))
  log.need(1, 10, 5)
  assert.deepEqual(asked, [])
  log.grow(11)
  log.need(1, 11, 11)
  await new Promise((settle) => setImmediate(settle))
  assert.deepEqual(asked, [10])
  assert.ok(log.has(11))
})

test('CO59: a page that does not come is said, and what is here stays', async () => {
  const log = new Outline(() => Promise.reject(new Error('The server does not answer.')))
  log.take(page(runs(1, 3), 1, 9_000))
  log.need(1, 9_000, 1)
  await new Promise((settle) => setImmediate(settle))
  assert.equal(log.problem, 'The server does not answer.')
  assert.deepEqual(log.stretches(), [[1, 5]])
})

test('CO51: the run beside, the record under the pointer', () => {
  const layout = layOut(outline(runs(3, 3)))
  assert.deepEqual([runBeside(layout, 1, 1), runBeside(layout, 8, 1), runBeside(layout, 8, -1), runBeside(layout, 1, -1)], [6, 11, 6, null])
  assert.equal(nearest(layout, 0, 3, 4), 1)
  assert.equal(nearest(layout, 0, 3, 1), null)
})

const every = (gap: number) => (seq: number): number => seq * gap

test('CO52: records come as they came, at each speed', () => {
  assert.deepEqual(advance({ seq: 1, spare: 0 }, 250, 1, every(100), 50), { seq: 3, spare: 50 })
  assert.deepEqual(advance({ seq: 3, spare: 50 }, 50, 1, every(100), 50), { seq: 4, spare: 0 })
  assert.deepEqual(advance({ seq: 1, spare: 0 }, 250, 10, every(100), 50).seq, 26)
  assert.deepEqual(advance({ seq: 1, spare: 0 }, 10_000, 100, every(100), 50), { seq: 50, spare: 0 })
})

test('CO52: a pause of hours is cut, a clock that went back is no pause, and playback waits for what is not known', () => {
  const hours = (seq: number): number => seq * 3_600_000
  assert.equal(advance({ seq: 1, spare: 0 }, LONGEST_PAUSE_MS, 1, hours, 9).seq, 2)
  assert.equal(advance({ seq: 1, spare: 0 }, 1, 1, (seq) => -seq * 1_000, 9).seq, 9)
  assert.deepEqual(advance({ seq: 1, spare: 0 }, 9_000, 1, (seq) => (seq < 5 ? seq * 100 : null), 9), { seq: 4, spare: 0 })
})

test('CO52: playback stops at the first breakpoint that it comes upon', () => {
  const stops = new Set([40, 12, 7])
  assert.equal(firstStop(stops, 7, 50), 12)
  assert.equal(firstStop(stops, 12, 39), null)
})

test('CO53: what a step brought to a document and took from it', () => {
  assert.deepEqual(changed('Hello world', 'Hello, world'), ['Hello', ',', '', ' world'])
  assert.deepEqual(changed('abc', 'ac'), ['a', '', 'b', 'c'])
  assert.deepEqual(changed('aa', 'aaa'), ['aa', 'a', '', ''])
  assert.deepEqual(changed('x😀', 'x😁'), ['x', '😁', '😀', ''])
  assert.deepEqual(changed('', ''), ['', '', '', ''])
})

test('CO54: a search is words and what narrows it', () => {
  assert.deepEqual(readSearch('kill  -9 by:ada'), { author: 'ada', text: 'kill -9' })
  assert.deepEqual(readSearch('type:Tool-failed run:12 in:notes'), { type: 'tool-failed', run: '12', document: 'notes' })
  assert.deepEqual(readSearch('  '), {})
})

test('CO53: the requests before a record, of its run or of any', () => {
  const log = outline([
    { type: 'run-requested', author: 'ada', run: 1 }, { type: 'model-requested', run: 1 },
    { type: 'run-requested', author: 'ada', run: 3 }, { type: 'model-requested', run: 3 }, { type: 'model-requested', run: 1 }
  ])
  assert.deepEqual(requestsBefore(log, 5, 0, 9), [5, 4, 2])
  assert.deepEqual(requestsBefore(log, 4, 1, 9), [2])
  assert.equal(common(['a', 'b'], ['a', 'c']), 1)
})

test('CO51: of many wishes for a moment the newest is answered, a moment is asked once, and the last one stays meanwhile', async () => {
  const asked: number[] = []
  const moments = new Moments((seq) => {
    asked.push(seq)
    return new Promise((settle) => setImmediate(() => settle({ seq, runs: {}, documents: [], pending: [] })))
  })
  for (const seq of [1, 2, 3, 4]) moments.want(seq, 'main')
  assert.equal(moments.shown.value.busy, true)
  while (moments.shown.value.busy) await new Promise((settle) => setImmediate(settle))
  assert.deepEqual(asked, [1, 4])
  assert.equal(moments.shown.value.moment!.seq, 4)
  moments.want(1, 'main')
  assert.equal(moments.shown.value.moment!.seq, 1)
  assert.equal(moments.shown.value.busy, false)
  assert.deepEqual(asked, [1, 4])
})

test('CO51: what comes late of an older wish, or fails, is not shown over a moment that was there at once', async () => {
  const asked: number[] = []
  const answers = new Map<number, { settle: () => void; fail: (error: Error) => void }>()
  const moments = new Moments((seq) => {
    asked.push(seq)
    return new Promise((settle, fail) => answers.set(seq, { settle: () => settle({ seq, runs: {}, documents: [], pending: [] }), fail }))
  })
  const turn = (): Promise<void> => new Promise((settle) => { setImmediate(settle) })
  const shown = (): unknown[] => [moments.shown.value.moment?.seq, moments.shown.value.problem, moments.shown.value.busy]
  moments.want(1, 'main')
  answers.get(1)!.settle()
  await turn()
  moments.want(2, 'main')
  moments.want(1, 'main')
  answers.get(2)!.settle()
  await turn()
  assert.deepEqual(shown(), [1, '', false])
  moments.want(3, 'main')
  moments.want(1, 'main')
  answers.get(3)!.fail(new Error('gone'))
  await turn()
  assert.deepEqual(shown(), [1, '', false])
  moments.want(4, 'main')
  moments.want(2, 'main')
  moments.want(4, 'main')
  assert.deepEqual(shown(), [2, '', true])
  answers.get(4)!.settle()
  await turn()
  assert.deepEqual(shown(), [4, '', false])
  assert.deepEqual(asked, [1, 2, 3, 4])
})

test('CO62: what a fork can have otherwise follows the record', () => {
  const change = (event: { type: string; [key: string]: unknown }, text: string, model = ''): unknown => otherwise(event)!.change(text, model)
  assert.deepEqual(change({ type: 'run-requested', prompt: 'go' }, 'stay'), { prompt: 'stay' })
  assert.deepEqual(change({ type: 'run-requested', prompt: 'go' }, 'go', 'echo'), { prompt: 'go', options: { model: 'echo' } })
  assert.deepEqual(change({ type: 'tool-returned', result: '1' }, '{"found": []}'), { result: { found: [] } })
  assert.throws(() => change({ type: 'tool-failed' }, 'not JSON'), SyntaxError)
  assert.deepEqual(otherwise({ type: 'approval-granted' })!.choices, ['denied', 'approved'])
  assert.deepEqual(change({ type: 'question-answered', answer: '{}' }, '{"days": 1}'), { answer: { days: 1 } })
  assert.equal(otherwise({ type: 'text-streamed' }), null)
})

test('CO62: runs of two rooms differ by what was asked, how they stand and what they answered, as far as both are told', () => {
  const run = (prompt: string, text: string, more = {}) => ({ agent: 'a', status: 'done', prompt, parts: [{ type: 'text', text }], ...more })
  const moment = (runs: Record<string, ReturnType<typeof run>>) => ({ seq: 1, runs, documents: [], pending: [] })
  const here = moment({ '1': run('x', 'y'), '2': run('x', 'z'), '3': run('x', '', { parts_left: 9 }) })
  const there = moment({ '1': run('x', 'y'), '2': run('w', 'z'), '3': run('x', 'long') })
  assert.deepEqual(runsApart(here, there), [{ id: '2', apart: [{ what: 'prompt', here: 'x', there: 'w' }] }])
  assert.deepEqual(runsApart(moment({}), moment({ '1': run('x', 'y') })).map(({ id, apart }) => [id, apart.length]), [['1', 3]])
})
