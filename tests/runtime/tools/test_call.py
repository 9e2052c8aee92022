"""What a tool's body may say: tried alone, without a step that listens."""

import threading
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.runtime import Call, Data, File, Source, ToolError, tool
from plait.runtime.tools.call import Kept, Progress


async def test_a_parameter_of_that_type_gets_the_call_unseen() -> None:
    """TL10: whatever it is called, and in a thread too; for Python it is a parameter like any other."""

    @tool(effect="read")
    async def look(city: str, at: Call) -> list[Any]:
        return [at.key, at.room, at.run, at.step, at.attempt]

    @tool(effect="idempotent")
    def pay(call: Call, key: str) -> bool:
        return key == call.key and threading.current_thread() is not threading.main_thread()

    assert set(look.schema.parameters["properties"]) == {"city"}
    assert pay.schema.parameters["properties"] == {}
    call = Call("k", room="r", run="000000000001", step="s", attempt=2)
    assert await look.call('{"city": "Linz"}', call) == ["k", "r", "000000000001", "s", 2]
    assert await pay.call("", call) is True
    with pytest.raises(ToolError, match="unknown field `at`"):
        await look.call('{"city": "Linz", "at": {}}', call)
    assert await look("Graz", Call("x")) == ["x", "", "", "", 1]


def test_of_progress_the_newest_counts() -> None:
    """TL11: between 0 and 1, in a line."""
    call = Call()
    call.progress("first")
    for said, is_ in ((0.25, 0.25), (-1, 0.0), (7, 1.0), (float("nan"), None), (None, None)):
        call.progress("x" * 5000, said)
        assert call.latest == Progress("x" * limits.TOOL_PROGRESS_CHARS, is_)


def test_what_is_shown_is_kept_in_its_order_and_bounded() -> None:
    """TL12: people read no further, and a body is not failed for it."""
    call = Call()
    call.show(Source("https://a", "A", "e" * 10_000))
    value = {"x": [1, 2]}
    call.show(Data("chart", value))
    value["x"].append(3)  # What was shown stays as it was.
    call.show(File(b"bytes", "text/plain", "a.txt"))
    source, data, kept = call.shown
    assert isinstance(source, Source)
    assert len(source.excerpt) == limits.EXCERPT_CHARS
    assert data == Data("chart", {"x": [1, 2]})
    assert isinstance(kept, Kept)
    assert (kept.file.bytes, kept.file.name, kept.data) == (5, "a.txt", b"bytes")
    assert call.files == []
    for _ in range(limits.TOOL_PARTS):
        call.show(Source("", "more"))
    assert len(call.shown) == limits.TOOL_PARTS


def test_what_is_attached_is_shown_and_given() -> None:
    """TL13: its name in the store is the SHA-256 of its bytes, and parameters of a type are left out."""
    call = Call()
    blob = call.attach(bytearray(b"hello"), "Text/Plain; charset=utf-8", "n" * 1000)
    assert blob == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    (file,) = call.files
    assert (file.blob, file.media_type, file.bytes, len(file.name)) == (blob, "text/plain", 5, limits.FILE_NAME_CHARS)
    assert [shown.file for shown in call.shown if isinstance(shown, Kept)] == [file]


def test_what_is_too_large_or_one_too_many_is_refused_where_it_is_shown() -> None:
    """TL13: and then nothing of it is kept."""
    call = Call()
    with pytest.raises(ToolError, match=f"a file may have {limits.BLOB_BYTES} bytes, and big has more"):
        call.attach(bytes(limits.BLOB_BYTES + 1), "image/png", "big")
    for wrong in ("png", "", "image/p ng", "a/b/c"):
        with pytest.raises(ValueError, match="media type"):
            call.attach(b"x", wrong)
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ToolError, match="data loop is not JSON"):
        call.show(Data("loop", loop))
    with pytest.raises(ToolError, match="and book has"):
        call.show(Data("book", "x" * limits.DATA_BYTES))
    assert not call.shown
    for _ in range(limits.TOOL_FILES):
        call.attach(b"x", "image/png")
    with pytest.raises(ToolError, match=f"may attach {limits.TOOL_FILES} files"):
        call.attach(b"x", "image/png")
    assert len(call.shown) == len(call.files) == limits.TOOL_FILES
    call, large = Call(), File(bytes(limits.BLOB_BYTES), "image/png")
    for _ in range(limits.TOOL_FILES_BYTES // limits.BLOB_BYTES):
        call.show(large)
    with pytest.raises(ToolError, match="files may have"):
        call.show(File(b"x", "image/png"))


async def test_after_its_end_nothing_is_taken(mock_clock: trio.testing.MockClock) -> None:
    """TL14: what a thread says that was left behind is dropped."""
    began, said, ended = threading.Event(), threading.Event(), threading.Event()
    heard: list[int] = []
    call = Call()
    call.heard = lambda: heard.append(1)

    @tool(effect="read", timeout_s=5)
    def late(call: Call) -> None:
        call.progress("in time")
        began.set()
        said.wait(10)
        call.progress("late")
        call.show(Source("", "late"))
        call.attach(b"late", "image/png")
        ended.set()

    async def pass_by() -> None:
        await trio.to_thread.run_sync(began.wait, 10)
        mock_clock.jump(5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_by)
        with pytest.raises(Exception, match="took longer than 5 s"):
            await late.call("", call)
    call.end()
    said.set()
    await trio.to_thread.run_sync(ended.wait, 10)
    assert (call.latest, list(call.shown), call.files, heard) == (Progress("in time"), [], [], [1])
