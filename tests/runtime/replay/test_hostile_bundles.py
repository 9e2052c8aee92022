"""Bundles that somebody spoiled: each is refused with a sentence, before anything is written."""

import io
import re
import struct
import zipfile
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace
from plait.protocol import bundle, limits
from plait.protocol.errors import Refused
from plait.storage import MemoryStore, Sealed, chain, open_store
from plait.storage.zipped import Zipped

from .bundled import bundle_of, imported, lived

Parts = dict[str, bytes]


@pytest.fixture(scope="module")
def data() -> bytes:
    async def make() -> bytes:
        store = MemoryStore()
        await lived(store)
        return await bundle_of(store)

    return trio.run(make)


def parts_of(data: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: Any, how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, part in parts.items() if isinstance(parts, dict) else parts:
            archive.writestr(name, part)
    return file.getvalue()


def page(parts: Parts) -> list[Sealed]:
    return msgspec.msgpack.decode(parts[bundle.page_name(1)], type=list[Sealed])


def with_page(parts: Parts, records: list[Sealed]) -> Parts:
    return parts | {bundle.page_name(1): msgspec.msgpack.encode(records)}


def with_manifest(parts: Parts, **changed: Any) -> Parts:
    said = msgspec.json.decode(parts[bundle.MANIFEST])
    return parts | {bundle.MANIFEST: msgspec.json.encode(said | changed)}


def sealed_anew(parts: Parts, records: list[Sealed]) -> Parts:
    """As somebody would forge it who knows how a chain is made: all hashes are right, and the manifest says so."""
    link, done = chain.START, list[Sealed]()
    for one in records:
        hashed = chain.body_hash(one.body, one.update)
        link = chain.link(link, one.header, hashed)
        done.append(replace(one, body_hash=hashed, hash=link))
    return with_manifest(with_page(parts, done), hash=link.hex())


async def refused(data: bytes, match: str) -> None:
    """It is refused as no bundle, and leaves nothing."""
    store = MemoryStore()
    with pytest.raises(Refused, match=match) as told:
        await imported(store, data)
    assert told.value.code == "bad-bundle"
    assert await store.room_names() == []


async def test_what_is_no_bundle(data: bytes) -> None:
    """BU3: no zip, half of one, one with a comment, with bytes before or behind it."""
    await refused(b"", "too short")
    await refused(b"hello" * 100, "no zip")
    await refused(data[: len(data) // 2], "no zip")
    await refused(data[:-1], "no zip")
    await refused(data + b"x", "no zip")
    await refused(zipped({}), "no part manifest.json|do not agree")
    for cut in range(0, len(data) - 1, max(1, len(data) // 40)):
        await refused(data[:cut], "zip|bundle")


async def test_what_unfolds(data: bytes) -> None:
    """BU3: whatever is compressed is refused by its listing, and so is what claims to be longer than the file."""
    bomb = zipped({bundle.MANIFEST: b" " * (64 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    await refused(bomb, "compressed")
    await refused(zipped(parts_of(data), zipfile.ZIP_LZMA), "compressed")
    twice = bytearray(data)
    listed = twice.index(b"PK\x01\x02")
    struct.pack_into("<LL", twice, listed + 20, 100 << 20, 100 << 20)
    await refused(bytes(twice), "longer than the file")
    struct.pack_into("<LL", twice, listed + 20, 1 << 30, 1 << 30)
    await refused(bytes(twice), "a part may have")


async def test_overlapping_parts(data: bytes) -> None:
    """BU3: a listing in which each part is the same long one is longer than the file, however short that is."""
    parts = parts_of(data)
    long = {bundle.blob_part(sha256(bytes([n])).hexdigest()): b"" for n in range(8)}
    forged = bytearray(zipped({"room.bin": bytes(1 << 20), **long, bundle.MANIFEST: parts[bundle.MANIFEST]}))
    for found in list(re.finditer(b"PK\x01\x02", bytes(forged)))[1:9]:
        struct.pack_into("<LL", forged, found.start() + 20, 1 << 20, 1 << 20)
        struct.pack_into("<L", forged, found.start() + 42, 0)
    await refused(bytes(forged), "longer than the file")


async def test_a_listing_that_is_too_long(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """BU3: it is looked at before it is read, in a zip of either size."""
    monkeypatch.setattr(limits, "BUNDLE_DIRECTORY_BYTES", 100)
    await refused(data, "list of parts has")
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    await refused(zipped(parts_of(data)), "list of parts has")


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "documents/../../evil.bin", "documents/.bin", "records/1.msgpack", "blobs/xyz", "a\\b",
     "records/000000000000.msgpack", "documents/a/../b.bin", "manifest.json/", "ünïcode.bin", "documents/ä.bin"],
)  # fmt: skip
async def test_names_that_no_part_has(data: bytes, name: str) -> None:
    """BU3: a path that leads elsewhere is a name that no part has; nothing is ever unpacked."""
    await refused(zipped({**parts_of(data), name: b"x"}), "No part of a bundle is called|do not agree")


async def test_names_that_are_no_text(data: bytes) -> None:
    """BU3: a name of bytes that are no UTF-8, though its flag says so."""
    forged = zipped({**parts_of(data), "ü" * 4: b"x"}).replace("ü".encode() * 4, b"\xff\xfe" * 4)
    await refused(forged, "no zip")


async def test_parts_twice_or_missing(data: bytes) -> None:
    """BU3: what the manifest names and what there is are the same, and each part once."""
    parts = parts_of(data)
    with pytest.warns(UserWarning, match="Duplicate"):
        double = zipped([*parts.items(), ("room.bin", b"other")])
    await refused(double, "twice")
    for gone in parts:
        await refused(
            zipped({name: part for name, part in parts.items() if name != gone}), "no part|do not agree|begin"
        )
    await refused(zipped({**parts, bundle.page_name(2): parts[bundle.page_name(1)]}), "Record|no records")
    await refused(zipped({**parts, "documents/more.bin": b"\0\0"}), "do not agree")


async def test_manifests_that_lie(data: bytes) -> None:
    """BU3: what the manifest says is held against the log, whatever it is."""
    parts = parts_of(data)
    for lie, why in (
        ({"format": "plait-bundle/99"}, "reads plait-bundle/1"),
        ({"room": "../up"}, "room name"),
        ({"records": 1 << 62, "seq": 1 << 62}, "not the head"),
        ({"records": 1, "seq": 1}, "not the head"),
        ({"records": -1, "seq": -1}, "another number"),
        ({"hash": "00" * 32}, "not the head"),
        ({"epoch": 99}, "not the head"),
        ({"time": "yesterday"}, "not the head"),
        ({"state": "00" * 32}, "other bytes than its manifest says"),
        ({"blobs": {}}, "do not agree"),
        ({"documents": {}}, "do not agree"),
        ({"blobs": 7}, "manifest is none"),
        ({"hash": 7}, "manifest is none"),
    ):
        await refused(zipped(with_manifest(parts, **lie)), why)
    await refused(zipped(parts | {bundle.MANIFEST: b"{" * 100_000}), "manifest is none")
    await refused(zipped(parts | {bundle.MANIFEST: b"\xff{}"}), "manifest is none")


def _swapped(records: list[Sealed]) -> list[Sealed]:
    return [records[1], records[0], *records[2:]]


def _forged(change: Callable[[Sealed], Sealed]) -> Callable[[list[Sealed]], list[Sealed]]:
    return lambda records: [*records[:4], change(records[4]), *records[5:]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_swapped, "Record 1 is missing"),
        (lambda records: records[1:], "Record 1 is missing"),
        (lambda records: [*records[:2], *records[3:]], "Record 3 is missing"),
        (lambda records: [*records, records[-1]], "is missing"),
        (lambda records: records[:-1], "not the head"),
        (lambda records: [], "holds no records"),
        (_forged(lambda one: replace(one, body=one.body + b"x")), "5 is not what was written"),
        (_forged(lambda one: replace(one, update=b"x")), "5 is not what was written"),
        (_forged(lambda one: replace(one, body_hash=bytes(32))), "Record 5 does not follow"),
        (_forged(lambda one: replace(one, hash=bytes(32))), "Record 5 does not follow"),
        (_forged(lambda one: replace(one, header=one.header + b"x")), "Record 5 does not follow"),
    ],
)
async def test_records_that_were_changed(data: bytes, change: Callable[[list[Sealed]], list[Sealed]], why: str) -> None:
    """BU3: the first record that is not as it was written is named."""
    parts = parts_of(data)
    await refused(zipped(with_page(parts, change(page(parts)))), why)


async def test_records_that_are_none(data: bytes) -> None:
    """BU3: pages that are no lists of records, or longer ones than a page is."""
    parts = parts_of(data)
    for spoiled in (
        b"",
        b"\xc1",
        b"\x91",
        b"\x91\x93\x01\x02\x03",
        b"\xdd\xff\xff\xff\xff",
        b"\xdc\xff\xff" + b"\xc0" * 65535,
    ):
        await refused(zipped(parts | {bundle.page_name(1): spoiled}), "page of record 1")
    await refused(zipped(with_page(parts, page(parts) * limits.PAGE_RECORDS)), "page of record 1")


async def test_chains_that_were_made_anew(data: bytes) -> None:
    """BU3: with every hash right, a record still has to say what it is and to follow from those before it."""
    parts = parts_of(data)
    records = page(parts)

    def at(seq: int, **changed: Any) -> list[Sealed]:
        return [replace(one, **changed) if one.seq == seq else one for one in records]

    other = chain.header(2, 0, "x", "", 1, "", None, None, "run-started")
    for changed, why in (
        (at(2, body=b"\xc1"), "sealed, but does not follow"),
        (at(2, body=records[0].body), "its header says"),
        (at(2, header=b"\xc1"), "no header"),
        (at(2, header=b"\x99" + b"\x00" * 9), "no header"),
        (at(2, header=other.replace(b"\x02", b"\xcc\x02", 1)), "spelled otherwise"),
        (at(2, header=chain.header(3, 0, "x", "", 1, "", None, None, "run-started")), "of record 3"),
        (at(len(records), update=b"\x01\x01\x01\x05\x84\x07\x09\x01a\x00"), "does not follow"),
        (at(len(records), update=b"\xff\xff"), "does not follow"),
    ):
        await refused(zipped(sealed_anew(parts, changed)), why)


async def test_an_id_twice(data: bytes) -> None:
    """BU3: a command that is answered again finds one record, so no log has two of one id."""
    parts = parts_of(data)
    records = page(parts)
    columns = [chain.columns(one.header) for one in records]
    known = next(one for one in columns if one.record_id)
    for index in range(known.seq, len(records)):
        if columns[index].record_id:
            header = chain.header(*msgspec.structs.astuple(replace(columns[index], record_id=known.record_id)))
            records[index] = replace(records[index], header=header)
            break
    await refused(zipped(sealed_anew(parts, records)), "have one id")


async def test_files_and_documents_that_are_others(data: bytes) -> None:
    """BU3: a file hashes to its name, a document is what the log makes of it."""
    parts = parts_of(data)
    (blob,) = (name for name in parts if name.startswith("blobs/"))
    await refused(zipped(parts | {blob: b"PICTURE"}), "holds other bytes than its name says")
    await refused(zipped(parts | {blob: b"longer than it was"}), "another size")
    await refused(zipped(parts | {"documents/main.bin": parts["documents/notes.bin"]}), "other bytes than its manifest")
    said = msgspec.json.decode(parts[bundle.MANIFEST])["documents"]
    for other in (parts["documents/notes.bin"], b"\0\0", b"\xff", b""):
        forged = parts | {"documents/main.bin": other}
        forged = with_manifest(forged, documents=said | {"main": sha256(other).hexdigest()})
        await refused(zipped(forged), "not what the log makes of it")


def _read(data: bytes) -> object:
    try:
        with Zipped(io.BytesIO(data)) as opened:
            return {name: opened.read(name) for name in opened.parts}
    except Refused as told:
        return told.code


async def test_one_bit(data: bytes) -> None:
    """BU3: wherever one bit is another, it is refused, or it is of what says nothing."""
    before = parts_of(data)
    for at in range(0, len(data), 97):
        spoiled = bytearray(data)
        spoiled[at] ^= 0x10
        assert _read(bytes(spoiled)) in (before, "bad-bundle")


async def test_a_refused_bundle_leaves_nothing_on_disk(data: bytes) -> None:
    """BU3: in a database neither."""
    parts = parts_of(data)
    records = page(parts)
    async with open_store("sqlite:///:memory:") as store:
        with pytest.raises(Refused, match="bad-bundle"):
            await imported(store, zipped(with_page(parts, [*records[:-1], replace(records[-1], hash=bytes(32))])))
        assert await store.room_names() == []
        with pytest.raises(Refused, match="bad-bundle"):
            await imported(store, zipped(sealed_anew(parts, [*records[:-1], replace(records[-1], update=b"\xff")])))
        assert await store.room_names() == []
