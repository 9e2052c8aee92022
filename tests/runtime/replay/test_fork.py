"""Forks: copies that equal what they are copies of, and go on by themselves."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.codec import decode_event
from plait.protocol.errors import Refused
from plait.protocol.events import Forked, Record, RunRequested, ToolReturned
from plait.protocol.forks import Change, Wanted
from plait.protocol.state import VERSION
from plait.runtime import Agent, Runtime, moment, tool
from plait.runtime.replay.comparing import first_differing
from plait.runtime.replay.fork import fork, lineage
from plait.storage import Append, Making, Reader, Snapshot, StoreError, open_store, plan_erasure, verify
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ...storage.test_encryption import MASTER
from ..agent.scripted import Scripted, answered, calls, says
from .test_moment import lived, typed

GOLDEN = Path(__file__).parents[2] / "golden"


async def log(store: Reader, room: str) -> list[Record]:
    return await store.read(room, limit=10_000)


async def test_a_fork_at_every_record_is_that_moment() -> None:
    """FK1: of a room with runs, edits and a restart: records, chain and every moment are the parent's."""
    store = MemoryStore()
    await lived(store)
    records, sealed = await log(store, "r"), await store.sealed("r", limit=10_000)
    for at in range(1, len(records) + 1):
        made = await fork(store, "r", Wanted(at))
        assert (made.of, made.at) == ("r", at)
        copy = await log(store, made.room)
        assert copy[:at] == records[:at]
        assert (await store.sealed(made.room, limit=10_000))[:at] == sealed[:at]
        assert verify(await store.sealed(made.room, limit=10_000)) is None
        for seq in {at, at // 2}:
            assert (await moment(store, made.room, seq)).kept() == (await moment(store, "r", seq)).kept()
        now = await moment(store, made.room, at + 1)
        then = await moment(store, "r", at)
        assert now.shown()["runs"] == then.shown()["runs"]
        assert {name: now.document(name).get_update() for name in now.documents} == {
            name: then.document(name).get_update() for name in then.documents
        }
    assert await log(store, "r") == records


async def test_what_a_fork_is_by_itself() -> None:
    """FK2: its first own record says all of it; another lineage, later epochs, other client ids; the parent may go."""
    store = MemoryStore()
    await lived(store)
    head = await store.head("r")
    async with Runtime(store) as runtime:
        made = await runtime.room("r").by("bob").fork(5, name="copy")
        last = (await log(store, "copy"))[-1]
        assert last.event == Forked("r", head.lineage, 5)
        assert last.author == "bob"
        assert last.epoch > (await log(store, "r"))[4].epoch
        assert (await store.head("copy")).lineage not in ("", head.lineage)
        about = await made.about()
        assert about["fork"] == {"of": "r", "at": 5, "writes": False, "going": "paused"}
        before = set((await moment(store, "r", head.seq)).state.owners)
        await made.edit("main", lambda doc: typed(doc, "mine "))
        state = (await moment(store, "copy", (await store.head("copy")).seq)).state
        assert set(state.owners) - before != set()
        assert state.kin == ["r"]
        await runtime.room("r").delete()
        assert str((await made.document("main")).get("content", type=Text)).startswith("mine ")
        assert (await made.lineage()).of is not None


async def test_a_fork_of_a_fork() -> None:
    """FK2: it has both for kin, and its own place in the lineage."""
    store = MemoryStore()
    await lived(store)
    await fork(store, "r", Wanted(4, "a"))
    await fork(store, "a", Wanted(5, "b"))
    assert (await moment(store, "b", 6)).state.kin == ["r", "a"]
    found = await lineage(store, "a")
    assert found.of is not None
    assert (found.of.room, found.of.at) == ("r", 4)
    assert [(child.room, child.at) for child in found.forks] == [("b", 5)]
    assert [child.room for child in (await lineage(store, "r")).forks] == ["a"]
    assert (await lineage(store, "r", lambda name: False)).forks == []
    await store.delete("r")
    again = await lineage(store, "a")
    assert again.of == found.of


async def test_files_come_along() -> None:
    """FK1: a fork refers to the parent's files, and keeps them when the parent goes."""
    store = MemoryStore()

    @tool(effect="read")
    async def long() -> str:
        """Say much."""
        return "x" * 300_000

    asked = calls(("c", "long", "{}"))
    agent = Agent("a", Scripted(lambda request: says("ok") if answered(request) else asked), tools=[long])
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("go"))
        (blob,) = await store.blobs_of("r")
        made = await room.fork((await store.head("r")).seq)
        assert await store.blobs_of(made.name) == [blob]
        early = await room.fork(1)
        assert await store.blobs_of(early.name) == []
        await room.delete()
        assert await store.blob(blob) is not None


class Cut(MemoryStore):
    """A store whose nth making of records fails."""

    left = 0

    async def make(self, making: Making) -> Any:
        self.left -= 1
        if self.left < 0:
            raise StoreError("the disk refused, as this test asked")
        return await super().make(making)


@pytest.mark.parametrize("pages", [0, 1, 2])
async def test_a_fork_that_fails(pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """FK3: nothing of it stays, and its name is free again."""
    monkeypatch.setattr(limits, "PAGE_RECORDS", 4)
    store = Cut()
    await lived(store)
    store.left = pages
    with pytest.raises(StoreError, match="refused"):
        await fork(store, "r", Wanted(9, "copy"))
    assert await store.room_names() == ["r"]
    assert (await store.head("copy")).seq == 0
    store.left = 10
    assert (await fork(store, "r", Wanted(9, "copy"))).room == "copy"


async def test_nobody_sees_it_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """FK3: while it is made it is in no list, cannot be read or written, and is not forked; an erasure ends it."""
    monkeypatch.setattr(limits, "PAGE_RECORDS", 4)
    store = MemoryStore()
    await lived(store)
    make, looked = store.make, 0

    async def looking(making: Making) -> Any:
        nonlocal looked
        made = await make(making)
        if not making.last:
            looked += 1
            assert await store.room_names() == ["r"]
            assert await store.forks("r") == []
            assert (await store.head("copy")).deleted
            with pytest.raises(Refused, match="no-such-room"):
                await moment(store, "copy", 1)
            with pytest.raises(Refused, match="room-exists"):
                await fork(store, "r", Wanted(3, "copy"))
        return made

    monkeypatch.setattr(store, "make", looking)
    await fork(store, "r", Wanted(9, "copy"))
    assert looked == 3
    assert await store.forks("r") == ["copy"]


async def test_it_is_asked_again() -> None:
    """FK4: the same under the same name is the same; anything else of that name is refused."""
    store = MemoryStore()
    await lived(store)
    wanted = Wanted(1, "copy", Change(prompt="Other"), going="paused")
    bob = Grant("bob")
    first = await fork(store, "r", wanted, grant=bob)
    assert await fork(store, "r", wanted, grant=bob) == first
    records = await log(store, "copy")
    for other, grant in [
        (Wanted(1, "copy", Change(prompt="Another"), going="paused"), bob),
        (Wanted(2, "copy"), bob),
        (wanted, Grant("ann")),
        (Wanted(2, "r"), bob),
    ]:
        with pytest.raises(Refused, match="room-exists"):
            await fork(store, "r", other, grant=grant)
    assert await log(store, "copy") == records
    await store.delete("copy")
    with pytest.raises(Refused, match="room-exists"):
        await fork(store, "r", wanted, grant=bob)
    names = {(await fork(store, "r", Wanted(2))).room for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("r~2") for name in names)


async def test_there_are_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """FK4: so many forks of a room, and none of what is not there."""
    monkeypatch.setattr(limits, "ROOM_FORKS", 2)
    store = MemoryStore()
    await lived(store)
    await fork(store, "r", Wanted(2))
    await fork(store, "r", Wanted(2))
    with pytest.raises(Refused, match="room-full"):
        await fork(store, "r", Wanted(2))
    for room, at, code in [("r", 0, "no-such-moment"), ("r", 10_000, "no-such-moment"), ("s", 1, "no-such-moment")]:
        with pytest.raises(Refused, match=code):
            await fork(store, room, Wanted(at))


@tool(effect="read")
async def weather(town: str) -> str:
    """Say how the weather is."""
    return f"rain in {town}"


def teller() -> tuple[Agent, Scripted]:
    asked = calls(("c1", "weather", '{"town": "Ulm"}'))

    def script(request: dict[str, Any]) -> Any:
        results = [message["text"] for message in request["messages"] if message["role"] == "Result"]
        return says(f"It says {results[-1]} to {request['messages'][0]['text']}") if results else asked

    model = Scripted(script)
    return Agent("teller", model, tools=[weather]), model


async def test_another_prompt() -> None:
    """FK5: it stands where the other one stood, by whoever forked, and the run goes on live."""
    store = MemoryStore()
    agent, model = teller()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", lambda doc: typed(doc, "first "))
        run = await room.by("ann").prompt("Weather?")
        await room.wait(run)
        made = await room.by("bob").fork(int(run), change=Change(prompt="Wetter?"))
        ended = await made.wait(run)
        assert (ended["prompt"], ended["author"], ended["status"]) == ("Wetter?", "bob", "done")
        assert ended["parts"][-1]["text"].startswith('It says "rain in Ulm" to Wetter?')
        assert (await room.runs())[run]["prompt"] == "Weather?"
        assert await first_differing(store, "r", made.name) == int(run)
        assert len(model.requests) == 4


async def test_another_result() -> None:
    """FK5: of a tool: the tool is not called again, and the model is told the other one."""
    store = MemoryStore()
    agent, model = teller()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Weather?")
        await room.wait(run)
        (returned,) = [record for record in await log(store, "r") if isinstance(record.event, ToolReturned)]
        made = await room.by("bob").fork(returned.seq, change=Change(result="sun"))
        ended = await made.wait(run)
        assert 'It says "sun"' in ended["parts"][-1]["text"]
        failed = await room.by("bob").fork(returned.seq, change=Change(error="no network"))
        assert "no network" in (await failed.wait(run))["parts"][-1]["text"]
        changed = (await log(store, made.name))[returned.seq - 1]
        assert (changed.author, changed.id) == ("bob", returned.id)
        assert len(model.requests) == 4


async def test_what_cannot_be_otherwise() -> None:
    """FK5: a record that is no prompt, outcome or decision; a change of nothing, of two things, of another kind."""
    store = MemoryStore()
    agent, _ = teller()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Weather?")
        await room.wait(run)
        for at, change, code in [
            (2, Change(prompt="x"), "bad-request"),
            (1, Change(result=1), "bad-request"),
            (1, Change(), "bad-request"),
            (1, Change(prompt="x", result=1), "bad-request"),
            (1, Change(prompt=""), "too-large"),
            (1, Change(prompt="x" * limits.PROMPT_BYTES + "x"), "too-large"),
            (99, Change(prompt="x"), "no-such-moment"),
        ]:
            with pytest.raises(Refused, match=code):
                await room.fork(at, change=change)
        assert await store.room_names() == ["r"]


async def test_who_may_fork() -> None:
    """FK6: read and prompt for both rooms and all documents; more for tools that write; mandates are not borrowed."""
    store = MemoryStore()
    agent, _ = teller()
    may = Grant("x", write=False, decide=False, tools=False, admin=False)
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.by("ann").prompt("Weather?")
        await room.wait(run)
        guest = replace(may, author="guest", rooms=("r", "r~*"))
        made = await room.under(guest).fork(1, change=Change(prompt="Mine?"))
        first = (await log(store, made.name))[0].event
        assert isinstance(first, RunRequested)
        assert first.mandate is not None
        assert (first.mandate.subject, first.mandate.rights) == ("guest", ("read",))
        for asked in [
            replace(may, rooms=("r",)),
            replace(may, read=False),
            replace(may, prompt=False),
            replace(may, documents=("main",)),
        ]:
            with pytest.raises(Refused, match="not-allowed"):
                await room.under(asked).fork(1)
        with pytest.raises(Refused, match="not-allowed"):
            await room.under(may).fork(1, writes=True)
        assert await room.under(replace(may, write=True, decide=True)).fork(1, writes=True)
        amid = next(record.seq for record in await log(store, "r") if isinstance(record.event, ToolReturned))
        with pytest.raises(Refused, match="not-allowed"):  # Ann's run may do more than the guest may.
            await room.under(guest).fork(amid, change=Change(result="sun"))
        with pytest.raises(Refused, match="not-allowed"):
            await room.under(guest).fork(amid, going="live")
        assert await room.under(guest).fork(amid)


async def test_a_paused_fork_does_nothing() -> None:
    """FK8: whatever was at work there; a prompt waits behind it, and a stop ends it."""
    store = MemoryStore()
    agent, model = teller()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Weather?")
        await room.wait(run)
        asked = len(model.requests)
        made = room
        for at in range(1, (await store.head("r")).seq):
            made = await room.fork(at)
            async with runtime.rooms.use(made.name) as opened:
                await opened.document()
            assert (await store.head(made.name)).seq == at + 1
            assert len(model.requests) == asked
        second = await made.prompt("And now?")
        assert (await made.runs())[second]["status"] == "queued"
        await made.stop(run)
        assert (await made.wait(second))["status"] == "done"
        assert (await made.runs())[run]["status"] == "stopped"


async def test_over_http() -> None:
    """FK1, FK7: fork and lineage as JSON."""
    async with (
        open_store("sqlite:///:memory:") as store,
        Runtime(store, [teller()[0]]) as runtime,
        trio.open_nursery() as nursery,
    ):
        room = runtime.room("r")
        await room.wait(await room.prompt("Weather?"))
        url: str = await nursery.start(runtime.serve, "127.0.0.1", 0)
        port = int(url.rpartition(":")[2])
        asked = {"at": 1, "as": "copy", "change": {"prompt": "Wetter?"}, "going": "paused"}
        made = (201, {"room": "copy", "of": "r", "at": 0})
        for _ in range(2):
            assert await request(port, "POST", "/api/rooms/r/fork", asked) == made
        status, told = await request(port, "GET", "/api/rooms/r/lineage")
        assert (status, told["of"], [child["room"] for child in told["forks"]]) == (200, None, ["copy"])
        assert told["forks"][0].keys() == {"room", "at", "when", "by"}
        assert (await request(port, "GET", "/api/rooms/copy/lineage"))[1]["of"] == {"room": "r", "at": 0}
        assert (await request(port, "POST", "/api/rooms/r/fork", {"at": 2, "as": "copy"}))[0] == 409
        assert (await request(port, "POST", "/api/rooms/r/fork", {"at": 99}))[0] == 404
        assert (await request(port, "POST", "/api/rooms/r/fork", {"seq": 1}))[0] == 400
        assert (await request(port, "GET", "/api/rooms/r/fork"))[0] == 405
        nursery.cancel_scope.cancel()


async def request(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One HTTP request: the status, and the answer's JSON."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "connection: close"]
    head = "\r\n".join([*lines, f"content-length: {len(data)}", "", ""])
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(head.encode() + data)
        answer = b""
        while part := await stream.receive_some():
            answer += part
    top, _, rest = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(rest)


async def test_the_ladder_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """FK1: snapshots up to there, so that the fork's past is shown as fast as the parent's."""
    monkeypatch.setattr(limits, "SNAPSHOT_RECORDS", 5)
    store = MemoryStore()
    await lived(store)
    for seq in (4, 9, 12):
        await store.save_snapshot("r", Snapshot(seq, VERSION, (await moment(store, "r", seq)).kept()))
    made = await fork(store, "r", Wanted(10))
    for at, seq in [(3, None), (4, 4), (8, 4), (9, 9), (10, 10), (11, 10)]:
        found = await store.snapshot(made.room, at)
        assert (found.seq if found is not None else None) == seq


async def test_ids_of_the_parent_are_the_parents() -> None:
    """FK2: what a client writes in the fork under an id of the parent's server is left out, as in the parent itself."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", lambda doc: typed(doc, "one "))
        made = await room.fork(1)
        (client,) = (await moment(store, "r", 1)).state.owners
        for name in ("r", made.name):
            forger: Doc[Any] = Doc(client_id=client)
            forger.apply_update((await runtime.room(name).document("main")).get_update())
            typed(forger, "forged ")
            async with runtime.rooms.use(name) as opened:
                live = opened._live  # pyright: ignore[reportPrivateUsage]
                assert live is not None
                with pytest.raises(Refused, match="update-foreign"):
                    live.edit("ann", "main", forger.get_update(), by=None)


async def test_a_room_in_which_somebody_was_erased() -> None:
    """FK1: the fork has what is left, before and behind the erasure, and its chain and its moments are whole."""
    store = MemoryStore()
    async with Runtime(store, [teller()[0]]) as runtime:
        room = runtime.room("r")
        await room.by("eve").edit("main", lambda doc: typed(doc, "secret "))
        await room.wait(await room.by("eve").prompt("secret"))
    erasure = await plan_erasure(store, "r", "eve", by="ann", now=1 << 50, salt=b"salt")
    assert erasure is not None
    head = await store.erase(erasure)
    for at in (1, 2, head.seq - 1, head.seq):
        made = await fork(store, "r", Wanted(at))
        copy = await log(store, made.room)
        assert "secret" not in repr(copy)
        gone = {1} if at < head.seq else set(range(1, head.seq))
        assert verify(await store.sealed(made.room, limit=10_000), erased=gone) is None
        assert (await moment(store, made.room, at)).kept() == (await moment(store, "r", at)).kept()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("format-*.log")), ids=lambda path: path.stem)
async def test_old_logs_are_forked(path: Path) -> None:
    """FK1: from the middle and from the end, whatever wrote them; and the fork can be opened."""
    store = MemoryStore()
    rows = msgspec.msgpack.decode(await trio.Path(path).read_bytes())
    values: list[list[Any]] = [[*row[:5], decode_event(row[5]), *row[6:]] for row in rows]
    records = [Record(*row) for row in values]
    for one in records:
        await store.append(Append("r", one.epoch, one.seq - 1, (one,)))
    for at in (len(records) // 2, len(records)):
        made = await fork(store, "r", Wanted(at))
        assert (await moment(store, made.room, at)).kept() == (await moment(store, "r", at)).kept()
        async with Runtime(store) as runtime:
            assert (await runtime.room(made.room).about())["fork"]["of"] == "r"


async def test_an_encrypted_room_is_forked(tmp_path: Path) -> None:
    """FK1: the copy is sealed too, no file holds a word of it, and it is opened by the same keys."""
    path = tmp_path / "plait.db"
    async with open_store(f"sqlite:///{path}", keys=MASTER) as store:
        async with Runtime(store, [teller()[0]]) as runtime:
            room = runtime.room("r")
            await room.by("eve").edit("main", lambda doc: typed(doc, "a secret word "))
            await room.wait(await room.by("eve").prompt("another secret"))
            made = await room.by("bob").fork((await store.head("r")).seq)
            assert "secret" in str((await made.document("main")).get("content", type=Text))
            await made.by("bob").edit("main", lambda doc: typed(doc, "merged "))
            await made.merge()
            assert str((await room.document("main")).get("content", type=Text)).startswith("merged ")
        records = await store.read("r", limit=10_000)
        at = int(made.name.rpartition("~")[2])
        assert (await store.read(made.name, limit=10_000))[:at] == records[:at]
    held = all_of(tmp_path)
    assert b"secret" not in held


def all_of(folder: Path) -> bytes:
    """What all files there hold."""
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
