"""Who made an agent's edits: found in the records of its runs, and nowhere else in the log."""

from typing import Any

from plait.protocol.attribution import attribute
from plait.protocol.events import (
    DocumentEdited,
    Event,
    ModelAnswered,
    ModelRequested,
    Record,
    RunRequested,
    TextStreamed,
    ToolCall,
    ToolStarted,
    run_id,
)
from plait.runtime import blame
from plait.runtime.room.past import Pasts, Question
from plait.storage import Append
from pycrdt import Doc, Text

from .test_past import Counting


async def test_only_what_was_written_there_is_read() -> None:
    """BL18: who made an agent's edits is found in its runs' records, however they are nested; it is what the whole log
    says, and no token of another document's is read."""
    one, two, below = run_id(1), run_id(2), run_id(8)
    agent = "agent:writer"

    def called(step: str, name: str) -> ModelAnswered:
        return ModelAnswered(step, 1, "tool-calls", (ToolCall("c", name, "{}"),))

    facts: list[tuple[str, str, Event]] = [
        ("ann", one, RunRequested("writer", "Write")),
        ("bob", two, RunRequested("writer", "And I", on_behalf_of="cem")),
        (agent, one, ModelRequested("generate.0", 1, "small", b"")),
        (agent, two, ModelRequested("generate.0", 1, "large", b"")),
        *[(agent, two, TextStreamed("generate.0", 1, 0, "token")) for _ in range(2)],
        (agent, one, called("generate.0", "edit")),
        (agent, below, RunRequested("helper", "Do it", parent=one)),
        (agent, two, called("generate.0", "cut")),
        (agent, two, ToolStarted("c/call.0", 1, "c", "cut", "write")),
        ("agent:helper", below, ModelRequested("generate.0", 1, "tiny", b"")),
        ("agent:helper", below, called("generate.0", "add")),
        ("agent:helper", below, ToolStarted("c/call.0", 1, "c", "add", "write")),
    ]
    edits = [("agent:helper", below), (agent, two), ("dan", ""), ("agent:helper", below), (agent, one)]
    doc, updates = Doc[Any](client_id=5), list[bytes]()
    doc.observe(lambda event: updates.append(event.update))
    for number in range(len(edits)):
        doc.get("content", type=Text).insert(number, str(number))
    records = [Record(seq, seq, who, run, 1, event) for seq, (who, run, event) in enumerate(facts, 1)]
    for seq, ((who, run), update) in enumerate(zip(edits, updates, strict=True), len(facts) + 1):
        edit = DocumentEdited("c/call.0" if run else "", 1) if seq % 2 else DocumentEdited("c/call.0", 1, "c")
        records.append(Record(seq, seq, who, run, 1, edit if run else DocumentEdited(), "main", update))
    store = Counting()
    await store.append(Append("r", 1, 0, tuple(records)))
    found = await blame(store, "r")
    assert len(found.records) == len(edits)
    assert [found.records[span.seq] for span in found.spans] == [attribute(records, span.seq) for span in found.spans]
    assert {one.prompt for one in found.records.values()} == {"Write", "And I", ""}
    assert {one.model for one in found.records.values()} == {"tiny", "large", "small", ""}
    assert store.reads == len(records) - 2 + 1, "all but the tokens, and the first prompt once more for the run below"
    pasts = Pasts(store)
    (last,) = (await pasts.ask("r", "main", Question(at=4))).records.values()
    assert last == attribute(records, len(records))
