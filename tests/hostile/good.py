"""A good tab in a process of its own, which tells how long it waits: `python -m tests.hostile.good WS TOKEN`.

It types a word into its document now and then and waits for the echo, which means that the word is on disk; and it asks
`ping` on its control channel, which touches no disk: that is how long the server takes to turn to somebody. One line on
stdout for each, as JSON: the moment on the machine's monotonic clock, what was asked, the milliseconds that it took.
"""

import json
import sys
import time

import pycrdt
import trio
from plait.protocol import frames
from trio_websocket import WebSocketConnection, open_websocket_url

EVERY_S = 0.02
LIMIT_S = 60


def _say(kind: str, began: float) -> None:
    print(json.dumps([began, kind, (time.monotonic() - began) * 1000]), flush=True)


async def _hear(socket: WebSocketConnection, wanted: bytes | str) -> None:
    """Wait for the frame that is this, or for text that begins so."""
    with trio.fail_after(LIMIT_S):
        while True:
            said = await socket.get_message()
            if said == wanted or (isinstance(said, str) and isinstance(wanted, str) and said.startswith(wanted)):
                return


async def main(url: str, token: str) -> None:
    """Until stdin ends, or the socket, which is an error here."""
    async with open_websocket_url(f"{url}/docs/good?token={token}", subprotocols=["plait.v1"]) as socket:
        doc = pycrdt.Doc()
        text = doc.get("content", type=pycrdt.Text)
        updates: list[bytes] = []
        subscription = doc.observe(lambda event: updates.append(event.update))
        await socket.send_message(frames.step1(b"\x00"))
        number = 0
        while True:
            number += 1
            if number % 50 == 0:
                text.clear()  # So that the document is as large at the end as at the beginning.
            text += "word "
            for update in updates:
                began = time.monotonic()
                await socket.send_message(frames.update(update))
                await _hear(socket, frames.update(update))
                _say("edit", began)
            updates.clear()
            began = time.monotonic()
            await socket.send_message(json.dumps({"id": f"p{number}", "do": "ping"}))
            await _hear(socket, f'{{"id":"p{number}"')
            _say("ping", began)
            await trio.sleep(EVERY_S)
        doc.unobserve(subscription)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
