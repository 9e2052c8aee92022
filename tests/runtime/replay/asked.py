"""One HTTP question to a server in the same loop, for the tests of what it tells of the past."""

import json
from typing import Any

import trio

from ..client.served import Served


async def get(server: Served, path: str) -> tuple[int, Any]:
    """The status and the JSON of the answer."""
    stream = await trio.open_tcp_stream("127.0.0.1", server.port)
    async with stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join([part async for part in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)
