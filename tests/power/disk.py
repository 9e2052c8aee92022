"""A disk whose power can be cut: what was written but not synced may be kept, lost or torn, each write by itself.

SQLite runs on it through APSW's VFS, so it is SQLite that decides what is written in which order and when it is synced.
Every write, truncation and sync goes into a trace. `after_cut` then tells what a platter may hold if the power went
after any step of the trace, so that one run gives as many cuts as it has steps.

The rules of the disk, which are those of ext4 and of a drive that keeps its promises:

- A program reads what was written last, synced or not. After a power cut only what was synced is certain.
- Of what was not synced each write may be there, be lost, or be there in some of its 512-byte sectors or 4,096-byte
  pages only; in no order. A file that grew without a sync may have grown, with zeros where nothing arrived.
- A sync that fails has written some of what was waiting and forgets the rest: programs go on reading it, no later sync
  will write it (Linux since 4.13; known as fsyncgate).
- A new file's name is certain with its first sync, as SQLite syncs the folder then.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import apsw

SECTOR, PAGE = 512, 4096
KILL = 0


@dataclass(frozen=True)
class Write:
    """Bytes at an offset; `data` None means that the file was truncated to `offset`."""

    name: str
    offset: int
    data: bytes | None


@dataclass(frozen=True)
class Sync:
    """What waited is on the platter; of a sync that failed, only the writes at these places of the queue."""

    name: str
    arrived: frozenset[int] | None = None


@dataclass
class Fault:
    """From the `nth` call of that kind on (counted from 1), the next `times` of them fail with `error`.

    KILL is no error: the call is not made, and the process that wanted it is gone; what it wrote before is not.
    """

    kind: type[Write] | type[Sync]
    nth: int
    error: int = errno.EIO
    times: int = 1
    met: int = 0

    def strikes(self, kind: type[Write] | type[Sync]) -> bool:
        if kind is not self.kind:
            return False
        self.met += 1
        return self.nth <= self.met < self.nth + self.times


@dataclass
class Disk:
    """Files by name as programs see them, and the trace of what was done to them."""

    rng: Random
    files: dict[str, bytearray] = field(default_factory=dict)
    origin: dict[str, bytes] = field(default_factory=dict)
    trace: list[Write | Sync] = field(default_factory=list)
    fault: Fault | None = None
    waiting: dict[str, int] = field(default_factory=dict)
    process: int = 1

    def hold(self, name: str, data: bytes) -> None:
        """Begin with this file, synced."""
        self.files[name] = bytearray(data)
        self.origin[name] = data

    def strikes(self, kind: type[Write] | type[Sync]) -> bool:
        if self.fault is None or not self.fault.strikes(kind):
            return False
        if self.fault.error == KILL:
            self.process += 1
            raise apsw.IOError
        return True

    def write(self, name: str, offset: int, data: bytes | None) -> None:
        self.trace.append(Write(name, offset, data))
        self.waiting[name] = self.waiting.get(name, 0) + 1
        _put(self.files.setdefault(name, bytearray()), offset, data)

    def sync(self, name: str, *, fails: bool) -> None:
        waiting = self.waiting.pop(name, 0)
        arrived = frozenset(n for n in range(waiting) if self.rng.random() < 0.5) if fails else None
        self.trace.append(Sync(name, arrived))

    def after_cut(self, step: int, rng: Random) -> dict[str, bytes]:
        """What the files may hold if the power goes when `step` steps of the trace were begun."""
        platter = {name: bytearray(data) for name, data in self.origin.items()}
        waiting: dict[str, list[Write]] = {}
        for done in self.trace[:step]:
            if isinstance(done, Write):
                waiting.setdefault(done.name, []).append(done)
                continue
            for place, write in enumerate(waiting.pop(done.name, [])):
                if done.arrived is None or place in done.arrived:
                    _put(platter.setdefault(write.name, bytearray()), write.offset, write.data)
        for name, writes in waiting.items():
            file = platter.setdefault(name, bytearray())
            fate = rng.choice(("all", "none", "each", "each", "each"))
            for write in writes:
                for offset, data in _arrives(write, fate, rng):
                    _put(file, offset, data)
        return {name: bytes(file) for name, file in platter.items()}


def _arrives(write: Write, fate: str, rng: Random) -> Iterator[tuple[int, bytes | None]]:
    """The parts of a waiting write that reach the platter."""
    luck = {"all": 0.0, "none": 1.0, "each": rng.random()}[fate]
    if luck < 0.4 and fate != "none":
        yield write.offset, write.data
    elif luck < 0.7 and write.data is not None:
        grain = rng.choice((SECTOR, PAGE))
        # Sectors are the disk's, not the write's: the first part ends where the disk's sector ends.
        at = 0
        while at < len(write.data):
            end = min(len(write.data), at + grain - (write.offset + at) % grain)
            if rng.random() < 0.5:
                yield write.offset + at, write.data[at:end]
            at = end


def _put(file: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del file[offset:]
    if len(file) < offset:
        file.extend(bytes(offset - len(file)))
    if data is not None:
        file[offset : offset + len(data)] = data


class Vfs(apsw.VFS):
    """SQLite's way to a disk. Named, because connections choose it by name; unregister it when done."""

    def __init__(self, name: str, disk: Disk) -> None:
        self.disk = disk
        # The base gives the clock and randomness; every way to a file is ours.
        super().__init__(name, base="unix-none")

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return pathname in self.disk.files

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        if filename in self.disk.files:
            self.disk.write(filename, 0, None)
            self.disk.sync(filename, fails=False)
            del self.disk.files[filename]

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        filename = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.disk.files.setdefault(filename, bytearray())
        flags[1] = flags[0]
        return File(self.disk, filename)


class File:
    """One open file of one process. Nobody else has it, so locks are granted and forgotten."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk, self._name, self._process = disk, name, disk.process

    def _alive(self) -> None:
        if self._process != self._disk.process:
            raise apsw.IOError

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self._disk.files[self._name][offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._alive()
        if self._disk.strikes(Write):
            # A write that fails may have been done in part.
            self._disk.write(self._name, offset, bytes(data[: len(data) // 2]))
            assert self._disk.fault is not None
            raise _error(self._disk.fault.error, apsw.SQLITE_IOERR_WRITE)
        self._disk.write(self._name, offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._alive()
        self._disk.write(self._name, size, None)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._alive()
        fails = self._disk.strikes(Sync)
        self._disk.sync(self._name, fails=fails)
        if fails:
            assert self._disk.fault is not None
            raise _error(self._disk.fault.error, apsw.SQLITE_IOERR_FSYNC)

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._disk.files[self._name])

    def xLock(self, level: int) -> None:  # noqa: N802
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return PAGE

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        # As SQLite's own VFS says on Linux: a write that is torn harms nothing beside the bytes that it was to write.
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        pass


def _error(number: int, io_error: int) -> Any:
    error: Any = apsw.FullError() if number == errno.ENOSPC else apsw.IOError()
    error.extendedresult = apsw.SQLITE_FULL if number == errno.ENOSPC else io_error
    return error
