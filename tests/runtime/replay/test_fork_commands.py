"""Forks and merges as commands: under ids, over sockets and HTTP, as much as their asker may."""

import json
from typing import Any

import msgspec
import pytest
import trio
from plait.protocol.access import Grant
from plait.protocol.admission import Allowance
from plait.protocol.errors import Refused
from plait.protocol.events import ForkMerged
from plait.protocol.forks import Change, Wanted, WantedBack
from plait.runtime import Runtime, connect
from plait.storage import open_store
from plait.storage.memory import MemoryStore

from .test_fork import log, request, teller
from .test_merge import puts, text


async def test_a_fork_under_an_id_is_made_once() -> None:
    """FK18: also at the same time, also without a name; another one under that id is refused, as is a used id."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "one"))
        await room.by("ann").edit("main", puts(0, "two"))
        made: list[str] = []

        async def make() -> None:
            made.append((await room.by("bob").fork(1, id="once")).name)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(make)
        assert set(made) == {"r~1"}
        assert [child.room for child in (await room.lineage()).forks] == ["r~1"]
        for at, more in [(2, {}), (1, {"name": "x"}), (1, {"writes": True}), (1, {"change": Change(prompt="x")})]:
            with pytest.raises(Refused, match="id-reused"):
                await room.by("bob").fork(at, id="once", **more)
        assert (await room.fork(1, id="other")).name != "r~1"
        await room.change(title="t", id="taken")
        with pytest.raises(Refused, match="id-reused"):
            await room.fork(1, id="taken")
        with pytest.raises(Refused, match="not-allowed"):
            await room.under(Grant("eve", rooms=("r",))).fork(1, id="once")
    async with Runtime(store) as runtime:
        assert (await runtime.room("r").by("bob").fork(1, id="once")).name == "r~1"
        await runtime.room("r~1").delete()
        assert (await runtime.room("r").by("bob").fork(1, id="once")).name != "r~1"


async def test_a_merge_under_an_id_happens_once() -> None:
    """FK18: it is answered as it was, though more was written since; another one under that id is refused."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "."))
        made = await room.fork(1, name="f")
        assert (await made.merge(id="once")).seq == 0  # Nothing was there, so nothing is remembered.
        await made.by("eve").edit("main", puts(0, "a"))
        results: list[Any] = []

        async def merge() -> None:
            results.append(await made.by("ann").merge(id="once"))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(merge)
        await made.by("eve").edit("main", puts(1, "b"))
        results.append(await made.by("ann").merge(id="once"))
        assert results[0].seq > 0
        assert results == [results[0]] * 4
        assert results[0].documents["main"].authors == ["eve"]
        assert text(await room.document("main")) == "a."
        with pytest.raises(Refused, match="id-reused"):
            await made.merge(["main"], id="once")
        await made.change(title="t", id="taken")
        with pytest.raises(Refused, match="id-reused"):
            await made.merge(id="taken")
        looked = await made.merge(preview=True, id="once")
        assert looked.documents["main"].edits == 1
        assert sum(isinstance(record.event, ForkMerged) for record in await log(store, "r")) == 1
    async with Runtime(store) as runtime:
        assert await runtime.room("f").merge(id="once") == results[0]
        other = await runtime.room("r").fork(1, name="g")
        await other.by("eve").edit("main", puts(0, "c"))
        assert (await other.merge(id="once")).seq > results[0].seq  # The id is the fork's own.


async def test_over_a_socket_and_over_http() -> None:
    """FK18: the commands of a control channel, and the same posted; what is refused says why, and rights are asked."""
    async with (
        open_store("sqlite:///:memory:") as store,
        Runtime(store, [teller()[0]]) as runtime,
        trio.open_nursery() as nursery,
    ):
        room = runtime.room("r")
        run = await room.prompt("Weather?")
        await room.wait(run)
        url: str = await nursery.start(runtime.serve, "127.0.0.1", 0)
        port = int(url.rpartition(":")[2])
        async with connect(url, "r") as remote:
            name = await remote.fork(int(run), name="wetter", change=Change(prompt="Wetter?"), id="one")
            assert name == await remote.fork(int(run), name="wetter", change=Change(prompt="Wetter?"), id="one")
            for at, code in [(10_000, "no-such-moment"), (2, "room-exists")]:
                with pytest.raises(Refused, match=code):
                    await remote.fork(at, name="wetter")
            with pytest.raises(Refused, match="bad-request"):
                await remote.merge()
            async with connect(url, name) as forked:
                assert (await forked.wait(run))["parts"][-1]["text"].endswith("Wetter? ")
                await runtime.room(name).by("eve").edit("notes", puts(0, "rain"))
                merged = await forked.merge(["notes"], id="two")
                assert (merged["room"], merged["documents"]["notes"]["authors"]) == ("r", ["eve"])
        posted = {"id": "one", "do": "fork", "at": int(run), "as": "wetter", "change": {"prompt": "Wetter?"}}
        assert await request(port, "POST", "/api/rooms/r/commands", posted) == (
            200,
            {"id": "one", "ok": {"result": {"room": "wetter", "of": "r", "at": int(run) - 1}}},
        )
        status, answer = await request(port, "POST", "/api/rooms/r/commands", posted | {"at": 3})
        assert (status, answer["refused"]["code"]) == (409, "id-reused")
        body = {"documents": ["notes"], "id": "two"}
        assert (await request(port, "POST", "/api/rooms/wetter/merge", body))[1] == merged
        assert (await request(port, "POST", "/api/rooms/wetter/merge", {"id": ""}))[0] == 400
        nursery.cancel_scope.cancel()


async def test_a_fork_that_goes_on_is_a_prompt() -> None:
    """FK18: as far as it is measured, by which no program of the room's own process is; a paused one is none."""
    allowance = Allowance(room_prompts_per_minute=2)
    store = MemoryStore()
    async with Runtime(store, [teller()[0]], allowance=allowance) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("Weather?"))
        other = Change(prompt="Wetter?")
        for n in range(2):
            await runtime.rooms.fork("r", Wanted(1, f"f{n}", other), Grant(), measured=True)
        with pytest.raises(Refused, match="rate-limited"):
            await runtime.rooms.fork("r", Wanted(1, "f2", other), Grant(), measured=True)
        await runtime.rooms.fork("r", Wanted(1, "f1", other), Grant(), measured=True)  # It was made before.
        await runtime.rooms.fork("r", Wanted(1, "f3", other, going="paused"), Grant(), measured=True)
        await runtime.rooms.fork("r", Wanted(1, "f4", other), Grant())
        assert len((await room.lineage()).forks) == 4


def test_what_is_said_is_json() -> None:
    """FK18: an id that no command may have is none of these either."""
    for what in (Wanted, WantedBack):
        for bad in ("", "a\nb", "x" * 1000):
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(json.dumps({"at": 1, "id": bad} if what is Wanted else {"id": bad}), type=what)
