"""Bundles over HTTP: a room goes out as a file and comes in from one, for whoever may."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.bundle import MANIFEST
from plait.protocol.events import RoomImported
from plait.runtime.server import bundles
from plait.storage import MemoryStore
from plait.storage.zipped import Zipped

from ..replay.bundled import bundle_of, lines, lived
from .conftest import House
from .test_http import _get, _json, _read


@pytest.fixture
def store(house: House) -> MemoryStore:
    """A store that keeps what it is given, unlike that of the other tests here."""
    kept: Any = MemoryStore()
    house.rooms.store = kept
    return kept


def _body(answer: bytes) -> bytes:
    """The body of an answer that came in chunks."""
    _, _, rest = answer.partition(b"\r\n\r\n")
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return body


def _post(data: bytes, query: str = "") -> bytes:
    return _get(f"/api/import{query}", method="POST", body=data)


async def test_out_and_in(house: House, store: MemoryStore) -> None:
    """BU5, BU6: the file that is given is the one that `export` writes; of it a room is made, once."""
    await lived(store)
    house.grant = Grant("root")
    answer = await house.http(_get("/api/rooms/office/export"))
    status, headers, _ = _read(answer)
    assert (status, headers["content-type"]) == (200, "application/zip")
    assert headers["content-disposition"] == 'attachment; filename="office.zip"'
    data = _body(answer)
    assert data == await bundle_of(store)
    status, said = await _json(house, _post(data, "?as=copy"))
    assert (status, said["room"], said["of"], said["again"]) == (201, "copy", "office", False)
    assert (await lines(store, "copy"))[:-1] == await lines(store, "office")
    (last,) = await store.read("copy", said["records"])
    assert (last.author, isinstance(last.event, RoomImported)) == ("root", True)
    head = await store.head("copy")
    status, said = await _json(house, _post(data, "?as=copy"))
    assert (status, said["again"]) == (200, True)
    assert await store.head("copy") == head
    status, said = await _json(house, _post(data))
    assert (status, said["code"]) == (409, "room-taken")


async def test_without_words(house: House, store: MemoryStore) -> None:
    """BU7: with `redact=1` nothing that anybody said is in it."""
    await lived(store)
    data = _body(await house.http(_get("/api/rooms/office/export?redact=1")))
    with Zipped(io.BytesIO(data)) as opened:
        assert opened.manifest.redacted == "everybody"
    assert b"figs" not in data
    assert b"Plums" not in data


async def test_who_may(house: House, store: MemoryStore) -> None:
    """BU5, BU6: reading it needs all documents, importing needs `admin` and the room."""
    await lived(store)
    data = await bundle_of(store)
    for grant in (Grant(read=False), Grant(documents=("notes",)), Grant(rooms=("other",))):
        house.grant = grant
        assert (await _json(house, _get("/api/rooms/office/export")))[0] == 403
    for grant in (Grant(admin=False), Grant(rooms=("other",))):
        house.grant = grant
        assert (await _json(house, _post(data, "?as=copy")))[0] == 403
    house.grant = Grant(rooms=("copy",))
    assert (await _json(house, _post(data)))[0] == 403
    assert await store.room_names() == ["office"]
    assert (await _json(house, _post(data, "?as=copy")))[0] == 201


async def test_what_is_refused(house: House, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """BU3, BU5, BU6: another file, one that is too large, no room, another method, a name that no room has."""
    assert (await _json(house, _get("/api/rooms/nowhere/export")))[1]["code"] == "no-such-room"
    status, said = await _json(house, _post(b"hello"))
    assert (status, said["code"]) == (400, "bad-bundle")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(MANIFEST, "{}")
    status, said = await _json(house, _post(file.getvalue()))
    assert (status, said["code"]) == (400, "bad-bundle")
    assert (await _json(house, _post(b"hello", "?as=a/b")))[1]["code"] == "bad-name"
    assert (await _json(house, _get("/api/import")))[0] == 405
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 100)
    elsewhere = MemoryStore()
    await lived(elsewhere)
    status, said = await _json(house, _post(await bundle_of(elsewhere)))
    assert (status, said["code"]) == (413, "too-large")
    assert await store.room_names() == []


async def test_no_space_for_an_upload(house: House, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """BU6: it is refused like an append that the disk has no space for, and nothing was made."""
    elsewhere = MemoryStore()
    await lived(elsewhere)
    data = await bundle_of(elsewhere)
    with monkeypatch.context() as full, Path("/dev/full").open("r+b", buffering=0) as file:  # noqa: ASYNC230
        full.setattr(bundles.tempfile, "TemporaryFile", lambda: file)
        status, said = await _json(house, _post(data))
        assert (status, said["code"]) == (507, "store-full")
    assert await store.room_names() == []
    assert (await _json(house, _post(data)))[0] == 201


async def test_a_log_that_is_damaged_is_no_bundle(
    house: House, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BU5: a download that fails half way is cut, and what came of it is refused."""
    await lived(store)
    monkeypatch.setattr(store, "blob", lambda name: _none())
    cut = _body(await house.http(_get("/api/rooms/office/export")))
    status, said = await _json(house, _post(cut, "?as=copy"))
    assert (status, said["code"]) == (400, "bad-bundle")


async def _none() -> None:
    return None
