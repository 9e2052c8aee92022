"""The tools with which agents edit documents: what a model is told, and that each call is one edit."""

import json
from typing import Any

import pytest
import trio
from plait.protocol.events import DocumentEdited, RunFinished, ToolInterrupted
from plait.runtime import Agent, Call, Runtime, ToolError, document_tools
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Map, Text, XmlFragment

from ..agent.scripted import Scripted, answered, calls, says
from ..agent.test_recovery import cut

TOOLS = {each.schema.name: each for each in document_tools()}


async def ask(call: Call, name: str, **args: Any) -> Any:
    return await TOOLS[name].call(json.dumps(args), call)


async def test_a_model_reads_finds_and_edits() -> None:
    """ED19: with what the tools gave it, in one document, and in the one that it names."""
    call = Call("k")
    assert (await ask(call, "read_document"))["lines"] == [{"at": "start", "text": ""}]
    await ask(call, "insert_text", new="One 🙂\ntwo two\n")
    second = (await ask(call, "find_in_document", wanted="two", nth=2))["matches"][0]
    await ask(call, "insert_text", new="three, ", at=second["start"])
    await ask(call, "replace_text", old="One", new="None")
    await ask(call, "format_text", old="None", marks={"bold": True})
    await ask(call, "delete_text", old="two", start=second["start"], end=second["end"])
    assert [line["text"] for line in (await ask(call, "read_document"))["lines"]] == ["None 🙂", "two three, ", ""]
    await ask(call, "insert_text", new="elsewhere", document="notes#summary")
    found = await ask(call, "read_document", document="notes")
    assert [line["text"] for line in found["lines"]] == ["elsewhere"]


async def test_rich_text_and_values() -> None:
    """ED19: blocks from Markdown, values by path; the root is the one that there is."""
    call = Call("k")
    made = await ask(call, "insert_blocks", markdown="# Plan\n\n- eat", document="page#default")
    await ask(call, "insert_blocks", markdown="- sleep", at=made["blocks"][1], document="page")
    await ask(call, "delete_block", at=made["blocks"][0], document="page")
    rows = (await ask(call, "read_document", document="page"))["lines"]
    assert [(row["block"], row["text"]) for row in rows] == [("- ", "eat"), ("- ", "sleep")]
    await ask(call, "set_value", path=["todo"], value=[{"what": "eat"}], document="app")
    await ask(
        call, "patch_value", operations=[{"op": "add", "path": ["todo", 0, "done"], "value": True}], document="app"
    )
    assert await ask(call, "get_value", document="app") == {"todo": [{"done": True, "what": "eat"}]}
    assert await ask(call, "get_value", path=["todo", -1, "what"], document="app") == "eat"


@pytest.mark.parametrize(
    ("name", "args", "says_so"),
    [
        ("insert_text", {"new": "x", "at": "nowhere"}, "read or search the document again"),
        ("replace_text", {"old": "word", "new": "x"}, "occurs 2 times; quote more"),
        ("delete_text", {"old": "absent"}, "does not occur"),
        ("insert_text", {"new": "x", "document": ".."}, "name"),
        ("insert_blocks", {"markdown": "# x"}, "plain text"),
        ("read_document", {"document": "two"}, "several roots; say which: 'two#a', 'two#b'"),
        ("get_value", {"path": ["x"]}, "does not exist"),
        ("read_document", {"lines": 0}, "bad arguments"),
        ("patch_value", {"operations": [{"op": "move", "path": []}]}, "bad arguments"),
    ],
)
async def test_what_a_model_is_told(name: str, args: dict[str, Any], says_so: str) -> None:
    """ED20: one sentence, which says what to do instead."""
    call = Call("k")
    await ask(call, "insert_text", new="a word, a word")
    for root in ("a", "b"):
        await ask(call, "insert_text", new="x", document=f"two#{root}")
    with pytest.raises(ToolError, match=says_so):
        await ask(call, name, **args)


def test_what_may_be_done_again() -> None:
    """ED19: reading again is harmless, and an edit is made once for its call."""
    effects = {name: each.effect for name, each in TOOLS.items()}
    reads = {"read_document", "find_in_document", "get_value"}
    assert {name for name, effect in effects.items() if effect == "read"} == reads
    assert set(effects.values()) == {"read", "idempotent"}
    assert all(each.schema.description for each in TOOLS.values())


SCRIPT = (
    ("insert_text", {"new": "The quick fox jumps.\n"}),
    ("replace_text", {"old": "quick fox", "new": "quick brown fox"}),
    ("find_in_document", {"wanted": "fox"}),
    ("format_text", {"old": "brown", "marks": {"bold": True}}),
    ("insert_blocks", {"markdown": "- one\n- two", "document": "page#default"}),
    ("patch_value", {"operations": [{"op": "add", "path": ["n"], "value": 1}], "document": "app"}),
    ("insert_text", {"new": "The end."}),
)


def editor() -> Agent:
    def play(request: Any) -> Any:
        done = answered(request)
        if done == len(SCRIPT):
            return says("Done.")
        name, args = SCRIPT[done]
        return calls((f"c{done}", name, json.dumps(args)))

    return Agent("editor", Scripted(play), tools=[*document_tools()], title=False)


def shown(doc: "Doc[Any]") -> Any:
    return str(doc.get("content", type=Text))


async def test_a_crash_behind_any_record_edits_nothing_twice() -> None:
    """ED19, SD2: wherever the log is cut, the run goes on and the documents are what they would have been."""
    store = MemoryStore()
    async with Runtime(store, [editor()]) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("Go"))
    whole = await _log(store)
    edits = [record for record in whole if isinstance(record.event, DocumentEdited)]
    assert len(edits) == len(SCRIPT) - 1
    interrupted = 0
    for seq in range(1, len(whole)):
        again = await cut(whole, seq)
        async with Runtime(again, [editor()]) as runtime:
            room = runtime.room("r")
            async for record in room.follow():
                interrupted += isinstance(record.event, ToolInterrupted)
                if isinstance(record.event, RunFinished):
                    break
            main, page, app = [await room.document(name) for name in ("main", "page", "app")]
            assert str(main.get("content", type=Text)) == "The quick brown fox jumps.\nThe end."
            assert str(page.get("default", type=XmlFragment)).count("<listItem>") == 2
            assert app.get("state", type=Map).to_py() == {"n": 1}
        records = await _log(again)
        assert sum(isinstance(record.event, DocumentEdited) for record in records) == len(edits)
    assert interrupted >= len(SCRIPT)


async def _log(store: MemoryStore) -> list[Any]:
    records: list[Any] = []
    while page := await store.read("r", after=len(records)):
        records += page
    return records


async def test_a_person_types_where_the_demo_writes(autojump_clock: trio.testing.MockClock) -> None:
    """ED21: the demo's note grows at an anchor: what somebody types before, in and behind it stays whole."""
    from plait.runtime import demo_tools

    (write_note,) = [each for each in demo_tools() if each.schema.name == "write_note"]
    call = Call("k")
    words = [f"word{number}" for number in range(12)]
    typed: list[str] = []

    async def type_into_it() -> None:
        for number in range(10):
            await trio.sleep(0.09)
            mark = f"<{number}>"
            typed.append(mark)

            def insert(doc: "Doc[Any]", mark: str = mark, number: int = number) -> None:
                content = doc.get("content", type=Text)
                content.insert((0, len(content) // 2, len(content))[number % 3], mark)

            await call.document("main").edit(insert)

    await ask(call, "insert_text", new="Before")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(type_into_it)
        nursery.start_soon(write_note.call, json.dumps({"text": " ".join(words)}), call)
    text = await call.document("main").read(shown)
    without = text
    for mark in typed:
        assert text.count(mark) == 1
        without = without.replace(mark, "")
    assert without == "Before\n" + " ".join(words)
