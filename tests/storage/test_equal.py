"""SQLite equals memory: whatever is asked of both, in whatever order, they answer alike."""

import os
import tempfile
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Literal, cast

import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from plait.protocol.errors import PlaitError
from plait.storage import (
    About,
    Append,
    Listing,
    MemoryStore,
    Revocation,
    Sealed,
    Snapshot,
    SqliteStore,
    Store,
    open_store,
    verify,
)

from .logs import TIME, name_of, record

ROOMS: tuple[str, ...] = ("a", "b", "c")
IDS = st.one_of(st.none(), st.sampled_from(["i", "j", "k", "l"]))
TEXT = st.text(max_size=8)
BLOBS = (b"one", b"two", b"three")
ABOUTS = st.one_of(
    st.none(),
    st.builds(
        About,
        st.one_of(st.sampled_from(["", "Straße", "ÉTÉ"]), TEXT),
        st.dictionaries(st.sampled_from(["k", 'o"d\\d']), TEXT, max_size=2),
        st.integers(0, 2),
    ),
)


async def outcome(attempt: Awaitable[object]) -> object:
    """What an attempt gave, errors included, so that two stores can be compared."""
    try:
        return await attempt
    except (PlaitError, ValueError) as refused:
        return type(refused), str(refused)


class SqliteEqualsMemory(RuleBasedStateMachine):
    """ST36: the SQLite engine gives every answer and every refusal that the reference gives."""

    def __init__(self) -> None:
        super().__init__()
        # What is compared are answers and not durability, so where fsync costs nothing is the best place.
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.time = TIME
        self.drawn = 0
        self.memory = MemoryStore(entropy=self.draw, now=lambda: self.time)
        self.sqlite = self.open()
        self.heads: dict[str, tuple[int, int]] = dict.fromkeys(ROOMS, (0, 0))
        self.asked: list[Append] = []

    def open(self) -> SqliteStore:
        path = Path(self.folder.name) / "plait.db"
        # A reopened store goes on drawing where it was, as the reference does.
        numbers = count(self.drawn + 1)

        def drawn(size: int) -> bytes:
            return next(numbers).to_bytes(size, "big")

        return open_store(f"sqlite:///{path}", inline=True, entropy=drawn, now=lambda: self.time)

    def draw(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")

    def both(self, *questions: Callable[[Store], Awaitable[object]]) -> list[object]:
        """Ask both stores each question, compare their answers, and return those."""

        async def run() -> list[object]:
            answers = []
            for ask in questions:
                expected, got = await outcome(ask(self.memory)), await outcome(ask(self.sqlite))
                assert got == expected
                answers.append(expected)
            return answers

        return trio.run(run)

    @rule(
        room=st.sampled_from(ROOMS),
        off=st.sampled_from([0, 0, 0, 0, 1, -1]),
        aged=st.sampled_from([0, 0, 0, 1, -1]),
        ids=st.lists(IDS, min_size=1, max_size=4),
        texts=st.lists(TEXT, min_size=4, max_size=4),
        update=st.binary(max_size=8),
        open_runs=st.integers(0, 2),
        wake_at=st.one_of(st.none(), st.integers(0, 5)),
        second=st.integers(0, 3),
        author=st.sampled_from(["ann", "plait"]),
        about=ABOUTS,
        blobs=st.lists(st.sampled_from(BLOBS), max_size=2),
    )
    def append(
        self,
        room: str,
        off: int,
        aged: int,
        ids: list[str | None],
        texts: list[str],
        update: bytes,
        open_runs: int,
        wake_at: int | None,
        second: int,
        author: str,
        about: About | None,
        blobs: list[bytes],
    ) -> None:
        seq, epoch = self.heads[room]
        after, epoch = max(0, seq + off), max(0, epoch + aged)
        records = tuple(
            record(after + 1 + n, text, record_id=one, epoch=epoch, update=update, second=second, author=author)
            for n, (one, text) in enumerate(zip(ids, texts, strict=False))
        )
        self.ask(Append(room, epoch, after, records, open_runs, wake_at, about, tuple(map(name_of, blobs))))

    def ask(self, one: Append) -> None:
        self.both(lambda store: store.append(one))
        head = trio.run(self.memory.head, one.room)
        self.heads[one.room] = (head.seq, head.epoch)
        self.asked.append(one)

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 1000))
    def repeat(self, which: int) -> None:
        self.ask(self.asked[which % len(self.asked)])

    @rule(room=st.sampled_from(ROOMS), seq=st.integers(0, 6), version=st.integers(0, 3), data=st.binary(max_size=8))
    def save_snapshot(self, room: str, seq: int, version: int, data: bytes) -> None:
        self.both(lambda store: store.save_snapshot(room, Snapshot(seq, version, data)))

    @rule(
        data=st.sampled_from(BLOBS), kind=st.sampled_from(["image/png", "text/plain", "none"]), hours=st.integers(0, 30)
    )
    def put_blob(self, data: bytes, kind: str, hours: int) -> None:
        self.time += hours * 3600 * 1_000_000
        self.both(lambda store: store.put_blob(data, kind))

    @precondition(lambda self: len(self.asked) > 6)
    @rule(room=st.sampled_from(ROOMS))
    def delete(self, room: str) -> None:
        self.both(lambda store: store.delete(room))

    @rule(kind=st.sampled_from(["subject", "grant", "room"]), value=st.sampled_from(["a", "b"]), at=st.integers(0, 3))
    def revoke(self, kind: Literal["subject", "grant", "room"], value: str, at: int) -> None:
        self.both(lambda store: store.revoke(Revocation(kind, value, at)), lambda store: store.revocations())

    @rule(
        limit=st.integers(1, 3),
        query=st.sampled_from(["", "a", "A", "ß", "É"]),
        wanted=st.dictionaries(st.sampled_from(["k", 'o"d\\d']), st.one_of(st.none(), TEXT), max_size=2),
    )
    def list(self, limit: int, query: str, wanted: dict[str, str | None]) -> None:
        cursor = ""
        for _ in range(len(ROOMS) + 1):
            (page,) = self.both(lambda store, after=cursor: store.rooms(after, limit, query, wanted))
            if not isinstance(page, Listing) or not page.cursor:
                break
            cursor = page.cursor

    @rule()
    def reopen(self) -> None:
        trio.run(self.sqlite.aclose)
        self.sqlite = self.open()

    @rule(due=st.one_of(st.none(), st.integers(0, 5)), after=st.sampled_from(["", *ROOMS]), limit=st.integers(1, 3))
    def look(self, due: int | None, after: str, limit: int) -> None:
        self.both(
            lambda store: store.unfinished(due, after, limit),
            lambda store: store.room_names(after, limit),
            lambda store: store.read("a", limit, 2),
            lambda store: store.snapshot("a", limit),
        )

    @invariant()
    def equal(self) -> None:
        questions: list[Callable[[Store], Awaitable[object]]] = [lambda store: store.rooms()]
        for room in ROOMS:
            questions += [
                lambda store, room=room: store.read(room),
                lambda store, room=room: store.snapshot(room),
                lambda store, room=room: store.head(room),
                lambda store, room=room: store.blobs_of(room),
                *(lambda store, room=room, one=one: store.find(room, one) for one in ("i", "j", "k", "l")),
            ]
        for data in BLOBS:
            questions += [
                lambda store, data=data: store.blob(name_of(data)),
                lambda store, data=data: store.blob_facts(name_of(data)),
            ]
        self.both(*questions)
        for sealed in self.both(*(lambda store, room=room: store.sealed(room) for room in ROOMS)):
            if isinstance(sealed, list):  # And not the refusal of a room that was deleted.
                assert verify(cast("list[Sealed]", sealed)) is None

    def teardown(self) -> None:
        trio.run(self.sqlite.aclose)
        self.folder.cleanup()


TestSqliteEqualsMemory = SqliteEqualsMemory.TestCase
TestSqliteEqualsMemory.settings = settings(
    max_examples=30,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
