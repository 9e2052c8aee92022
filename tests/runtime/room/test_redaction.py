"""What may be written down: a host's own function, and known secrets, on every text before it is in a record."""

import json
import logging
import re
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.codec import encode_event
from plait.protocol.commands import Answer
from plait.protocol.errors import Refused
from plait.protocol.events import DocumentEdited, QuestionAsked, ToolCall, ToolReturned, ToolStarted
from plait.runtime import Agent, FlowRun, Runtime, document_tools, flow, masking, tool
from plait.runtime.models.model import Answered, ArgumentsChunk, TextChunk
from plait.runtime.room.redaction import FAILED, Redactor
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ..agent.scripted import Line, Scripted, answered, calls, says
from ..agent.test_decisions import until

CARD = "4111 1111 1111 1111"
_CARD = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")
SECRET = "sk-planted-0123456789abcdef"


def cards(text: str) -> str:
    return _CARD.sub("[card]", text)


def written(store: MemoryStore, records: list[Any]) -> str:
    """All that the log holds, the documents' updates included."""
    return "".join(f"{encode_event(r.event)!r} {r.update!r}" for r in records)


async def whole(store: MemoryStore) -> str:
    return written(store, await store.read("r", limit=10_000))


def letters(text: str) -> list[Line]:
    """An answer that comes letter by letter."""
    return [*(TextChunk(letter) for letter in text), *says("")[-1:]]


async def test_what_is_taken_out_is_nowhere(autojump_clock: trio.testing.MockClock) -> None:
    """SE3, SE4: not in the log, the document, a later request, or what a tool is called with; nor in a blob."""
    store, called = MemoryStore(), list[str]()

    @tool
    async def pay(card: str, n: int) -> str:
        """Pay."""
        called.append(card)
        return f"paid with {CARD}" + "." * limits.TOOL_RESULT_BYTES

    model = Scripted(
        lambda r: says(f"Paid {CARD}.") if answered(r) else calls(("p", "pay", json.dumps({"card": CARD, "n": 1})))
    )
    agent = Agent("a", model, tools=[pay], title=False)
    async with Runtime(store, [agent], redact=cards) as runtime:
        room = runtime.room("r")
        await room.change(title=f"About {CARD}", metadata={"k": CARD})
        await room.provide_context({"card": CARD})
        run = await room.prompt(f"Pay by {CARD}", context={"mine": CARD})
        shown = await room.wait(run)
        assert "1111" not in await whole(store)
        assert "1111" not in str(shown) + str(await room.about())
    assert called == ["[card]"]
    assert "1111" not in str(model.requests)
    (returned,) = [r.event for r in await store.read("r", limit=999) if isinstance(r.event, ToolReturned)]
    kept = await store.blob(returned.blob)
    assert kept is not None
    assert b"1111" not in kept.data
    assert b"[card]" in kept.data


@pytest.mark.parametrize("pause", [False, True])
async def test_a_stream_is_never_shown_in_halves(pause: bool, autojump_clock: trio.testing.MockClock) -> None:
    """SE5, SE6: letter by letter, pass by pass: no record holds the beginning of what was to be taken out, and nothing
    else is lost."""
    store = MemoryStore()
    said = f"{'So it is. ' * 60}My card is {CARD}, yours is not. {'And on. ' * 60}Again {CARD}"

    def script(request: Any) -> list[Line]:
        lines = letters(said)
        if pause:  # A tab looks meanwhile: each letter is a pass.
            return lines
        return [TextChunk(said[:700]), TextChunk(said[700:]), *lines[-1:]]

    async with Runtime(store, [Agent("a", Scripted(script), title=False)], redact=cards) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        shown = await room.wait(run)
    assert shown["parts"][0]["text"] == cards(said)
    log = await whole(store)
    assert "4111" not in log
    assert "1111" not in log


async def test_a_stop_shows_what_was_held_back(autojump_clock: trio.testing.MockClock) -> None:
    """SE6."""
    store = MemoryStore()
    model = Scripted(lambda _: [TextChunk(f"Not much, by {CARD}"), trio.Event()])
    async with Runtime(store, [Agent("a", model, title=False)], redact=cards) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await trio.sleep(1)
        assert (await room.runs())[run]["parts"] == []
        await room.stop(run)
        assert (await room.wait(run))["parts"][0]["text"] == "Not much, by [card]"


async def test_arguments_are_shown_when_they_are_whole(autojump_clock: trio.testing.MockClock) -> None:
    """SE5: JSON can spell a word in many ways; and what a model says is not written into documents meanwhile."""
    store = MemoryStore()
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in CARD)
    args = f'{{"document":"notes","at":"end","new":"{spelled} it is"}}'

    def script(request: Any) -> list[Line]:
        if answered(request):
            return says("Done.")
        pieces = [ArgumentsChunk("w", "write_text", args[n : n + 9]) for n in range(0, len(args), 9)]
        return [*pieces, *calls(("w", "write_text", args))[-1:]]

    agent = Agent("a", Scripted(script), tools=document_tools("notes"), title=False)
    async with Runtime(store, [agent], redact=cards) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
        doc: Doc[Any] = await room.document("notes")
        assert str(doc.get("content", type=Text)) == "[card] it is"
    assert json.loads(run["parts"][0]["args"])["new"] == "[card] it is"
    assert "u0034" not in await whole(store)


class Failing:
    """A function that cannot clean what has a word in it."""

    def __init__(self, gives: Any = None) -> None:
        self.gives = gives

    def __call__(self, text: str) -> str:
        if "poison" not in text:
            return text
        if self.gives is None:
            raise ValueError(f"what about {text}")
        return self.gives


@pytest.mark.parametrize("gives", [None, 5])
async def test_a_function_that_fails_lets_nothing_through(
    gives: Any, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """SE7: a command is refused and changes nothing; all else says so in place of the words; the room goes on."""
    store, called = MemoryStore(), list[str]()

    @tool(effect="read")
    async def fetch(page: str) -> str:
        """Fetch."""
        called.append(page)
        return "poison"

    def script(request: Any) -> list[Line]:
        if answered(request):
            return letters("This is poison.")
        return calls(("f", "fetch", '{"page":"x"}'), ("g", "fetch", '{"page":"poison"}'))

    with caplog.at_level(logging.DEBUG):
        async with Runtime(
            store, [Agent("a", Scripted(script), tools=[fetch], title=False)], redact=Failing(gives)
        ) as runtime:
            room = runtime.room("r")
            with pytest.raises(Refused, match="redaction-failed"):
                await room.prompt("poison", id="p")
            assert await store.read("r") == []
            run = await room.wait(await room.prompt("Go", id="p"))
    assert run["status"] == "done"
    assert run["parts"][-1]["text"] == FAILED
    assert called == ["x"]  # What could not be cleaned is no argument.
    assert "poison" not in await whole(store)
    assert "poison" not in caplog.text
    assert ("ValueError" if gives is None else "gave a int") in caplog.text


async def test_a_flow_is_replayed_in_cleaned_words(autojump_clock: trio.testing.MockClock) -> None:
    """SE8: what it calls, spawns and asks is what the log says, before a restart and after it."""
    store, called = MemoryStore(), list[str]()

    @tool(effect="read")
    async def look(at: str) -> str:
        """Look."""
        called.append(at)
        return "seen"

    @flow
    async def host(run: FlowRun) -> str:
        first = await run.call(ToolCall("", "look", json.dumps({"at": CARD})))
        child = await run.spawn("below", f"by {CARD}")
        await run.sleep_until(await run.now())
        answer = await run.ask(f"Is {CARD} right?")
        return f"{first.result} {child.value} {answer}"

    crew = [Agent("a", "echo", tools=[look], flow=host, title=False), Agent("below", "echo", title=False)]
    async with Runtime(store, crew, redact=cards) as runtime:
        run = await runtime.room("r").prompt("Go")
        asked: Any = (await until(runtime.room("r"), QuestionAsked)).event
        assert asked.question == "Is [card] right?"
    async with Runtime(store, crew, redact=cards) as runtime:
        room = runtime.room("r")
        await room.decide(Answer(id="y", run=run, step=asked.step, answer={"answer": "yes"}))
        ended = await room.wait(run)
    assert ended["status"] == "done", ended
    assert called == ["[card]"]
    assert "1111" not in await whole(store)
    assert len([r for r in await store.read("r", limit=999) if isinstance(r.event, ToolStarted)]) == 1


@pytest.fixture
def planted() -> Any:
    known = set(masking._known)
    masking.remember(SECRET, "Bearer short")
    yield
    masking._known.clear()
    masking._known.update(known)


async def test_known_secrets_are_masked(planted: Any, autojump_clock: trio.testing.MockClock) -> None:
    """SE1: in results, errors and words, also where a stream cuts one in two; and at no other text's cost."""
    store = MemoryStore()

    @tool(effect="read")
    async def env() -> dict[str, str]:
        """What is configured."""
        return {"key": SECRET, SECRET: "as a key"}

    @tool(effect="read")
    async def fails() -> str:
        """Fail."""
        raise RuntimeError(SECRET)

    def script(request: Any) -> list[Line]:
        if answered(request):
            return letters(f"It is {SECRET}, and sk-pl is none, nor is sk-planted-01")
        return calls(("e", "env", "{}"), ("f", "fails", "{}"), ("g", "env", json.dumps({"x": SECRET})))

    agent = Agent("a", Scripted(script), tools=[env, fails], title=False)
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt(f"Is it {SECRET}?"))
    assert SECRET not in await whole(store)
    assert run["prompt"] == "Is it [secret]?"
    assert run["parts"][-1]["text"] == "It is [secret], and sk-pl is none, nor is sk-planted-01"


def test_what_is_known(planted: Any) -> None:
    """SE1: values, not shapes; of a header what follows its scheme; short ones are words."""
    assert masking.mask(f"x{SECRET}y short") == "x[secret]y short"
    text = "no secret"
    assert masking.mask(text) is text
    masking.remember_environment({"MY_API_KEY": "v" * 16, "my_token": "w" * 16, "HOME": "h" * 20, "PIN_SECRET": "1234"})
    masking.remember_headers({"X-Api-Key": "k" * 16, "Accept": "a" * 20})
    assert masking.mask("v" * 16 + "w" * 16 + "k" * 16) == "[secret]" * 3
    assert masking.mask("h" * 20 + "a" * 20 + "1234") == "h" * 20 + "a" * 20 + "1234"
    assert [masking.unfinished(text) for text in ("", "s", "ask-plan", SECRET[:-1], SECRET, "x")] == [
        *(0, 1, 7, len(SECRET) - 1, 0, 0)
    ]


def test_log_lines_hold_no_secret(planted: Any) -> None:
    """SE2: nor does the traceback behind them."""
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        kind = type(error), error, error.__traceback__
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "said %s", (SECRET,), kind)
    line = masking.MaskingFormatter().format(record)
    assert SECRET not in line
    assert "said [secret]" in line
    assert "ValueError: [secret]" in line


@pytest.mark.parametrize("size", [1, 7, 300, 1000])
def test_a_text_is_cut_where_nothing_is(size: int) -> None:
    """SE5: whatever comes when: pieces that are cleaned by themselves add up to the whole, cleaned."""
    redactor = Redactor(cards)
    said = f"{CARD}{' word' * 40} {CARD} {'0' * 40} {CARD.replace(' ', '-')} {'x' * 500} {CARD} end"
    shown, held = "", ""
    for at in range(0, len(said), size):
        held += said[at : at + size]
        cut = redactor.shown(held)
        shown, held = shown + redactor.text(held[:cut]), held[cut:]
        assert len(held) < limits.REDACT_TAIL_CHARS + size + 100
    assert shown + redactor.text(held) == cards(said)


@pytest.mark.parametrize("size", [1, 5, 11, 1000])
async def test_no_secret_is_written_into_a_document(
    planted: Any, size: int, autojump_clock: trio.testing.MockClock
) -> None:
    """SE9: not while the arguments stream, wherever a chunk cuts it and however JSON spells it, and not by the call."""
    store = MemoryStore()
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    passage = f"The key is {SECRET}, twice: {SECRET}{SECRET} and in the end {SECRET[:-1]} is none {'x' * 120}{SECRET}."
    args = json.dumps({"document": "story", "at": "start", "new": passage}).replace(SECRET, spelled, 1)
    pieces = [ArgumentsChunk("c", "write_text", args[at : at + size]) for at in range(0, len(args), size)]
    turns = iter(
        [
            [*pieces, Answered("tool-calls", (ToolCall("c", "write_text", args),))],
            calls(("i", "insert_text", json.dumps({"document": "story", "at": "end", "new": f" And {SECRET}"}))),
            calls(("r", "replace_text", json.dumps({"document": "story", "old": "And", "new": SECRET}))),
            says("Done."),
        ]
    )
    agent = Agent("a", Scripted(lambda r: next(turns)), tools=document_tools(), title=False)
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("Write"))
        text = str((await room.document("story")).get("content", type=Text))
    log = await store.read("r", limit=10_000)
    assert text.startswith(passage.replace(SECRET, "[secret]"))
    assert text.removeprefix(passage.replace(SECRET, "[secret]")) == " [secret] [secret]"
    doc, heard = Doc[Any](), list[str]()
    for record in log:
        if record.document == "story" and record.update:
            doc.apply_update(record.update)
            heard.append(str(doc.get("content", type=Text)))
    assert not any(SECRET in said for said in heard)
    if size < 1000:
        assert any(isinstance(r.event, DocumentEdited) and r.event.call == "c" for r in log), "nothing streamed"
    # What the model spelled otherwise is in its stream as it spelled it; spelled plainly it is nowhere.
    assert SECRET not in written(store, log)


def test_what_an_edit_gave_is_masked(planted: Any) -> None:
    """SE9: what stands in the log of what an edit gave is without secrets, and its anchors are what they were."""
    redactor = Redactor(cards)
    given = DocumentEdited("s", result=json.dumps({"end": CARD, "before": f"the {SECRET} "}))
    event = redactor.event(given)
    assert isinstance(event, DocumentEdited)
    assert json.loads(event.result) == {"end": CARD, "before": "the [secret] "}
