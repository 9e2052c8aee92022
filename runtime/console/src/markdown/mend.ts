/**
 * Makes the unfinished end of streaming Markdown whole, so that a reader never sees half syntax.
 *
 * `mend` is given the last blocks of a text that still grows and returns text that parses as what it is becoming: open
 * emphasis and code are closed, a link shows its words until its address is complete, a table waits for its second line
 * and then grows by whole cells, and markers whose meaning is not decided yet (`#`, `-`, `1.`, a fence without its
 * language) wait. Only the end is touched: what stands before the last block's last line is never changed here, and what
 * is shown is only ever replaced by more. Once the text is complete, nothing is mended and the text speaks for itself.
 */

const MARKER_ONLY = /^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]+)*(?:#{1,6}|>+|[-*+]|\[[ xX]?\]?|\d{1,9}[.)]?|[-*_=~`]{1,3}|[-=]+)?[ \t]*$/
const PREFIX = /^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]+)*(?:\[[ xX]\][ \t]+)?(?:#{1,6}[ \t]+)?/
const FENCE = /^ {0,3}(?:[-*+>] +|\d+[.)] +)*[ \t]*(`{3,}|~{3,})(.*)$/

export function mend(tail: string): string {
  const lines = tail.split('\n')
  const fence = openFence(lines)
  if (fence !== null) return mendFence(lines, fence)
  // A last line that is empty or a bare marker is not shown, but what is open before it must be closed all the same.
  const ended = lines.length > 1 && MARKER_ONLY.test(lines.at(-1)!)
  if (ended) lines.pop()
  if (lines.at(-1)!.trim() === '' || MARKER_ONLY.test(lines.at(-1)!)) return ended ? lines.join('\n') : ''
  const start = blockStart(lines)
  if (/^[ \t>]*\|/.test(lines[start]!)) return mendTable(lines, start, ended)
  const kept = lines.slice(0, start)
  const block = lines.slice(start).join('\n')
  const prefix = PREFIX.exec(block)![0]
  return [...kept, prefix + mendInline(block.slice(prefix.length))].join('\n')
}

interface Fence {
  readonly marker: string
  readonly line: number
}

/** The fence that is open at the end, or null. */
function openFence(lines: string[]): Fence | null {
  let open: Fence | null = null
  lines.forEach((text, line) => {
    const found = FENCE.exec(text)
    if (!found) return
    const [, marker, rest] = found as unknown as [string, string, string]
    if (open === null) {
      if (marker[0] === '~' || !rest.includes('`')) open = { marker, line }
    } else if (marker[0] === open.marker[0] && marker.length >= open.marker.length && rest.trim() === '') {
      open = null
    }
  })
  return open
}

/** Inside a fence text is text; only the line of the language and the beginning of the closing fence wait. */
function mendFence(lines: string[], fence: Fence): string {
  const last = lines.length - 1
  if (fence.line === last) return lines.slice(0, -1).join('\n')
  const beginsToClose = new RegExp(`^ *\\${fence.marker[0]}+$`).test(lines[last]!)
  return (beginsToClose ? lines.slice(0, -1) : lines).join('\n')
}

/** The line where the last run of inline text begins: after a blank line, or at the last line with a block marker. */
function blockStart(lines: string[]): number {
  for (let line = lines.length - 1; line > 0; line--) {
    if (lines[line - 1]!.trim() === '') return line
    if (/^[ \t]*\|/.test(lines[line]!)) continue
    if (PREFIX.exec(lines[line]!)![0].trim() !== '') return line
    if (/^ {0,3}#{1,6} /.test(lines[line - 1]!)) return line
  }
  return 0
}

/** A table is shown from its complete second line on; a row that grows is shown up to its last whole cell. */
function mendTable(lines: string[], start: number, ended: boolean): string {
  const rows = lines.length - start
  if (rows < 2 || (rows === 2 && !ended)) return lines.slice(0, start).join('\n')
  if (ended) return lines.join('\n')
  const last = lines.at(-1)!
  const cut = last.lastIndexOf('|')
  const whole = cut > last.indexOf('|') ? last.slice(0, cut + 1) : ''
  return [...lines.slice(0, -1), ...(whole ? [whole] : [])].join('\n')
}

interface Opener {
  readonly char: string
  readonly length: number
  /** Where its content begins in the output. */
  readonly at: number
}

/** Closes what is open in a run of inline text. */
export function mendInline(text: string): string {
  const open: Opener[] = []
  let out = ''
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if (char === '\\') {
      if (at + 1 === text.length) break
      out += text.slice(at, at + 2)
      at += 2
    } else if (char === '`') {
      const run = /^`+/.exec(text.slice(at))![0]
      const end = closingTicks(text, at + run.length, run.length)
      if (end < 0) return close(out + openCode(text.slice(at), run), open)
      out += text.slice(at, end)
      at = end
    } else if (char === '*' || char === '_' || char === '~') {
      const run = new RegExp(`^\\${char}+`).exec(text.slice(at))![0]
      out = delimiter(text, at, run, out, open)
      at += run.length
    } else if ((char === '[' || (char === '!' && text[at + 1] === '[')) && !/\w/.test(text[at - 1] ?? '')) {
      const link = readLink(text, at)
      if (link.rest !== null) return close(out + mendInline(link.rest), open)
      out += text.slice(at, link.end)
      at = link.end
    } else {
      out += char
      at += 1
    }
  }
  return close(out.replace(/&#?[a-z0-9]{0,8}$/i, '').replace(/<(?:https?:|mailto:)?[^\s<>]{0,200}$/, tagless), open)
}

/** `<` begins an address, a tag or a comparison: an address waits, the others are text anyway. */
function tagless(tail: string): string {
  return /^<(?:h|ht|htt|https?|https?:.*|mailto:.*)$/.test(tail) ? '' : tail
}

function closingTicks(text: string, from: number, length: number): number {
  for (const run of text.slice(from).matchAll(/`+/g)) {
    if (run[0].length === length) return from + run.index + length
  }
  return -1
}

/** Code that is not closed yet: its ticks wait until it has content; ticks at its end begin the closing. */
function openCode(rest: string, run: string): string {
  const content = rest.slice(run.length).replace(/`+$/, '')
  return content.trim() === '' ? '' : run + content + (content.endsWith('`') ? ' ' : '') + run
}

function delimiter(text: string, at: number, run: string, out: string, open: Opener[]): string {
  const before = text[at - 1] ?? ' '
  const after = text[at + run.length] ?? ''
  const char = run[0]!
  let left = run.length
  const canClose = !/\s/.test(before)
  if (canClose) {
    while (open.length && open.at(-1)!.char === char && left >= open.at(-1)!.length) left -= open.pop()!.length
    if (left === 0) return out + run
  }
  // The run ends the text: it may be half of a closing one or an opening one without content. Either way it waits.
  if (after === '') return out + run.slice(0, run.length - left)
  const inWord = char === '_' && /\w/.test(before)
  const opens = !/\s/.test(after) && !inWord && !(char === '~' && left !== 2)
  const shown = out + run
  if (opens) open.push({ char, length: Math.min(left, 3), at: shown.length })
  return shown
}

function close(out: string, open: Opener[]): string {
  let text = out
  for (const { char, length, at } of [...open].reverse()) {
    const content = text.slice(at).trimEnd()
    text = content === '' ? text.slice(0, at - length) : text.slice(0, at) + content + char.repeat(length)
  }
  return text
}

/** A link or image that begins at `at`: where it ends, or what to show of it while it is not whole. */
function readLink(text: string, at: number): { end: number; rest: string | null } {
  const from = at + (text[at] === '!' ? 2 : 1)
  let depth = 1
  let end = from
  for (; end < text.length && depth > 0; end++) {
    if (text[end] === '\\') end++
    else if (text[end] === '[') depth++
    else if (text[end] === ']') depth--
  }
  if (depth > 0) return { end: at, rest: text.slice(from) }
  const words = text.slice(from, end - 1)
  if (end === text.length) return { end, rest: words }
  if (text[end] !== '(') return { end: at + (from - at), rest: null }
  const closing = closingParenthesis(text, end + 1)
  return closing < 0 ? { end, rest: words } : { end: closing, rest: null }
}

function closingParenthesis(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return at + 1
    else if (text[at] === '\n' && text[at + 1] === '\n') return at
  }
  return -1
}
