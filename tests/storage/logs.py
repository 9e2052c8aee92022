"""Records, appends and a small log, for all tests of stores."""

from collections.abc import Callable
from hashlib import sha256
from itertools import count

from plait.protocol import limits
from plait.protocol.events import DocumentEdited, Record, RunRequested, TextStreamed
from plait.storage import About, Append, Snapshot, Store

TIME = 1_763_800_000_000_000


def record(
    seq: int,
    text: str = "hello",
    *,
    record_id: str | None = None,
    epoch: int = 1,
    update: bytes = b"",
    second: int = 0,
    author: str = "agent:assistant",
) -> Record:
    """A record that stands at `seq`, in that second of the test's time; its text tells it from others."""
    event = TextStreamed("generate.0", 1, 0, text)
    time = TIME + second * 1_000_000 + seq
    return Record(seq, time, author, "000000000001", epoch, event, "", update, record_id)


def append(
    room: str,
    after: int,
    *records: Record,
    epoch: int = 1,
    open_runs: int = 0,
    wake_at: int | None = None,
    about: About | None = None,
    blobs: tuple[str, ...] = (),
) -> Append:
    """An append of these records, or of one plain record."""
    records = records or (record(after + 1, epoch=epoch),)
    return Append(room, epoch, after, records, open_runs, wake_at, about, blobs)


def entropy() -> Callable[[int], bytes]:
    """A source of lineages that counts: every engine of a test draws the same."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


LIBRARY_RECORDS = (
    Record(1, TIME, "ann", "", 1, RunRequested("assistant", "hi"), id="cmd#0", asked=b"a" * 32),
    Record(2, TIME + 1, "ben", "", 1, DocumentEdited(), "notes/a", b"\x00\x01\xff"),
    Record(3, TIME + 2, "agent:assistant", "000000000001", 2, TextStreamed("generate.0", 1, 0, "Grüße 🌍\x00"), id="x"),
)


ABOUT = {
    "Zoo": About("Größe der Übersicht", {"team": "ä", 'o"dd': "1"}, 2),
    "a-room": About("100% a_z", {"team": "b"}),
    "b-room": About(metadata={"team": "b", "tier": "paid"}),
}


BLOBS = {"one": (b"one", "image/png"), "two": (b"two", "text/plain"), "three": (b"three", "text/plain")}


def name_of(data: bytes) -> str:
    """What a blob of these bytes is called."""
    return sha256(data).hexdigest()


async def fill(store: Store) -> None:
    """Write the log that the reading checks read."""
    await store.append(Append("library", 1, 0, LIBRARY_RECORDS[:2], open_runs=1))
    await store.append(Append("library", 2, 2, LIBRARY_RECORDS[2:], open_runs=1, wake_at=TIME + 500))
    for second, name in enumerate(("Zoo", "a-room", "b-room", "c%room", "c_room")):
        await store.append(append(name, 0, record(1, second=second), about=ABOUT.get(name)))
    big = b"u" * (limits.PAGE_BYTES // 4 + 1)
    await store.append(append("big", 0, *(record(n + 1, update=big) for n in range(6))))
    for seq in (1, 3):
        await store.save_snapshot("library", Snapshot(seq, 7, b"data %d" % seq))
        await store.save_snapshot("big", Snapshot(seq, 7, b"data %d" % seq))
    for data, kind in BLOBS.values():
        await store.put_blob(data, kind)
    await store.append(append("c_room", 1, blobs=(name_of(b"two"), name_of(b"one"))))
    await store.append(append("gone", 0, about=About("Gone"), open_runs=1, wake_at=5, blobs=(name_of(b"three"),)))
    await store.save_snapshot("gone", Snapshot(1, 7, b"data"))
    await store.delete("gone")
