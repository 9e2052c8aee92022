"""One contract for every engine: what a log must do, whoever keeps it.

`StoreContract` is what concerns the log; `contract_rooms` and `contract_blobs` hold what concerns the list of rooms,
deleting, and blobs. An engine's test class inherits all three and says in `opened` how its store is made. The rules are
in specs/storage.md; each check carries the id of the rule that it shows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import trio
import trio.testing
from msgspec import structs
from plait.protocol import limits
from plait.storage import Append, Conflict, Fenced, Head, Reader, Snapshot, Store, StoreError, chain, verify

from .logs import LIBRARY_RECORDS, TIME, append, fill, record
from .reading import READING

HASH_OF_LIBRARY = bytes.fromhex("4b4a513fcae67f19ca0d53b1b7096718250d7f7f1b759cd927ec80410500e153")
"""Of the log of `fill` with the three records, where nothing encrypts it."""


class StoreContract:
    """Inherit it and say how a store is made; `tmp_path` is there for those that need a place."""

    def opened(self, tmp_path: Path) -> AbstractAsyncContextManager[Store]:
        """A fresh store that draws its lineages from `entropy()` and asks `now` for the time."""
        raise NotImplementedError

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        async with self.opened(tmp_path) as store:
            yield store

    @pytest.mark.parametrize("check", READING, ids=lambda check: check.__name__)
    async def test_reading(self, store: Store, check: Callable[[Reader], Awaitable[None]]) -> None:
        await fill(store)
        await check(store)

    async def test_append_returns_the_new_head(self, store: Store) -> None:
        """ST1: what append returns is what head says from then on."""
        head = await store.append(append("r", 0, record(1), record(2), open_runs=2, wake_at=99))
        assert head == await store.head("r")
        assert head == Head("r", 2, 1, head.hash, (1).to_bytes(16, "big").hex(), 2, 99, TIME + 2)

    async def test_a_lineage_is_drawn_once(self, store: Store) -> None:
        """ST8: a room's first append draws its lineage, and no later one changes it."""
        first = await store.append(append("r", 0))
        second = await store.append(append("r", 1))
        other = await store.append(append("s", 0))
        assert first.lineage == second.lineage != other.lineage

    async def test_a_lineage_is_renewed(self, store: Store) -> None:
        """ST8: an append that renews it draws another one with its commit, and asked again it draws none."""
        first = await store.append(append("r", 0))
        renewing = structs.replace(append("r", 1, record(2, record_id="once")), renews=True)
        second = await store.append(renewing)
        assert second.lineage not in ("", first.lineage)
        assert await store.append(renewing) == second == await store.head("r")
        third = await store.append(append("r", 2))
        assert third.lineage == second.lineage
        with pytest.raises(Fenced):
            await store.append(structs.replace(append("r", 1, record(2, record_id="else")), renews=True))
        assert await store.head("r") == third

    async def test_a_refused_append_draws_no_lineage(self, store: Store) -> None:
        """ST8: an append that is refused does not make the room."""
        with pytest.raises(Fenced):
            await store.append(append("r", 3))
        assert await store.room_names() == []

    async def test_a_stale_head_is_fenced(self, store: Store) -> None:
        """ST9: an append that does not stand on the head is refused and nothing happens."""
        await store.append(append("r", 0))
        for after in (0, 2):
            with pytest.raises(Fenced, match="'r' ends at 1"):
                await store.append(append("r", after))
        assert [r.seq for r in await store.read("r")] == [1]

    async def test_a_stale_epoch_is_fenced(self, store: Store) -> None:
        """ST10: once a newer epoch wrote, an older one is refused, though it stands on the head."""
        await store.append(append("r", 0, epoch=2))
        with pytest.raises(Fenced, match="is in epoch 2"):
            await store.append(append("r", 1, epoch=1))
        assert (await store.append(append("r", 1, epoch=2))).seq == 2
        assert (await store.append(append("r", 2, epoch=5))).epoch == 5

    async def test_a_repeat_changes_nothing(self, store: Store) -> None:
        """ST11: an append whose ids are all in the log already returns the present head."""
        again = append("r", 0, record(1, record_id="c#0"), record(2), record(3, record_id="c#1"))
        await store.append(again)
        later = await store.append(append("r", 3))
        assert await store.append(again) == later
        assert len(await store.read("r")) == 4

    async def test_a_repeat_is_found_from_another_place(self, store: Store) -> None:
        """ST11: the writer that repeats may be a new one, which stands on another head and has another epoch."""
        await store.append(append("r", 0, record(1, record_id="c#0"), record(2, record_id="c#1")))
        later = await store.append(append("r", 2, epoch=2))
        moved = append("r", 3, record(4, record_id="c#0"), record(5, record_id="c#1"), epoch=2)
        assert await store.append(moved) == later
        stale = append("r", 9, record(10, record_id="c#0"), record(11, record_id="c#1"), epoch=1)
        assert await store.append(stale) == later

    async def test_half_a_repeat_is_a_conflict(self, store: Store) -> None:
        """ST12: some ids there and some not, or all but not in the same places: refused, and nothing happens."""
        await store.append(append("r", 0, record(1, record_id="a"), record(2, record_id="b")))
        head = await store.head("r")
        half = append("r", 2, record(3, record_id="b"), record(4, record_id="c"))
        swapped = append("r", 2, record(3, record_id="b"), record(4, record_id="a"))
        stale = append("r", 0, record(1, record_id="a"), record(2, record_id="c"))
        for confused in (half, swapped, stale):
            with pytest.raises(Conflict, match="'r'"):
                await store.append(confused)
        assert await store.head("r") == head

    async def test_ids_belong_to_a_room(self, store: Store) -> None:
        """ST4: the same id in another room is another record."""
        await store.append(append("r", 0, record(1, record_id="a")))
        assert (await store.append(append("s", 0, record(1, record_id="a")))).seq == 1

    async def test_malformed_appends_are_the_callers_bug(self, store: Store) -> None:
        """ST13: no records, wrong seqs, ids twice, or numbers beyond 64 bits are refused before anything is queued."""
        malformed = [
            Append("r", 1, 0, ()),
            append("r", 0, record(2)),
            append("r", 0, record(1), record(3)),
            append("r", 0, record(1, record_id="a"), record(2, record_id="a")),
            append("r", 0, epoch=1 << 63),
        ]
        for one in malformed:
            with pytest.raises(ValueError, match="append"):
                await store.append(one)
        assert await store.room_names() == []

    async def test_concurrent_appenders_leave_no_gap(self, store: Store) -> None:
        """ST9: whoever appends, a log has neither gap nor double."""

        async def keep_appending(name: str) -> None:
            done = 0
            while done < 10:
                head = await store.head("r")
                try:
                    await store.append(append("r", head.seq, record(head.seq + 1, record_id=f"{name}#{done}")))
                    done += 1
                except Fenced:
                    continue

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(keep_appending, f"appender-{number}")
        records = await store.read("r")
        assert [r.seq for r in records] == list(range(1, 81))
        assert len({r.id for r in records}) == 80
        assert verify(await store.sealed("r")) is None

    async def test_one_head_has_one_successor(self, store: Store) -> None:
        """ST9: of all who stand on one head exactly one wins, and the others are told."""
        outcomes: list[str] = []

        async def attempt(text: str) -> None:
            try:
                await store.append(append("r", 0, record(1, text)))
                outcomes.append(text)
            except Fenced:
                outcomes.append("fenced")

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(attempt, f"attempt-{number}")
        (kept,) = await store.read("r")
        assert sorted(outcomes) == [kept.event.text, *["fenced"] * 7]  # type: ignore[union-attr]

    async def test_one_rooms_quarrel_costs_no_other_its_commit(self, store: Store) -> None:
        """ST14: appends that are refused leave a batch; the others of that batch are committed."""
        await store.append(append("quarrel", 0, record(1, record_id="a"), record(2, record_id="b")))
        results: dict[str, Head | StoreError] = {}

        async def attempt(one: Append) -> None:
            try:
                results[one.room] = await store.append(one)
            except StoreError as refused:
                results[one.room] = refused

        confused = append("quarrel", 2, record(3, record_id="b"), record(4, record_id="c"))
        async with trio.open_nursery() as nursery:
            for one in (append("before", 0), confused, append("stale", 4), append("after", 0)):
                nursery.start_soon(attempt, one)
        assert isinstance(results["quarrel"], Conflict)
        assert isinstance(results["stale"], Fenced)
        assert results["before"] == await store.head("before")
        assert results["after"] == await store.head("after")
        assert (await store.head("quarrel")).seq == 2

    async def test_two_appends_of_one_room_in_one_batch(self, store: Store) -> None:
        """ST9: an append may stand on one that is still in flight; a repeat of that one is found as well."""
        first = append("r", 0, record(1, record_id="a"))
        heads: list[int] = []

        async def attempt(one: Append) -> None:
            heads.append((await store.append(one)).seq)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt, append("r", 0, record(1, record_id="a")))
            nursery.start_soon(attempt, first)
        assert heads == [1, 1]
        assert (await store.head("r")).seq == 1

    async def test_cancelled_before_it_was_queued(self, store: Store) -> None:
        """ST15: a cancelled caller's append does not happen."""
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.append(append("r", 0))
        assert scope.cancelled_caught
        assert (await store.head("r")).seq == 0

    async def test_cancelled_while_queued(self, store: Store) -> None:
        """ST15: an append in flight is waited for: it happened if and only if its cancelled caller learnt of it."""
        done: list[Head] = []

        async def attempt() -> None:
            done.append(await store.append(append("r", 0)))
            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt)
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        head = await store.head("r")
        assert done == ([head] if head.seq else [])

    async def test_unfinished_rooms(self, store: Store) -> None:
        """ST16: open runs, and wake-ups that are due, are found; what a later append closed is not."""
        await store.append(append("closed", 0, open_runs=1))
        await store.append(append("closed", 1, open_runs=0))
        await store.append(append("due", 0, wake_at=100))
        await store.append(append("later", 0, wake_at=101))
        await store.append(append("open", 0, open_runs=1, wake_at=50))
        assert await store.unfinished() == ["open"]
        assert await store.unfinished(due=100) == ["due", "open"]
        assert await store.unfinished(due=101, after="due") == ["later", "open"]
        assert await store.unfinished(due=101, limit=2) == ["due", "later"]

    async def test_snapshots_stand_on_a_ladder(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """ST7: each rung of SNAPSHOT_RECORDS keeps its newest snapshot; a newer one of the same seq takes its place."""
        monkeypatch.setattr(limits, "SNAPSHOT_RECORDS", 10)
        await store.append(append("r", 0, *(record(n + 1) for n in range(30))))
        for seq in (4, 9, 10, 25, 30):
            await store.save_snapshot("r", Snapshot(seq, 1, b"%d" % seq))
        await store.save_snapshot("r", Snapshot(30, 2, b"again"))
        found = [await store.snapshot("r", at=at) for at in (8, 9, 19, 24, 29, 30)]
        assert [one and one.seq for one in found] == [None, 9, 10, 10, 25, 30]
        assert await store.snapshot("r") == Snapshot(30, 2, b"again")

    async def test_a_snapshot_of_nothing(self, store: Store) -> None:
        """ST7: a snapshot of a seq that the log does not have is refused."""
        await store.append(append("r", 0))
        for room, seq in (("nobody", 1), ("r", 2)):
            with pytest.raises(StoreError, match="no record"):
                await store.save_snapshot(room, Snapshot(seq, 1, b""))

    async def test_closing(self, store: Store) -> None:
        """ST17: closing twice is fine; after it nothing is read or written."""
        await store.append(append("r", 0))
        await store.aclose()
        await store.aclose()
        for attempt in (store.append(append("r", 1)), store.head("r"), store.read("r"), store.unfinished()):
            with pytest.raises(StoreError, match="closed"):
                await attempt

    async def test_hashes_are_the_same_everywhere(self, store: Store) -> None:
        """ST6: the chain is a function of the records, so every engine makes the same hash of the same log."""
        await fill(store)
        link = chain.START
        for one in LIBRARY_RECORDS:
            leaf = chain.leaf(one)
            link = chain.link(link, leaf.header, leaf.body_hash)
        assert (await store.head("library")).hash == link
        assert link == HASH_OF_LIBRARY
