/**
 * The page's few signs, drawn here because a font's glyphs differ from machine to machine.
 */

import type { VNode } from 'preact'

function sign(lines: string): VNode {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.3" aria-hidden="true">
      <path d={lines} />
    </svg>
  )
}

const FRAME = 'M2.5 3.5h11v9h-11z'

export const SIGNS = {
  rooms: sign(FRAME + 'M6 3.5v9'),
  documents: sign(FRAME + 'M10 3.5v9'),
  timeline: sign(FRAME + 'M2.5 9.5h11'),
  system: sign('M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 1 1 0 11'),
  light: sign('M8 5.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5M8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4'),
  dark: sign('M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z')
}

/** plait's mark: three strands. */
export const MARK = (
  <svg class="mark" width="18" height="18" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" aria-hidden="true">
    <path d="M4 1.5c0 5 8 8 8 13M12 1.5c0 2-1.2 3.8-3 5.4M7 9.3C5.2 11 4 12.5 4 14.5M8 1.5v2.3M8 12.2v2.3" />
  </svg>
)
