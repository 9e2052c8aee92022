"""Who made an edit, for whom and in which call, from records as rooms write them."""

from plait.protocol.attribution import Attribution, Attributions, attribute
from plait.protocol.events import (
    ArgumentsStreamed,
    DocumentEdited,
    Event,
    ModelAnswered,
    ModelRequested,
    Record,
    RunRequested,
    ToolCall,
    ToolDelegated,
    ToolStarted,
    run_id,
)

RUN = run_id(1)


def log(*lines: tuple[str, str, Event]) -> list[Record]:
    """Records of (author, run, event), a minute apart."""
    return [
        Record(seq, seq * 60_000_000, author, run, 1, event, "notes" if isinstance(event, DocumentEdited) else "")
        for seq, (author, run, event) in enumerate(lines, 1)
    ]


def requested(step: str, model: str) -> ModelRequested:
    return ModelRequested(step, 1, model, b"")


def test_an_agents_call() -> None:
    """BL10: author and on whose behalf, the run, the model, the call and its tool, the prompt and its record."""
    agent = "agent:writer"
    records = log(
        ("ann", RUN, RunRequested("writer", "Sign it 🖊")),
        (agent, RUN, requested("generate.0", "gpt-9")),
        (agent, RUN, ModelAnswered("generate.0", 1, "tool-calls", (ToolCall("c1", "sign", "{}"),))),
        (agent, RUN, ToolStarted("c1/call.0", 1, "c1", "sign", "idempotent")),
        (agent, RUN, DocumentEdited("c1/call.0", 1)),
        ("bob", "", DocumentEdited()),
    )
    assert attribute(records, 5) == Attribution(
        seq=5,
        time=300_000_000,
        author=agent,
        on_behalf_of="ann",
        run=RUN,
        root=RUN,
        agent="writer",
        model="gpt-9",
        step="c1/call.0",
        call="c1",
        tool="sign",
        prompt="Sign it 🖊",
        prompt_seq=1,
    )
    assert attribute(records, 6) == Attribution(6, 360_000_000, "bob")
    assert attribute(records, 4) is None
    assert attribute(records, 7) is None


def test_an_agent_below_an_agent() -> None:
    """BL10: however many agents stand in between, it is on behalf of the person who prompted the first one."""
    middle, lowest = run_id(3), run_id(5)
    records = log(
        ("ann", RUN, RunRequested("host", "Write the report")),
        ("agent:host", RUN, ToolDelegated("c/call.0", 1, "c", "scout", "scout", "Find facts")),
        ("agent:host", middle, RunRequested("scout", "Find facts", parent=RUN, step="c/call.0")),
        ("agent:scout", middle, ToolDelegated("d/call.0", 1, "d", "clerk", "clerk", "Note them")),
        ("agent:scout", lowest, RunRequested("clerk", "Note them", parent=middle, step="d/call.0")),
        ("agent:clerk", lowest, ToolStarted("note.0", 1, "", "note", "write", args="{}")),
        ("agent:clerk", lowest, DocumentEdited("note.0", 1)),
    )
    found = attribute(records, 7)
    assert found is not None
    assert (found.author, found.on_behalf_of, found.agent) == ("agent:clerk", "ann", "clerk")
    assert (found.run, found.root, found.prompt, found.prompt_seq) == (lowest, RUN, "Write the report", 1)
    assert (found.tool, found.model) == ("note", "")


def test_a_model_that_writes_while_it_streams() -> None:
    """BL10: an edit out of a call's arguments names that call, before the model has answered."""
    records = log(
        ("ann", RUN, RunRequested("writer", "Go")),
        ("agent:writer", RUN, requested("generate.0", "claude")),
        ("agent:writer", RUN, ArgumentsStreamed("generate.0", 1, 0, "c9", "stream_into", "")),
        ("agent:writer", RUN, DocumentEdited("generate.0", 1, "c9", "4")),
    )
    found = attribute(records, 4)
    assert found is not None
    assert (found.step, found.call, found.tool, found.model) == ("generate.0", "c9", "stream_into", "claude")


def test_two_calls_of_one_id() -> None:
    """BL10: a vendor that gives an id twice has two calls, each of the model that asked for it."""
    records = log(
        ("ann", RUN, RunRequested("writer", "Go")),
        ("agent:writer", RUN, requested("generate.0", "small")),
        ("agent:writer", RUN, ModelAnswered("generate.0", 1, "tool-calls", (ToolCall("c", "draft", "{}"),))),
        ("agent:writer", RUN, ToolStarted("c/call.0", 1, "c", "draft", "write")),
        ("agent:writer", RUN, DocumentEdited("c/call.0", 1)),
        ("agent:writer", RUN, requested("generate.1", "large")),
        ("agent:writer", RUN, ModelAnswered("generate.1", 1, "tool-calls", (ToolCall("c", "polish", "{}"),))),
        ("agent:writer", RUN, ToolStarted("c/call.1", 1, "c", "polish", "write")),
        ("agent:writer", RUN, DocumentEdited("c/call.1", 1)),
    )
    attributions = Attributions()
    for record in records:
        attributions.take(record)
    made = [attributions.of(5), attributions.of(9)]
    assert [(one.tool, one.model) for one in made if one] == [("draft", "small"), ("polish", "large")]
