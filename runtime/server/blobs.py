"""Blobs over HTTP: uploads with a bound of their own, and answers in which nothing can run.

A blob is whatever somebody uploaded, served from the address that also serves the console. So everything about it is
said twice: its type is not guessed (`nosniff`), a page made of it gets a sandbox without rights, and what is not a
picture is saved instead of shown. SVG and HTML therefore never run, and a script or a style is told as plain bytes.

Its name is the hash of its bytes, so an answer is true for ever and a cache need never ask again. Uploads and downloads
together hold at most `BLOBS_AT_ONCE` blobs in memory, `BLOBS_EACH` of them for one subject; the others wait their turn.
An upload that drips is cut long before its time is over, or a few who drip would have all places.
"""

from functools import partial
from hashlib import sha256

import trio

from ...protocol import limits
from ...protocol.access import UPLOADING, Grant
from ...protocol.errors import Refused
from ...protocol.media import blob_name, is_picture, media_type
from ...storage.store import BlobFacts, Store
from .exchange import Exchange, Request, Response, Send, json
from .places import Places, asker_of

_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
_PART_BYTES = 256 << 10


class Blobs:
    """What answers under `/api/blobs`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Nobody whose turn comes within the time of one upload is sent away.
        self._places = Places(limits.BLOBS_AT_ONCE, limits.BLOBS_EACH, limits.BLOB_UPLOAD_S)

    async def put(self, request: Request, exchange: Exchange, grant: Grant) -> Response:
        """Keep the body: 201 and what is known of it, or 200 if it was here before. Raises Refused, StoreError."""
        if not any(grant.has(right) for right in UPLOADING):
            raise Refused("not-allowed", "Who puts a file needs the right to write, to prompt or to carry out tools.")
        kind = media_type(request.headers.get("content-type", ""))
        async with self._places.place(asker_of(grant, request.peer.address)):
            data = await exchange.body(
                limits.BLOB_BYTES, limits.BLOB_UPLOAD_S, apart=True, bytes_per_s=limits.BLOB_BYTES_PER_S
            )
            name = await trio.to_thread.run_sync(lambda: sha256(data).hexdigest())
            known = await self._store.blob_facts(name)
            await self._store.put_blob(data, kind)  # Also if it is known: whoever uploads it is about to refer to it.
        kept = known.media_type if known is not None else kind
        return json({"blob": name, "bytes": len(data), "media_type": kept}, 200 if known is not None else 201)

    async def get(self, name: str, request: Request, grant: Grant) -> Response:
        """The blob, or 304 if the asker has it. Raises Refused, StoreError."""
        facts = await self._store.blob_facts(blob_name(name))
        if facts is None or not await self._may_see(name, grant):
            raise Refused("no-such-blob")
        headers = _headers(facts)
        if f'"{name}"' in request.headers.get("if-none-match", ""):
            return Response(304, headers)
        headers += (("content-type", _harmless(facts.media_type)), ("content-length", str(facts.size)))
        return Response(200, headers, partial(self._send, name, asker_of(grant, request.peer.address)))

    async def _may_see(self, name: str, grant: Grant) -> bool:
        """Whether one of the grant's rooms refers to the blob, or none does yet: then only its uploader knows of it.
        To others it is as if it was not there."""
        return "*" in grant.rooms or await self._store.blob_reaches(name, grant.rooms)

    async def _send(self, name: str, whose: str, send: Send) -> None:
        """Write the blob to a reader who takes it within `RESPONSE_S`; whoever does not is cut off."""
        async with self._places.place(whose):
            blob = await self._store.blob(name)
            if blob is not None:
                with trio.move_on_after(limits.RESPONSE_S):
                    for first in range(0, len(blob.data), _PART_BYTES):
                        await send(blob.data[first : first + _PART_BYTES])
                    return
        raise trio.BrokenResourceError  # Its head promised more than was sent, so nothing can follow on this stream.


def _harmless(kind: str) -> str:
    """The type that is told. The console's policy takes scripts and styles from this server, so an upload that says it
    is one would be one; a browser takes none that is said to be just bytes."""
    runs = "script" in kind.lower() or kind.lower().startswith(("text/css", "application/wasm"))
    return "application/octet-stream" if runs else kind


def _headers(facts: BlobFacts) -> tuple[tuple[str, str], ...]:
    shown = "inline" if is_picture(facts.media_type) else "attachment"
    return (
        ("cache-control", "private, max-age=31536000, immutable"),
        ("content-disposition", shown),
        ("content-security-policy", _POLICY),
        ("cross-origin-resource-policy", "same-origin"),
        ("etag", f'"{facts.hash}"'),
        ("x-content-type-options", "nosniff"),
    )
