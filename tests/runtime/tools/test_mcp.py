"""MCP tools against real servers: a process over stdio, and streamable HTTP on loopback."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol.limits import MCP_TOOLS
from plait.runtime.tools.call import Call, Progress
from plait.runtime.tools.tool import OutcomeNotKnown, ToolError

from ...conftest import need_module

need_module("mcp")

from plait.runtime.tools.mcp import McpSource, mcp_tools

HERE = Path(__file__).parent
Read = Callable[[], list[str]]


@asynccontextmanager
async def at_work(source: McpSource) -> AsyncIterator[McpSource]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(120):
            await nursery.start(source.run)
        yield source
        nursery.cancel_scope.cancel()


async def until(true: Callable[[], Any]) -> None:
    """Wait for what another process does; nothing here can be told when it does."""
    with trio.fail_after(120):
        while not true():  # noqa: ASYNC110
            await trio.sleep(0.02)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").touch()
    return tmp_path / "notes"


def noted(notes: Path, word: str) -> int:
    """The number that the server wrote behind the word, as soon as it is there; 0 before."""
    lines = [line.split() for line in notes.read_text().splitlines()]
    return next((int(line[1]) for line in lines if line[0] == word), 0)


def times(notes: Path, word: str) -> int:
    """How often the server wrote the word."""
    return notes.read_text().split().count(word)


def stdio(notes: Path, **options: Any) -> McpSource:
    return mcp_tools("test", [sys.executable, str(HERE / "mcp_server.py"), str(notes)], **options)


def old(*how: str) -> McpSource:
    return mcp_tools("old", shlex.join([sys.executable, str(HERE / "mcp_old_server.py"), *how]))


@asynccontextmanager
async def serving(notes: Path, port: int) -> AsyncIterator[Any]:
    """The server over HTTP, once it takes connections."""
    command = [sys.executable, str(HERE / "mcp_server.py"), str(notes), str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: ASYNC220
        try:
            with trio.fail_after(120):
                while True:
                    try:
                        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                        break
                    except OSError:
                        await trio.sleep(0.05)
            yield process
        finally:
            process.kill()


async def free_port() -> int:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        return listener.socket.getsockname()[1]


@asynccontextmanager
async def either(kind: str, notes: Path, **options: Any) -> AsyncIterator[McpSource]:
    """A source at work, over one wire or the other."""
    if kind == "stdio":
        async with at_work(stdio(notes, **options)) as source:
            yield source
        return
    port = await free_port()
    async with serving(notes, port), at_work(mcp_tools("test", f"http://127.0.0.1:{port}/mcp", **options)) as source:
        yield source


both = pytest.mark.parametrize("kind", ["stdio", "http"])


@both
async def test_a_server_is_listed_and_called(kind: str, notes: Path) -> None:
    """MC1, MC2, MC3, MC6: names, effects and schemas from the listing; results as JSON; refusals in its own words."""
    async with either(kind, notes, approval="always", decide_within_s=60) as source:
        tools = source.tools
        assert tools["test__look"].schema.parameters["required"] == ["city"]
        assert tools["test__look"].schema.description == "What the weather is like."
        (put,) = [tool for name, tool in tools.items() if name.startswith("test__put_it_there_")]
        effects = (tools["test__look"].effect, put.effect, tools["test__refuse"].effect)
        assert effects == ("read", "idempotent", "write")
        assert {(tool.approval, tool.decide_within_s) for tool in tools.values()} == {("always", 60)}
        assert await tools["test__look"].call('{"city": "Linz"}', Call("k")) == {"city": "Linz", "sky": "blue"}
        assert await put.call('{"what": "egg"}', Call("k")) == "put egg"
        call = Call("k")
        text, image, file = await tools["test__mixed"].call("", call)
        assert (text, file) == ("a line", {"uri": "file:///a.txt", "text": "in the file"})
        assert (image["media_type"], [each.bytes for each in call.files]) == ("image/png", [2])
        with pytest.raises(ToolError, match="the shop is closed"):
            await tools["test__refuse"].call("{}", Call("k"))
        with pytest.raises(ToolError, match="city"):
            await tools["test__look"].call('{"town": "Linz"}', Call("k"))
        with pytest.raises(ToolError, match="bad arguments for test__look"):
            await tools["test__look"].call("[1]", Call("k"))


@both
# The SDK leaves an event stream as soon as it has the answer and does not close what reads it; nothing is lost by that.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_progress_is_heard(kind: str, notes: Path) -> None:
    """MC12: over either wire, and the last word is there with the result."""
    async with either(kind, notes) as source:
        call, words = Call("k"), list[Any]()
        call.heard = lambda: words.append(call.latest)
        assert await source.tools["test__stepwise"].call("", call) == "done"
    assert words == [Progress("a quarter", 0.25), Progress("", None), Progress("all", 1.0)]


@both
async def test_a_changed_listing_is_listed_again(kind: str, notes: Path) -> None:
    """MC4: a tool that the server learns while it runs can be called."""
    async with either(kind, notes) as source:
        assert "test__grown" not in source.tools
        await source.tools["test__grow"].call("{}", Call("k"))
        await until(lambda: "test__grown" in source.tools)
        assert await source.tools["test__grown"].call("{}", Call("k")) == {"result": "new"}


@both
async def test_a_cancelled_call_is_cancelled_there(kind: str, notes: Path) -> None:
    """MC5: the server is told, and goes on."""
    async with either(kind, notes) as source:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.tools["test__wait"].call, "{}", Call("k"))
            await until(lambda: "waiting" in notes.read_text())
            nursery.cancel_scope.cancel()
        await until(lambda: "cancelled" in notes.read_text())
        assert await source.tools["test__look"].call('{"city": "Linz"}', Call("k")) == {"city": "Linz", "sky": "blue"}


@both
async def test_a_call_that_takes_too_long_is_cut(kind: str, notes: Path) -> None:
    """MC5, MC7: the server is told, and nobody claims to know what it did."""
    async with either(kind, notes, call_within_s=2) as source:
        with pytest.raises(OutcomeNotKnown, match="gave no answer"):
            await source.tools["test__wait"].call("{}", Call("k"))
        await until(lambda: "cancelled" in notes.read_text())


async def test_a_dead_process_is_started_again(notes: Path) -> None:
    """MC7, MC8: the cut call is not known to have happened; until the server is back its calls say that it is not."""
    async with at_work(stdio(notes)) as source:
        crash = source.tools["test__crash"]
        with pytest.raises(OutcomeNotKnown, match="whether crash was done is not known"):
            await crash.call("{}", Call("k"))
        with pytest.raises(ToolError, match=r"not running and is being started again. Nothing was done"):
            await crash.call("{}", Call("k"))
        assert "test__look" in source.tools
        assert times(notes, "crashed") == 1
        await _answers(source)


async def test_a_process_that_dies_in_silence_is_started_again(notes: Path) -> None:
    """MC8: nobody has to call first."""
    async with at_work(stdio(notes)) as source:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_lost, source)
            await until(lambda: noted(notes, "waiting"))
            os.kill(noted(notes, "waiting"), signal.SIGKILL)
        await _answers(source)


async def _lost(source: McpSource) -> None:
    with pytest.raises(OutcomeNotKnown):
        await source.tools["test__wait"].call("{}", Call("k"))


async def _answers(source: McpSource) -> None:
    """Until the server is back, a call fails in a sentence; then it does not."""
    with trio.fail_after(120):
        while True:
            try:
                assert await source.tools["test__look"].call('{"city": "Linz"}', Call("k"))
                return
            except ToolError as error:
                if "Nothing was done" not in str(error):
                    raise
                await trio.sleep(0.05)


async def test_a_service_that_goes_away_comes_back(notes: Path) -> None:
    """MC7, MC8: cut while it works, a call is not known to have happened; one that was never sent is known not to."""
    port = await free_port()
    source = mcp_tools("test", f"http://127.0.0.1:{port}/mcp")
    async with serving(notes, port) as process, at_work(source):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_lost, source)
            await until(lambda: "waiting" in notes.read_text())
            process.kill()
            process.wait()  # Or its port would still take connections for a moment.
        with pytest.raises(ToolError, match="Nothing was done"):
            await source.tools["test__look"].call('{"city": "Linz"}', Call("k"))
        async with serving(notes, port):
            await _answers(source)


async def test_a_process_gets_none_of_our_secrets(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MC9: only what is harmless or named."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    async with at_work(stdio(notes, env={"SHOP": "one"})) as source:
        given = await source.tools["test__environment"].call("{}", Call("k"))
    assert given["SHOP"] == "one"
    assert "PATH" in given
    assert "OPENAI_API_KEY" not in given
    assert repr(source) == "<MCP server test>"


async def test_an_old_server(notes: Path) -> None:
    """MC1, MC4: a server that knows only the protocol of 2025 is listed by pages and heard when its tools change."""
    source = old()
    async with at_work(source):
        assert list(source.tools) == ["old__one", "old__two"]
        assert source.tools["old__one"].schema.parameters == {"type": "object", "properties": {}}
        assert await source.tools["old__two"].call("{}", Call("k")) == "did two"
        await until(lambda: "old__three" in source.tools)
    async with at_work(source):  # Another runtime, another process, another listing.
        assert list(source.tools) == ["old__one", "old__two"]


async def test_a_listing_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """MC1: a server that lists without end, and one that says too much, are cut with a word in the log."""
    async with at_work(old("endless")) as source:
        assert len(source.tools) == MCP_TOOLS
    async with at_work(old("wordy")) as source:
        assert list(source.tools) == ["old__one"]
    assert caplog.text.count("lists too much") == 2


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """MC9: neither by a server that works nor by one that cannot be started or reached."""
    caplog.set_level("INFO", "plait")
    url = f"http://user:s3cret@127.0.0.1:{await free_port()}/mcp?key=s3cret"
    command = ["/nowhere/at/all", "--key", "s3cret"]
    for source in (mcp_tools("a", url, headers={"X-Key": "s3cret"}), mcp_tools("a", command, env={"KEY": "s3cret"})):
        caplog.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.run)
            await until(lambda: "is not there" in caplog.text)
            nursery.cancel_scope.cancel()
        assert "s3cret" not in caplog.text + repr(source)


async def test_a_server_that_never_starts(autojump_clock: trio.testing.MockClock) -> None:
    """MC8, MC11: the start waits for a bounded time; a call says why there is no such tool."""
    source = mcp_tools("gone", "/nowhere/at/all --key s3cret")
    began = trio.current_time()
    async with at_work(source):
        assert trio.current_time() - began == pytest.approx(20, abs=0.1)
        assert source.tools == {}
        assert "gone has not started yet" in str(source.absent("gone__x"))
        assert source.absent("here__x") is None
        with pytest.raises(RuntimeError, match="another runtime"):
            await source.run()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: mcp_tools("a__b", "x"), "1 to 24 letters"),
        (lambda: mcp_tools("a", ""), "no command"),
        (lambda: mcp_tools("a", "x", headers={}), "headers are for a URL"),
        (lambda: mcp_tools("a", "https://x", env={}), "for a command"),
    ],
)
def test_what_cannot_be_a_source(make: Callable[[], McpSource], what: str) -> None:
    """MC10."""
    with pytest.raises((ValueError, TypeError), match=what):
        make()
