"""Blobs over HTTP: uploaded once, served for ever, and never run."""

import hashlib

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.runtime.server.blobs import Blobs
from plait.runtime.server.exchange import Request
from plait.storage import MemoryStore, StoreFull

from .conftest import House
from .test_http import _get, _json, _read

DATA = b"\x89PNG data"
NAME = hashlib.sha256(DATA).hexdigest()


def _put(data: bytes, kind: str = "image/png", *headers: str) -> bytes:
    return _get("/api/blobs", f"Content-Type: {kind}", *headers, method="PUT", body=data)


async def test_an_upload(house: House) -> None:
    """SV32: the answer names the blob; 201 when it is new, 200 when it was here, with the type that is kept."""
    said = {"blob": NAME, "bytes": len(DATA), "media_type": "image/png"}
    assert await _json(house, _put(DATA, "Image/PNG; x=y")) == (201, said)
    assert await _json(house, _put(DATA, "text/html")) == (200, said)
    status, _, body = _read(await house.http(_get(f"/api/blobs/{NAME}")))
    assert (status, body) == (200, DATA)


async def test_an_upload_in_chunks(house: House) -> None:
    """SV32: a body of unknown length is read as it comes."""
    chunks = b"4\r\n\x89PNG\r\n5\r\n data\r\n0\r\n\r\n"
    head = _get("/api/blobs", "Content-Type: image/png", "Transfer-Encoding: chunked", method="PUT")
    assert (await _json(house, head + chunks))[1]["blob"] == NAME


async def test_an_upload_that_is_too_large(house: House, autojump_clock: trio.testing.MockClock) -> None:
    """SV32: more than BLOB_BYTES is 413, before a byte is read where its length was said; exactly as many fit."""
    large = f"Content-Length: {limits.BLOB_BYTES + 1}"
    for more in ((large,), (large, "Expect: 100-continue")):
        status, said = await _json(house, _get("/api/blobs", "Content-Type: a/b", *more, method="PUT"))
        assert (status, said["code"]) == (413, "too-large")
    part = bytes(1 << 20)
    chunk = b"%x\r\n%b\r\n" % (len(part), part)
    head = _get("/api/blobs", "Content-Type: a/b", "Transfer-Encoding: chunked", method="PUT")
    whole, over = head + chunk * 16 + b"0\r\n\r\n", head + chunk * 16 + b"1\r\n\x00\r\n0\r\n\r\n"
    assert (await _json(house, whole))[0] == 201
    status, said = await _json(house, over)
    assert (status, said["code"]) == (413, "too-large")


@pytest.mark.parametrize("kind", ["", "png", "image/png/x", "a/" + "b" * 200])
async def test_an_upload_without_a_type(house: House, kind: str) -> None:
    """SV32: an upload says what it is."""
    status, said = await _json(house, _put(DATA, kind))
    assert (status, said["code"]) == (400, "bad-request")


async def test_who_may(house: House) -> None:
    """SV32: uploading needs the right to write, prompt or carry out tools, fetching the right to read."""
    house.grant = Grant(write=False, prompt=False, tools=False)
    assert (await _json(house, _put(DATA)))[0] == 403
    house.grant = Grant(read=False)
    assert (await _json(house, _put(DATA)))[0] == 201
    assert (await _json(house, _get(f"/api/blobs/{NAME}")))[0] == 403


async def test_a_full_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """SV32: a disk that is full is 507, and the server goes on."""

    async def full(data: bytes, media_type: str) -> str:
        raise StoreFull("the disk is full")

    monkeypatch.setattr(house.rooms.store, "put_blob", full)
    status, said = await _json(house, _put(DATA))
    assert (status, said["code"]) == (507, "store-full")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["0" * 64, "x", NAME.upper(), "..%2F" + NAME])
async def test_no_such_blob(house: House, name: str, method: str) -> None:
    """SV33: what is not here, or cannot be a name, is 404 with a code of its own."""
    await house.http(_put(DATA))
    status, _, body = _read(await house.http(_get(f"/api/blobs/{name}", method=method)))
    assert status == 404
    assert (b"no-such-blob" in body) is (method == "GET")


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("image/png", "inline"),
        ("image/jpeg", "inline"),
        ("image/gif", "inline"),
        ("image/webp", "inline"),
        ("image/avif", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("text/plain", "attachment"),
        ("application/pdf", "attachment"),
    ],
)
async def test_nothing_runs(house: House, kind: str, shown: str) -> None:
    """SV34: only pictures without scripts are shown in a page; nothing is guessed, and nothing may run or load."""
    await house.http(_put(DATA, kind))
    for method in ("GET", "HEAD"):
        status, headers, body = _read(await house.http(_get(f"/api/blobs/{NAME}", method=method)))
        assert (status, body) == (200, DATA if method == "GET" else b"")
        assert headers["content-type"] == kind
        assert headers["content-length"] == str(len(DATA))
        assert headers["content-disposition"] == shown
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"


async def test_a_blob_is_kept_by_caches(house: House) -> None:
    """SV33: it never changes, so caches keep it and are told 304 where they ask nonetheless."""
    await house.http(_put(DATA))
    _, headers, _ = _read(await house.http(_get(f"/api/blobs/{NAME}")))
    assert "immutable" in headers["cache-control"]
    status, _, body = _read(await house.http(_get(f"/api/blobs/{NAME}", f"If-None-Match: {headers['etag']}")))
    assert (status, body) == (304, b"")


async def test_a_reader_who_does_not_read(autojump_clock: trio.testing.MockClock) -> None:
    """SV33: at most BLOBS_AT_ONCE are held; whoever does not take his in RESPONSE_S is cut off, and others go on."""
    store = MemoryStore()
    await store.put_blob(DATA, "image/png")
    blobs = Blobs(store)
    cut: list[float] = []

    async def stall(_part: bytes) -> None:
        await trio.sleep_forever()

    async def read() -> None:
        response = await blobs.get(NAME, Request("GET", "/", "/", {}, {}), Grant())
        assert callable(response.body)
        with pytest.raises(trio.BrokenResourceError):
            await response.body(stall)
        cut.append(trio.current_time())

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(limits.BLOBS_AT_ONCE + 1):
            nursery.start_soon(read)
    first, *_, last = [at - began for at in cut]
    assert (first, last) == pytest.approx((limits.RESPONSE_S, 2 * limits.RESPONSE_S))
