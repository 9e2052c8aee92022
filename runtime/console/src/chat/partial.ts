/**
 * JSON that is still being written, as JSON: what is there so far, with what is open closed.
 *
 * It works on the text and not on values, so a number keeps every digit that it was written with. A key without a value,
 * half an escape and half a word are not there yet. What is no JSON ends the reading where it begins.
 */

const TOKEN = /[ \t\r\n]*(?:([{}[\],:])|"(?:[^"\\]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*("?)|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y

/** The longest JSON that the beginning of a text stands for; empty while it stands for none. */
export function mended(text: string): string {
  const open: ('}' | ']')[] = []
  let wanted: 'value' | 'key' | 'colon' | 'more' = 'value'
  let best = ''
  const token = new RegExp(TOKEN)
  for (let found = token.exec(text); found; found = token.exec(text)) {
    const [whole, sign, quote] = found
    const first = whole.trimStart()[0]!
    const closes = sign === open.at(-1) && (wanted === 'more' || (/[{[]\s*$/.test(text.slice(0, found.index)) && wanted !== 'colon'))
    if (closes) open.pop()
    else if (sign === ',' && wanted === 'more' && open.length) {
      wanted = open.at(-1) === '}' ? 'key' : 'value'
      continue
    } else if (sign === ':' && wanted === 'colon') {
      wanted = 'value'
      continue
    } else if (wanted === 'key' && first === '"' && quote) {
      wanted = 'colon'
      continue
    } else if (wanted !== 'value' || (sign && first !== '{' && first !== '[')) break
    else if (sign) open.push(first === '{' ? '}' : ']')
    wanted = first === '{' ? 'key' : first === '[' ? 'value' : 'more'
    const cut = first === '"' && !quote
    best = text.slice(0, token.lastIndex) + (cut ? '"' : '') + [...open].reverse().join('')
    if (cut || (wanted === 'more' && !open.length)) break
  }
  return best
}
