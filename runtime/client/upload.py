"""Putting a file on a server, over a stream of its own: `PUT /api/blobs`.

A file's name is the hash of its bytes, so putting it again is harmless: a stream that breaks is tried anew, as the
client's sockets are.
"""

from collections.abc import Callable
from typing import Any

import h11
import msgspec
import trio

from ...protocol import limits
from ...protocol.comeback import pause_s, rejected
from ...protocol.commands import AttachedFile
from ...protocol.control import Reason, refusal_of
from ...protocol.errors import Refused
from .link import Address, Dial

_READ_BYTES = 64 << 10


class _Kept(msgspec.Struct):
    blob: str
    media_type: str
    bytes: int


async def upload(
    address: Address, dial: Dial, random: Callable[[], float], data: bytes, media_type: str, name: str
) -> AttachedFile:
    """Keep the file there; what a prompt names it by. Tries until the server takes or refuses it. Raises Refused."""
    if len(data) > limits.BLOB_BYTES:
        raise Refused("too-large", f"A file may have {limits.BLOB_BYTES} bytes.")
    failures = 0
    while True:
        try:
            with trio.fail_after(limits.BLOB_UPLOAD_S):
                async with await dial(address) as stream:
                    status, body = await _put(stream, address, data, media_type)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, h11.RemoteProtocolError):
            status, body = 0, b""
        if status in (200, 201):
            kept = msgspec.json.decode(body, type=_Kept)
            return AttachedFile(kept.blob, name, kept.media_type, kept.bytes)
        if rejected(status) is not None:
            raise refusal_of(msgspec.json.decode(body, type=Reason))
        await trio.sleep(pause_s(failures, random))
        failures += 1


async def _put(stream: trio.abc.Stream, address: Address, data: bytes, media_type: str) -> tuple[int, bytes]:
    http = h11.Connection(h11.CLIENT)
    headers = [
        ("host", address.header),
        ("content-type", media_type),
        ("content-length", str(len(data))),
        ("connection", "close"),
    ]
    if address.grant:
        headers.append(("authorization", f"Bearer {address.grant}"))
    request: list[Any] = [
        h11.Request(method="PUT", target=f"{address.base}/api/blobs", headers=headers),
        h11.Data(data=data),
        h11.EndOfMessage(),
    ]
    await stream.send_all(b"".join(http.send(event) or b"" for event in request))
    status, body = 0, b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(_READ_BYTES)))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, body
