"""The zip that a bundle is: written as it comes, and opened by somebody who trusts nothing in it.

Rules for what is opened (specs/bundles.md); whatever breaks one is refused before a part of it is read:

- The list of parts is looked at before `zipfile` reads it, because that holds all of it in memory.
- A part is stored and not compressed, has a name that a bundle's part may have, once, and at most `BUNDLE_PART_BYTES`.
  All parts together are no longer than the file. So nothing unfolds into more than the file is long.
- Nothing is ever unpacked onto the disk.

What is written has the same bytes for the same parts: no time of day, no owner, no order but that of the writing.
"""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

import msgspec

from ..protocol import limits
from ..protocol.bundle import MANIFEST, Manifest, bad, blob_part, decode, document_part, is_part, page_begun, page_name
from ..protocol.errors import Refused
from .store import Sealed

_BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip can tell; every part is of it."""

_MODE = 0o644 << 16
_ENCRYPTED = 0x1

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE, _END_LISTED_BYTES, _END_COMMENT = b"PK\x05\x06", 5, 7
_LOCATOR_BYTES, _LOCATOR_SIGNATURE = 20, b"PK\x06\x07"
_LONG_END = struct.Struct("<4sQ2H2L4Q")
_LONG_END_SIGNATURE, _LONG_END_LISTED_BYTES = b"PK\x06\x06", 8

_encoder = msgspec.msgpack.Encoder()
_page = msgspec.msgpack.Decoder(list[Sealed])


class Writing:
    """A bundle as it is written; `taken` gives the bytes that have come since it was asked last."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)

    def add(self, part: str, data: bytes) -> bytes:
        """The bytes of the file that this part makes. Raises Refused('too-large')."""
        if len(data) > limits.BUNDLE_PART_BYTES:
            raise Refused(
                "too-large", f"{part} has {len(data)} bytes, and a part of a bundle has no more than 128 MiB."
            )
        info = zipfile.ZipInfo(part, _BEGINNING)
        info.external_attr = _MODE
        info.create_system = 3  # Wherever it is written, it says so: the same log gives the same bytes.
        self._zip.writestr(info, data)
        return self._sink.taken()

    def add_page(self, page: list[Sealed]) -> bytes:
        """The bytes of the file that these records make."""
        return self.add(page_name(page[0].seq), _encoder.encode(page))

    def end(self) -> bytes:
        """The last bytes of the file."""
        self._zip.close()
        return self._sink.taken()


class _Sink:
    """A file that can only be written to, from one end to the other, and keeps nothing for long."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class Zipped:
    """A bundle as it is read. Raises Refused('bad-bundle'), and OSError where the file cannot be read at all."""

    def __init__(self, file: Path | IO[bytes]) -> None:
        self._file: IO[bytes] = file.open("rb") if isinstance(file, Path) else file
        try:
            size = self._file.seek(0, 2)
            _look_at_end(self._file, size)
            with _refusing():
                self._zip = zipfile.ZipFile(self._file)
            self.parts = _checked_parts(self._zip, size)
            """What it holds, by name, in the order of the file."""
            self.manifest: Manifest = decode(self.read(MANIFEST))
            self.pages = sorted(filter(None, map(page_begun, self.parts)))
            self._check_against_manifest()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._file.close()

    def read(self, part: str) -> bytes:
        """A part's bytes, whose checksum is right."""
        info = self.parts.get(part)
        if info is None:
            raise bad(f"It has no part {part}.")
        with _refusing():
            return self._zip.read(info)

    def page(self, first: int) -> list[Sealed]:
        """The records of the page that begins with that one, as they were sealed; not checked."""
        data = self.read(page_name(first))
        if not 0 < _length(data) <= limits.PAGE_RECORDS:
            raise bad(f"The page of record {first} holds no records, or more than {limits.PAGE_RECORDS}.")
        try:
            page = _page.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise bad(f"The page of record {first} is none: {error}") from None
        if any(one.cipher for one in page):
            raise bad(f"The page of record {first} holds what is encrypted, and in a bundle nothing is.")
        return page

    def _check_against_manifest(self) -> None:
        manifest = self.manifest
        held = {MANIFEST, document_part(""), *map(page_name, self.pages), *map(blob_part, manifest.blobs)}
        held.update(map(document_part, manifest.documents))
        if odd := sorted(held.symmetric_difference(self.parts)):
            raise bad(f"Its manifest and its parts do not agree about {odd[0]}.")
        if not self.pages or self.pages[0] != 1 or self.pages[-1] > manifest.records:
            raise bad("Its pages do not begin with record 1, or go on behind the last one.")
        for name, blob in manifest.blobs.items():
            if self.parts[blob_part(name)].file_size != blob.size or blob.size > limits.BLOB_BYTES:
                raise bad(f"Blob {name} has another size than its manifest says, or more than a blob may have.")


def _look_at_end(file: IO[bytes], size: int) -> None:
    """Refuse what is no zip, or one whose list of parts is too long to be read at all."""
    if size < _END.size:
        raise bad("It is no zip: it is too short.")
    file.seek(size - _END.size)
    end = _END.unpack(file.read(_END.size))
    if end[0] != _END_SIGNATURE or end[_END_COMMENT]:
        raise bad("It is no zip, or one that was cut, or one with a comment.")
    listed = end[_END_LISTED_BYTES]
    before = size - _END.size - _LOCATOR_BYTES - _LONG_END.size
    if before >= 0:
        file.seek(before)
        long = file.read(_LONG_END.size + _LOCATOR_BYTES)
        if long[_LONG_END.size :].startswith(_LOCATOR_SIGNATURE) and long.startswith(_LONG_END_SIGNATURE):
            listed = _LONG_END.unpack(long[: _LONG_END.size])[_LONG_END_LISTED_BYTES]
    if listed > limits.BUNDLE_DIRECTORY_BYTES:
        raise bad(f"Its list of parts has {listed} bytes, and {limits.BUNDLE_DIRECTORY_BYTES} may be read.")
    file.seek(0)


def _checked_parts(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The parts by name, in the order of the file."""
    parts: dict[str, zipfile.ZipInfo] = {}
    whole = 0
    for info in archive.infolist():
        name = info.orig_filename
        if not is_part(name):
            raise bad(f"No part of a bundle is called {name[:80]!r}.")
        if name in parts:
            raise bad(f"It holds {name} twice.")
        if (
            info.compress_type != zipfile.ZIP_STORED
            or info.flag_bits & _ENCRYPTED
            or info.compress_size != info.file_size
        ):
            raise bad(f"{name} is compressed or encrypted; the parts of a bundle are stored as they are.")
        if info.file_size > limits.BUNDLE_PART_BYTES:
            raise bad(f"{name} has {info.file_size} bytes, and a part may have {limits.BUNDLE_PART_BYTES}.")
        whole += info.file_size
        parts[name] = info
    if whole > size:
        raise bad("Its parts are longer than the file that holds them.")
    return parts


def _length(data: bytes) -> int:
    """How many elements the msgpack array has that begins here; -1 if none does. Asked before it is decoded."""
    if data[:1] and 0x90 <= data[0] <= 0x9F:
        return data[0] & 0x0F
    return int.from_bytes(data[1:3], "big") if data[:1] == b"\xdc" and len(data) > 2 else -1


@contextmanager
def _refusing() -> Iterator[None]:
    """What `zipfile` raises for a file that is not as it should be, as a refusal."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error) as error:
        raise bad(f"It is no zip, or not a whole one: {error}") from None
