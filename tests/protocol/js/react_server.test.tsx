/**
 * Hooks where there is no page: React renders them on a server, in plain Node.
 */

import {
  Parts, RoomProvider, useApproval, usePart, useParts, usePresence, useRoom, useRun, useSharedText, useTool
} from 'plait-client/react'
import { renderToString } from 'react-dom/server'
import { expect, test, vi } from 'vitest'

const RUN = '000000000002'

function Everything() {
  const { room, status, runs, loaded, info, waiting } = useRoom()
  const head = useRun(RUN)
  const parts = useParts(RUN)
  const part = usePart({ key: '', run: RUN, index: 0 })
  const approval = useApproval({ key: '', run: RUN, index: 0 })
  const here = usePresence()
  const { text, document } = useSharedText()
  useTool('paint', { description: 'Paints.' }, () => 'done')
  const all = [room, status, runs, loaded, info, waiting, head, parts, part, approval, here, text, document]
  return <b>{JSON.stringify(all)}<Parts run={RUN}>{() => 'a part'}</Parts></b>
}

test('JS40: on a server every hook gives what there is before anything came, and nothing is connected', () => {
  expect('window' in globalThis).toBe(false)
  const socket = vi.fn()
  vi.stubGlobal('WebSocket', socket)
  const html = renderToString(<RoomProvider room="lobby" url="http://127.0.0.1:1"><Everything /></RoomProvider>)
  const shown = html.replaceAll('&quot;', '"').replaceAll('<!-- -->', '')
  expect(shown).toBe('<b>[null,{"kind":"connecting"},[],false,{},[],null,[],null,null,[],"",null]</b>')
  expect(renderToString(<Everything />)).toBe(html)
  expect(socket).not.toHaveBeenCalled()
})
