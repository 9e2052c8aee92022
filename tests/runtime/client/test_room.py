"""The client against the real server on loopback: everything that a program may do with a room elsewhere."""

import gc

import pytest
import trio
from plait.protocol import limits
from plait.protocol.commands import Approve, Overrides
from plait.protocol.errors import Refused
from plait.protocol.events import ApprovalRequested, RunSteered
from plait.runtime import Agent, connect, tool
from plait.runtime.client import RemoteRoom
from plait.runtime.client.link import Address, dial
from plait.runtime.client.upload import upload
from plait.runtime.models.model import TextChunk
from pycrdt import Text
from trio.testing import wait_all_tasks_blocked

from tests.runtime.agent.scripted import Scripted, answered, calls, says

from .served import served

MEMORY = "sqlite:///:memory:"


async def test_a_prompt_and_what_came_of_it() -> None:
    """CC2, CC6, CC18: asked again under its id it is the same run; records, document and outcome agree."""
    async with served(MEMORY) as server, connect(server.url, "cage") as room:
        run = await room.prompt("Polly wants", id="once")
        assert await room.prompt("Polly wants", id="once") == run
        done = await room.wait(run)
        assert (done["status"], done["prompt"], done["parts"][0]["text"]) == ("done", "Polly wants", "Polly wants")
        records = [record async for record in room.follow(live=False)]
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        tail = room.follow(records[-2].seq, live=False)
        assert [record.seq async for record in tail] == [len(records)]
        assert [record.seq async for record in tail] == []  # What has ended stays so.
        cage = await room.document()
        while (shown := await room.runs())[run]["status"] != "done":
            await cage.changed()
        assert shown == {run: done} == await server.runtime.room("cage").runs()
        assert room.status == "connected"
        with pytest.raises(Refused, match="id-reused"):
            await room.prompt("Polly wants more", id="once")


async def test_a_run_that_left_the_document_is_waited_for_as_well() -> None:
    """CC18: it is put together from the log; one that never was is refused at once."""
    async with served(MEMORY) as server, connect(server.url, "cage") as room:
        first = await room.prompt("first")
        async with trio.open_nursery() as nursery:
            for n in range(limits.FINISHED_RUNS + 1):
                nursery.start_soon(room.prompt, str(n))
        last = max(await room.runs())
        await room.wait(last)
        assert first not in await server.runtime.room("cage").runs()
        assert (await room.wait(first))["parts"][0]["text"] == "first"
        for none in ("000000000002", "000000099999", "9" * 30, "0", "", "x", "²"):
            with pytest.raises(Refused, match="no-such-run"):
                await room.wait(none)


async def test_deciding_steering_and_stopping() -> None:
    """CC2: the rest of what may be asked, answered by the same room."""
    sent: list[str] = []

    @tool(approval="always")
    async def send(to: str) -> str:
        """Send a mail."""
        sent.append(to)
        return "sent"

    model = Scripted(lambda r: says("Done.") if answered(r) else calls(("c", "send", '{"to":"team"}')))
    asleep = Scripted(lambda r: [TextChunk("Hm "), trio.Event()])
    agents = [Agent("desk", model, tools=[send]), Agent("sleeper", asleep)]
    async with served(MEMORY, *agents) as server, connect(server.url, "office") as room:
        run = await room.prompt("Send it", agent="desk")
        async for record in room.follow():
            if isinstance(record.event, ApprovalRequested):
                await room.decide(Approve(id="yes", run=run, step=record.event.step, args={"to": "all"}))
                break
        assert (await room.wait(run))["status"] == "done"
        assert sent == ["all"]
        run = await room.prompt("Sleep", agent="sleeper")
        await room.steer("Wake up", run)
        await room.stop(run)
        assert (await room.wait(run))["status"] == "stopped"
        events = [record.event async for record in room.follow(live=False)]
        assert RunSteered("Wake up") in events
        with pytest.raises(Refused, match="no-such-run"):
            await room.stop("000000099999")
        with pytest.raises(Refused, match="no-such-agent"):
            await room.prompt("Go", agent="nobody")


async def test_a_conversation_from_afar() -> None:
    """CC31: branches, facts, files, a name; what the server refuses is raised with its code."""
    script = lambda request: says(request["system"] or "Nothing known.")  # noqa: E731
    agent = Agent("a", Scripted(script), overrides={"temperature"})
    async with served(MEMORY, agent) as server, connect(server.url, "cage") as room:
        file = await room.attach(b"GIF89a", "image/gif", "dot.gif")
        assert (file.bytes, file.media_type) == (6, "image/gif")
        one = await room.prompt(
            "one", context={"page": "Invoices"}, attachments=[file], options=Overrides(temperature=1)
        )
        shown = await room.wait(one)
        assert "Invoices" in shown["parts"][0]["text"]
        assert shown["attachments"][0]["name"] == "dot.gif"
        other = await room.edit_prompt(one, "uno")
        assert (await room.wait(other))["instead"] == one
        again = await room.regenerate(one)
        await room.wait(again)
        await room.change(title="Ours", metadata={"customer": "17"}, branch=one)
        await room.provide_context({"user": "Ada"})
        two = await room.prompt("two")
        shown = await room.wait(two)
        assert shown["after"] == one
        assert "Ada" in shown["parts"][0]["text"]
        about = await server.runtime.room("cage").about()
        assert (about["title"], about["metadata"]) == ("Ours", {"customer": "17"})
        for asked, code in (
            (room.regenerate("000000099999"), "no-such-run"),
            (room.prompt("x", options=Overrides(seed=1)), "option-not-allowed"),
            (room.attach(b"", "no type", "x"), "bad-request"),
            (room.attach(bytes(limits.BLOB_BYTES + 1), "image/gif", "x"), "too-large"),
        ):
            with pytest.raises(Refused) as refused:
                await asked
            assert refused.value.code == code


async def test_a_file_is_put_until_it_is_taken() -> None:
    """CC31: a stream that breaks, and a server that is not there yet, are pauses."""
    tries = 0

    async def unlucky(address: Address) -> trio.abc.Stream:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("nobody is there")
        if tries == 2:
            ours, theirs = trio.testing.memory_stream_pair()
            await theirs.aclose()
            return ours
        return await dial(address)

    async with served(MEMORY) as server:
        address = Address.parse(server.url)
        with trio.fail_after(120):
            file = await upload(address, unlucky, lambda: 0.0, b"GIF89a", "image/gif", "dot.gif")
        assert tries == 3
        assert await server.runtime.store.blob(file.blob) is not None


async def test_documents() -> None:
    """CC10, CC13: two write one document and see each other's; the room document is refused."""
    async with served(MEMORY) as server, connect(server.url, "desk") as one, connect(server.url, "desk") as two:
        mine, yours = await one.document("notes"), await two.document("notes")
        assert await one.document("notes") is mine
        with mine.edit() as doc:
            doc.get("content", type=Text).insert(0, "Hello")
            doc.get("title", type=Text).insert(0, "Greeting")
        assert mine.unsaved == 1
        await mine.saved()
        while str(yours.doc.get("content", type=Text)) != "Hello":
            await yours.changed()
        yours.doc.get("content", type=Text).insert(5, "!")  # Without `edit` it is an edit as well.
        await yours.saved()
        saved = await server.runtime.room("desk").document("notes")
        assert str(saved.get("content", type=Text)) == "Hello!"
        desk = await one.document()
        with pytest.raises(Refused, match="permission-denied"), desk.edit():
            pass
        with pytest.raises(Refused, match="bad-name"):
            await one.document("a//b")


async def test_a_slow_follower_holds_nobody_up() -> None:
    """CC7: its socket is not read while others' go on, and it has everything in the end."""
    async with served(MEMORY) as server, connect(server.url, "cage") as room, room.follow() as slow:
        runs = [await room.prompt("Polly wants a cracker") for _ in range(40)]
        assert (await anext(slow)).seq == 1
        await room.wait(runs[-1])
        head = (await server.runtime.store.head("cage")).seq
        assert head > 3 * limits.FOLLOW_RECORDS
        assert not slow.caught_up
        assert [(await anext(slow)).seq for _ in range(2, head + 1)] == list(range(2, head + 1))


async def test_a_follower_that_nobody_holds_closes_its_socket() -> None:
    """CC17: whoever breaks out of the loop has nothing more to do."""
    async with served(MEMORY) as server, connect(server.url, "cage") as room:
        await room.prompt("Polly")
        async for _ in room.follow():
            assert server.runtime.rooms.statistics()["tabs"] == 2
            break
        gc.collect()
        while server.runtime.rooms.statistics()["tabs"] != 1:  # The test's patience is that of `served`.
            await wait_all_tasks_blocked(0.01)


async def test_what_is_raised_inside_leaves_as_it_is() -> None:
    """CC17: no group wraps it; and a room that was left raises rather than hangs."""
    kept: list[RemoteRoom] = []
    async with served(MEMORY) as server:
        try:
            async with connect(server.url, "cage") as room:
                kept.append(room)
                await room.prompt("Go", agent="nobody")
        except Refused as refused:
            assert str(refused).startswith("no-such-agent")  # noqa: PT017 - no group may be around it
        assert kept[0].status == "ended"
        with pytest.raises(Refused, match="was left"):
            await kept[0].prompt("Go")
    for url in ("127.0.0.1:1", "ftp://a", "ws://", "ws://a?b"):
        with pytest.raises(ValueError, match="is not the URL"):
            async with connect(url, "cage"):
                pass
    with pytest.raises(Refused, match="bad-name"):
        async with connect("ws://a", "a/b"):
            pass
