"""The client under plain asyncio, against a real server in another thread: answers, tools, cancellation, ends."""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sniffio
import trio
from plait.protocol.changes import RunEnded, TextAdded
from plait.protocol.commands import Overrides
from plait.protocol.errors import Refused
from plait.runtime import Agent, tool
from plait.runtime.client import NotAnswered, guest
from plait.runtime.client.aio import AsyncioRoom, connect_asyncio
from plait.runtime.models.model import TextChunk
from pycrdt import Text

from tests.runtime.agent.scripted import Scripted

from .painting import painter
from .served import served

PATIENCE_S = 180


@contextmanager
def serving(*agents: Agent) -> Iterator[str]:
    """The URL of a server that runs in a Trio of its own."""
    told: queue.Queue[Any] = queue.Queue()

    async def serve() -> None:
        async with served("sqlite:///:memory:", *agents) as server:
            stop = trio.Event()
            told.put((server.url, trio.lowlevel.current_trio_token(), stop))
            await stop.wait()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    url, token, stop = told.get(timeout=PATIENCE_S)
    try:
        yield url
    finally:
        token.run_sync_soon(stop.set)
        thread.join()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No exception is lost in a callback, no task destroyed while it waits, and no guest stays behind."""
    yield
    assert not [record.getMessage() for record in caplog.records if record.name == "asyncio" and record.levelno > 20]
    assert not guest._guests


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def patient() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await main()

    asyncio.run(patient())


def test_everything_that_a_room_can_do() -> None:
    """CC29: the methods of the Trio client, many rooms and tasks over one guest, in the loop's own thread."""

    async def one(url: str, name: str) -> None:
        async with connect_asyncio(url, name) as room:
            assert await room.ask("Polly wants", id="once") == "Polly wants"
            run = await room.prompt("Polly wants", id="once")
            assert (await room.wait(run)) == (await room.run(run)) | {}
            assert list(await room.runs()) == [run]
            changes = [change async for change in room.stream(run)]
            assert "".join(change.text for change in changes if isinstance(change, TextAdded)) == "Polly wants"
            assert isinstance(changes[-1], RunEnded)
            async with room.follow(live=False) as records:
                assert (await anext(records)).seq == 1
            fork = await room.fork(int(run), name=f"{name}-fork", going="paused", id="fork")
            assert await room.fork(int(run), name=f"{name}-fork", going="paused", id="fork") == fork
            async with connect_asyncio(url, fork) as forked:
                notes = await forked.document("plan")
                with notes.edit() as doc:
                    doc.get("content", type=Text).insert(0, "mine")
                await notes.saved()
                await forked.resume()
                assert (await forked.wait(run))["status"] == "done"
                assert (await forked.merge(["plan"], preview=True))["documents"]["plan"]["edits"] == 1
                merged = await forked.merge(id="merge")
                assert merged == await forked.merge(id="merge")
                assert (merged["room"], list(merged["documents"])) == (name, ["plan"])
            notes = await room.document("notes")
            with notes.edit() as doc:
                doc.get("content", type=Text).insert(0, "Hello")
            await notes.saved()
            assert (notes.unsaved, str(notes.doc.get("content", type=Text))) == (0, "Hello")
            draft = await room.propose("notes")
            proposed = await room.document(draft)
            with proposed.edit() as doc:
                doc.get("content", type=Text).insert(5, " there")
            await proposed.saved()
            assert (await room.accept(draft))["kept"] == []
            with pytest.raises(Refused, match="already-decided"):
                await room.reject(draft)
            assert list((await room.undo(by="anonymous", document="notes"))["documents"]) == ["notes"]
            await room.stop()
            file = await room.attach(b"GIF89a", "image/gif", "dot.gif")
            again = await room.edit_prompt(run, "Polly has", options=Overrides())
            assert (await room.wait(again))["instead"] == run
            assert (await room.wait(await room.regenerate(run)))["instead"] == run
            await room.change(title="Ours", branch=run)
            await room.provide_context({"user": "Ada"})
            two = await room.wait(await room.prompt("two", context={"page": "x"}, attachments=[file]))
            assert two["after"] == run
            assert room.status == "connected"
            with pytest.raises(Refused, match="no-such-run"):
                await room.steer("Go on")

    async def main() -> None:
        with serving() as url:
            for _ in range(2):  # The guest goes with the last room, and comes again.
                async with asyncio.TaskGroup() as tasks:
                    for n in range(5):
                        tasks.create_task(one(url, f"cage{n}-{_}"))
                assert not guest._guests

    run(main)


def test_a_tool_in_asyncio() -> None:
    """CC30: an `async def` tool is a task of asyncio's, a sync one runs in a thread; a stop cancels the task."""
    seen: list[str] = []
    begun, cancelled = asyncio.Event(), asyncio.Event()

    @tool
    async def paint(colour: str) -> str:
        """Paint it."""
        seen.append(sniffio.current_async_library())
        await asyncio.sleep(0)
        if colour == "forever":
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return f"{colour} it is"

    async def main() -> None:
        with serving(painter()) as url:
            async with connect_asyncio(url, "studio") as room:
                async with room.serve([paint]) as serving_:
                    assert serving_.tab == room.tab
                    run = await room.wait(await room.prompt("red green"))
                    assert [part["result"] for part in run["parts"] if part["type"] == "tool"] == [
                        '"red it is"',
                        '"green it is"',
                    ]
                    forever = await room.prompt("forever")
                    await begun.wait()
                    await room.stop(forever)
                    await cancelled.wait()
                async with room.serve([tool(name="paint")(colouring)]):
                    run = await room.wait(await room.prompt("red"))
                    assert [part["result"] for part in run["parts"] if part["type"] == "tool"] == ['"red"']

    run(main)
    assert seen == ["asyncio"] * 3


def colouring(colour: str) -> str:
    """Paint it."""
    assert threading.current_thread() is not threading.main_thread()
    return colour


def test_cancellation() -> None:
    """CC29: what waits can be cancelled and has ended then; what was asked stays asked; the room goes on."""
    asleep = Agent("sleeper", Scripted(lambda r: [TextChunk("Hm "), trio.Event()]))

    async def main() -> None:
        with serving(asleep) as url:
            async with connect_asyncio(url, "bed") as room:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await room.ask("Sleep", id="once")
                run = await room.prompt("Sleep", id="once")
                stream = room.stream(run)
                waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(room.wait(run)) for _ in range(3)]
                waiting.append(asyncio.ensure_future(_through(stream)))
                await asyncio.sleep(0.05)
                for task in waiting:
                    task.cancel()
                ended = await asyncio.gather(*waiting, return_exceptions=True)
                assert {type(each) for each in ended} == {asyncio.CancelledError}
                await room.stop(run)
                with pytest.raises(NotAnswered):
                    await room.ask("Sleep", id="once")

    run(main)


async def _through(stream: Any) -> None:
    async for _ in stream:
        pass


def test_how_a_block_ends() -> None:
    """CC29: an exception inside leaves as it is, a cancellation too; a bad address is told at once; later calls are
    refused."""
    kept: list[AsyncioRoom] = []
    inside = asyncio.Event()

    async def stay(url: str, name: str = "cage") -> None:
        async with connect_asyncio(url, name) as room:
            kept.append(room)
            inside.set()
            await asyncio.Event().wait()

    async def main() -> None:
        with serving() as url:
            with pytest.raises(KeyError, match="mine"):
                async with connect_asyncio(url, "cage"):
                    raise KeyError("mine")
            staying = asyncio.ensure_future(stay(url))
            await inside.wait()
            staying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await staying
            assert kept[0].status == "ended"
            with pytest.raises(ValueError, match="not the URL"):
                await stay("127.0.0.1")
            with pytest.raises(Refused, match="bad-name"):
                await stay(url, "a/b")
            async with connect_asyncio(url, "cage"):
                with pytest.raises(Refused, match="was left"):
                    await kept[0].runs()

    run(main)


def test_a_block_that_cannot_go_on() -> None:
    """CC29: what ends tools from outside cancels the task inside their block, and is raised where that ends."""

    @tool
    async def paint(colour: str) -> str:
        """Paint it."""
        return colour

    async def ended(room: AsyncioRoom) -> None:
        async with room.serve([paint]):
            link = room._remote._link
            link.error = Refused("bad-frame")  # As a server that speaks nonsense does it.
            link.wake()
            await asyncio.Event().wait()

    async def main() -> None:
        with serving(painter()) as url:
            async with connect_asyncio(url, "studio") as room:
                with pytest.raises(Refused, match="bad-frame"):
                    await ended(room)
                current = asyncio.current_task()
                assert current
                assert not current.cancelling()
                room._remote._link.error = None
                assert await room.runs() == {}

    run(main)
