/**
 * Which addresses of an agent's text become links, and what entities stand for.
 *
 * An agent's output is hostile input: it may have read a hostile page. Only absolute http, https and mailto addresses are
 * links; everything else stays the text that it is.
 */

const SAFE = new Set(['http:', 'https:', 'mailto:'])

/** The address, normalised, or null if it must not be a link. */
export function safeAddress(address: string): string | null {
  let url: URL
  try {
    url = new URL(entities(address))
  } catch {
    return null
  }
  return SAFE.has(url.protocol) ? url.href : null
}

const NAMED: Record<string, string> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', trade: '™', hellip: '…',
  mdash: '—', ndash: '–', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', times: '×', middot: '·', bull: '•',
  larr: '←', rarr: '→', uarr: '↑', darr: '↓', deg: '°', plusmn: '±', le: '≤', ge: '≥', ne: '≠', euro: '€', sect: '§'
}

/** Text with its character references replaced; unknown ones stay as they are written. */
export function entities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
    if (name) return NAMED[name] ?? whole
    const code = decimal ? Number(decimal) : parseInt(hex, 16)
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : '\ufffd'
  })
}
