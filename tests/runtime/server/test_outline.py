"""The outline of a log, and searches of it: what the console's debugger draws and finds."""

from typing import Any

import pytest
from plait.protocol import limits
from plait.protocol.codec import record_json
from plait.protocol.errors import Refused
from plait.protocol.events import DocumentEdited, Record, RunRequested, TextStreamed, ToolFailed, ToolStarted
from plait.runtime import Agent, Runtime, moment
from plait.runtime.server.outline import Sought, outline, search
from plait.storage import Append
from plait.storage.memory import MemoryStore

RUN = "000000000001"
SPACE = " " * 4


async def _room(records: int = 0) -> MemoryStore:
    """A run of two people with a tool that fails, and so many tokens behind it."""
    events: list[tuple[str, str, Any, str]] = [
        (
            "ada",
            RUN,
            RunRequested("assistant", f"Make{SPACE}a\nplan for release 1.2, with everything that is in it"),
            "",
        ),
        ("agent:assistant", RUN, ToolStarted("call.0", 1, "c1", "search_docs", "read"), ""),
        ("agent:assistant", RUN, ToolFailed("call.0", 1, "tool-failed", "The index is GONE."), ""),
        ("noor", "", DocumentEdited(), "notes"),
        ("agent:assistant", "000000000005", RunRequested("researcher", "look", parent=RUN, step="call.1"), ""),
        *(("agent:assistant", RUN, TextStreamed("generate.1", 1, n, f"word{n} "), "") for n in range(records)),
    ]
    store = MemoryStore()
    written = tuple(
        Record(seq, 1_700_000_000_000_000 + seq * 2_500, author, run, 1, event, document, b"x" * 9 if document else b"")
        for seq, (author, run, event, document) in enumerate(events, 1)
    )
    for first in range(0, len(written), 1_000):
        await store.append(Append("r", 1, first, written[first : first + 1_000]))
    return store


async def test_the_outline_says_of_each_record_when_whose_and_of_what_kind() -> None:
    """CO56: columns, their numbers and the words that they mean; and it weighs little beside the records."""
    store = await _room(1_000)
    told = await outline(store, "r", 0)
    words = told["words"]

    def column(name: str) -> list[str]:
        return [words[number] for number in told[name][:5]]

    assert (told["first"], told["head"], len(told["time"])) == (1, 1_005, 1_005)
    assert told["time"][:2] == [1_700_000_000_002, 1_700_000_000_005]
    assert column("type") == ["run-requested", "tool-started", "tool-failed", "document-edited", "run-requested"]
    assert column("author") == ["ada", "agent:assistant", "agent:assistant", "noor", "agent:assistant"]
    assert column("name") == [
        "assistant: Make a plan for release 1.2, with everything tha",
        "search_docs",
        "",
        "",
        "researcher: look",
    ]
    assert column("document") == ["", "", "", "notes", ""]
    assert told["run"][:5] == [1, 1, 1, 0, 5]
    assert told["parent"][:5] == [0, 0, 0, 0, 1]
    assert column("step") == ["", "call.0", "call.0", "", "call.1"]
    assert told["size"][3] == (9).bit_length()
    whole = sum(len(record_json(record)) for record in await store.read("r", 5, 500)) / 500
    assert len(str(told)) / 1_005 < whole / 3


async def test_an_outline_goes_on_where_the_page_before_ended() -> None:
    """CO56: pages of OUTLINE_RECORDS, each after the last; behind the head is nothing, and no log is an empty one."""
    store = await _room(limits.OUTLINE_RECORDS)
    first = await outline(store, "r", 0)
    assert len(first["time"]) == limits.OUTLINE_RECORDS
    rest = await outline(store, "r", limits.OUTLINE_RECORDS)
    assert (rest["first"], len(rest["time"]), rest["head"]) == (
        limits.OUTLINE_RECORDS + 1,
        5,
        limits.OUTLINE_RECORDS + 5,
    )
    assert (await outline(store, "r", 9_999_999))["time"] == []
    assert (await outline(store, "nobody", 0))["head"] == 0
    await store.delete("r")
    with pytest.raises(Refused, match="no-such-room"):
        await outline(store, "r", 0)
    with pytest.raises(Refused, match="no-such-room"):
        await search(store, "r", Sought(text="x"), 0)


async def _found(store: MemoryStore, **asked: str) -> list[tuple[int, str]]:
    said = await search(store, "r", Sought.of(asked), 0)
    return [(hit["seq"], hit["line"]) for hit in said["hits"]]


async def test_a_search_finds_what_was_said_and_by_whom() -> None:
    """CO54: words whatever their case, kind, author, run and document, each with the others; nothing is refused."""
    store = await _room(20)
    assert await _found(store, text="index is gone") == [(3, "The index is GONE.")]
    assert [seq for seq, _ in await _found(store, text="WORD1")] == [7, *range(16, 26)]
    assert await _found(store, type="document") == [(4, "notes")]
    assert [seq for seq, _ in await _found(store, type="run-", author="Ada")] == [1]
    assert [seq for seq, _ in await _found(store, document="note")] == [4]
    assert [seq for seq, _ in await _found(store, run="5")] == [5]
    assert await _found(store, run="ada") == []
    assert await _found(store, text="nowhere") == []
    with pytest.raises(Refused, match="bad-request"):
        Sought.of({"other": "x"})


async def test_a_search_goes_on_where_it_ended() -> None:
    """CO54: it looks through so many records and brings so many hits, and says how far it came."""
    store = await _room(limits.OUTLINE_RECORDS + 50)
    first = await search(store, "r", Sought(text="word"), 0)
    assert len(first["hits"]) == limits.SEARCH_HITS
    assert first["looked"] == limits.SEARCH_HITS + 5
    none = await search(store, "r", Sought(text="index is gone"), 3)
    assert (none["hits"], none["looked"]) == ([], limits.OUTLINE_RECORDS + 3)
    last = await search(store, "r", Sought(text="word"), limits.OUTLINE_RECORDS)
    assert (len(last["hits"]), last["looked"], last["head"]) == (55, last["head"], limits.OUTLINE_RECORDS + 55)


async def test_a_moment_brings_as_many_parts_as_are_asked_for() -> None:
    """CO61: the newest runs while they fit, and the one that is named; of the others how many parts they have."""
    store = MemoryStore()
    async with Runtime(store, [Agent("assistant", "echo")]) as runtime:
        room = runtime.room("r")
        runs = [await room.prompt(text) for text in ("one", "two", "three")]
        await room.wait(runs[-1])
        head = (await store.head("r")).seq
        then = await moment(store, "r", head)
        whole = then.shown()["runs"]
        assert [len(run["parts"]) for run in whole.values()] == [1, 1, 1]
        assert then.shown(3)["runs"] == whole
        near = then.shown(2)["runs"]
        assert near == whole | {runs[0]: whole[runs[0]] | {"parts": [], "parts_left": 1}}
        named = then.shown(0, runs[0])["runs"]
        assert [run.get("parts_left") for run in named.values()] == [None, 1, 1]
        # What is at work is told whole, however little is asked for.
        assert (await moment(store, "r", int(runs[-1]))).shown(0)["runs"][runs[-1]]["parts"] == []
        assert "parts_left" not in (await moment(store, "r", int(runs[-1]))).shown(0)["runs"][runs[-1]]
