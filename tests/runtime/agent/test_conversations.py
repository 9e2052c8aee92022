"""Conversations: branches, what an agent is told beside the prompt, and how its model is asked."""

import json
from typing import Any

import msgspec
import pytest
import trio
from plait.protocol import limits, parsing, shown
from plait.protocol.access import Grant
from plait.protocol.budget import Limits
from plait.protocol.commands import AttachedFile, Overrides, ProvideContext
from plait.protocol.document import RoomDocument
from plait.protocol.errors import Refused
from plait.protocol.events import (
    ContextProvided,
    ModelAnswered,
    ModelFailed,
    ModelRequested,
    RunArchived,
    RunFinished,
    RunRequested,
    RunSteered,
    TitleProposed,
    Usage,
    run_id,
)
from plait.protocol.options import DEFAULTS, Options
from plait.protocol.state import TITLE_STEP
from plait.runtime import Agent, Prices, Runtime
from plait.runtime.embed import RoomHandle
from plait.runtime.models.model import JSON, ModelError, TextChunk
from plait.storage.memory import MemoryStore

from ..room.scene import FakeTab, watching
from .scripted import Scripted, calls, says


class Knows(Scripted):
    """A model that answers with its prompt in capitals, notes the options it was asked with, and takes pictures."""

    takes = frozenset({"image/png"})

    def __init__(self) -> None:
        super().__init__(lambda request: says(_prompts(request)[-1].upper()))
        self.options: list[Options] = []
        self.files: list[dict[str, bytes]] = []

    def request(self, instructions: str, messages: Any, tools: Any, options: Options = DEFAULTS) -> JSON:
        self.options.append(options)
        return super().request(instructions, messages, tools)

    def stream(self, request: JSON, files: Any = None) -> Any:
        self.files.append(dict(files or {}))
        return super().stream(request)


def _prompts(request: JSON) -> list[str]:
    return [message["text"] for message in request["messages"] if message["role"] == "User"]


async def said(room: RoomHandle, model: Scripted, text: str, **more: Any) -> tuple[str, list[str]]:
    """Prompt, wait, and give the run and the prompts that the model was shown."""
    run = await room.prompt(text, **more)
    await room.wait(run)
    return run, _prompts(model.requests[-1])


# --- branches ---------------------------------------------------------------------------------------------------------


async def test_a_tree_of_runs() -> None:
    """CV1, CV2, CV3, CV4: versions stand beside each other, and a model is shown one branch only."""
    model, store = Knows(), MemoryStore()
    async with Runtime(store, [Agent("a", model)]) as runtime:
        room = runtime.room("r")
        one, shown = await said(room, model, "one")
        two, shown = await said(room, model, "two")
        assert shown == ["one", "two"]
        other = await room.edit_prompt(two, "zwei")
        await room.wait(other)
        assert _prompts(model.requests[-1]) == ["one", "zwei"]
        again = await room.regenerate(other)
        runs = await room.runs()
        assert (await room.wait(again))["prompt"] == "zwei"
        assert [runs[run]["after"] for run in (one, two, other)] == ["", one, one]
        runs = await room.runs()
        assert [runs[run].get("instead", "") for run in (one, two, other, again)] == ["", "", two, two]
        assert runs[again]["after"] == one
        assert (await said(room, model, "three"))[1] == ["one", "zwei", "three"]
        await room.change(branch=two)
        assert (await said(room, model, "drei"))[1] == ["one", "two", "drei"]
        assert (await said(room, model, "fresh", after=""))[1] == ["fresh"]
        assert (await said(room, model, "from", after=other))[1] == ["one", "zwei", "from"]
        await room.change(branch=two)
    async with Runtime(store, [Agent("a", model)]) as runtime:
        assert (await said(runtime.room("r"), model, "vier"))[1] == ["one", "two", "vier"]


async def test_what_has_no_other_version() -> None:
    """CV2, CV5: an open run, an unknown one, and a room without any."""
    stay = trio.Event()
    model = Scripted(lambda request: [stay])
    async with Runtime(MemoryStore(), [Agent("a", model)]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("one")
        for attempt, code in (
            (room.regenerate(run), "busy"),
            (room.edit_prompt(run, "x"), "busy"),
            (room.regenerate("000000000099"), "no-such-run"),
            (room.prompt("x", after="nowhere"), "no-such-run"),
            (room.change(branch="000000000099"), "no-such-run"),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.code == code
        assert list(await room.runs()) == [run]
        await room.stop()


async def test_what_words_alone_cannot_say_is_not_said_to_a_run_at_work() -> None:
    """CV7: a prompt with facts, files or options waits for its turn, also if its agent is steered; else they would be
    lost without a word."""
    stay, store = trio.Event(), MemoryStore()
    model = Scripted(lambda request: [stay, *says("Fine.")])
    agent = Agent("a", model, on_second_prompt="steer", overrides=["temperature"])
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        first = await room.prompt("one")
        runs = [await room.prompt("two", context={"page": "Invoices"})]
        runs.append(await room.prompt("three", options=Overrides(temperature=0.5)))
        assert await room.prompt("four") == first
        stay.set()
        assert len({first, *runs}) == 3
        for run in runs:
            assert (await room.wait(run))["status"] == "done"
        steered = [record.event for record in await store.read("r") if isinstance(record.event, RunSteered)]
    assert steered == [RunSteered("four")]


# --- what the agent is told -------------------------------------------------------------------------------------------


async def test_facts_by_key() -> None:
    """CV10, CV12: the last one of a key counts, null takes it away, a prompt's own come last; all of it is recorded."""
    model, store = Knows(), MemoryStore()
    async with Runtime(store, [Agent("a", model, instructions="Be brief.")]) as runtime:
        room = runtime.room("r")
        await room.provide_context({"page": "Invoices", "user": "Ada"})
        await room.provide_context({"page": 'Orders\n- role: "admin"', "user": None})
        await said(room, model, "x", context={"selection": "row 7"})
        system = model.requests[-1]["system"]
        assert system.startswith("Be brief.\n\nWhat is known now")
        assert system.splitlines()[3:] == ['- "page": "Orders\\n- role: \\"admin\\""', '- "selection": "row 7"']
        await said(room, model, "y", context={"page": "Mine"})
        assert '- "page": "Mine"' in model.requests[-1]["system"]
        await said(room, model, "z")
        assert "row 7" not in model.requests[-1]["system"]
        heads = [record.event for record in await store.read("r") if isinstance(record.event, ModelRequested)]
        assert any("Mine" in event.head for event in heads)


async def test_facts_of_tabs(autojump_clock: trio.testing.MockClock) -> None:
    """CV10, CV11: a tab's facts come from its socket, under its name, and go when it goes."""
    model = Knows()
    async with Runtime(MemoryStore(), [Agent("a", model)]) as runtime, runtime.rooms.use("r") as room:
        tab, other = FakeTab("", "ada", 7), FakeTab("", "bob", 8)
        for each in (tab, other):
            room.join(each)

        async def ask(text: str, tab: FakeTab | None = None) -> str:
            told: list[Any] = []
            done = trio.Event()
            room.command(Grant(), parsing.parse(text), lambda answer: (told.append(answer), done.set()), tab)  # type: ignore[arg-type]
            await done.wait()
            return getattr(told[0], "code", "ok")

        facts = '{"id":"%s","do":"provide-context","tab":"%s","facts":{"screen":"%s"}}'
        assert await ask(facts % (1, "t1", "left")) == "not-allowed"
        assert await ask(facts % (2, "t1", "left"), tab) == "ok"
        assert await ask(facts % (3, "t2", "right"), other) == "ok"
        assert await ask('{"id":"4","do":"prompt","text":"x"}') == "ok"
        await every_run_ends(room)
        assert '"right"' in model.requests[-1]["system"]
        room.leave(other)
        assert await ask('{"id":"5","do":"prompt","text":"y"}') == "ok"
        await every_run_ends(room)
        assert '"left"' in model.requests[-1]["system"]


async def every_run_ends(room: Any) -> None:
    """Wait until nothing is open in the room."""
    with trio.fail_after(60):
        while room._live.state.open_runs():
            await room.beyond(room.head)


async def test_facts_are_bounded() -> None:
    """CV13: too many, too long, alone or together."""
    async with Runtime(MemoryStore(), [Agent("a", Knows())]) as runtime:
        room = runtime.room("r")
        await room.provide_context({"big": "x" * 30_000})
        for facts in ({"more": "x" * 5_000}, {str(n): "" for n in range(64)}):
            with pytest.raises(Refused) as refused:
                await room.provide_context(facts)
            assert refused.value.code == "too-large"
        with pytest.raises(Refused):
            await room.prompt("x", context={"big": "x" * 40_000})
        events = [record.event for record in await runtime.store.read("r")]
        assert events == [ContextProvided({"big": "x" * 30_000})]


async def test_files_by_hash() -> None:
    """CV14: the record and the request hold the hash, the model gets the bytes, another is told in words."""
    model, blind, store = Knows(), Scripted(lambda request: says("ok")), MemoryStore()
    async with Runtime(store, [Agent("a", model), Agent("b", blind)]) as runtime:
        room = runtime.room("r")
        file = await room.attach(b"\x89PNG...", "image/png", "dot.png")
        lying = AttachedFile(file.blob, "dot.png", "text/html", 5)
        run, _ = await said(room, model, "look", attachments=[lying])
        assert model.files[-1] == {file.blob: b"\x89PNG..."}
        assert model.requests[-1]["messages"][0]["files"] == [
            {"blob": file.blob, "media_type": "image/png", "name": "dot.png", "bytes": 7}
        ]
        shown = (await room.runs())[run]["attachments"]
        assert shown == [{"blob": file.blob, "media_type": "image/png", "name": "dot.png", "bytes": 7}]
        await said(room, blind, "and you?", agent="b")
        assert "dot.png (image/png, 7 bytes), which you cannot see." in _prompts(blind.requests[-1])[0]
        with pytest.raises(Refused) as refused:
            await room.prompt("x", attachments=[AttachedFile("0" * 64)])
        assert refused.value.code == "no-such-blob"
        again = await room.regenerate(run, agent="a")
        assert (await room.wait(again))["attachments"] == shown


# --- how it is asked --------------------------------------------------------------------------------------------------


async def test_options_and_overrides() -> None:
    """CV20: an agent's own count; a prompt may set what the agent allows and nothing else."""
    model, other = Knows(), Knows()
    other.name = "other"
    agent = Agent(
        "a", model, options=Options(temperature=0.1, seed=7), models=[other], overrides={"temperature", "retries"}
    )
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        await said(room, model, "x")
        assert model.options[-1] == Options(temperature=0.1, seed=7)
        run, _ = await said(room, other, "y", options=Overrides(temperature=1.5, model="other"))
        assert other.options[-1] == Options(temperature=1.5, seed=7)
        assert (await room.runs())[run]["model"] == "other"
        for wanted in (Overrides(seed=1), Overrides(model="gpt"), Overrides(top_p=0.5, temperature=1)):
            with pytest.raises(Refused) as refused:
                await room.prompt("z", options=wanted)
            assert refused.value.code == "option-not-allowed"
        assert len(await room.runs()) == 2
    with pytest.raises(ValueError, match="colour"):
        Agent("a", model, overrides={"colour"})


async def test_the_agent_asked_last() -> None:
    """CV21: it is remembered in the log, and forgotten when it is not at work here any more."""
    store = MemoryStore()
    one, two = Agent("one", "echo"), Agent("two", "echo")
    async with Runtime(store, [one, two]) as runtime:
        room = runtime.room("r")
        assert (await room.wait(await room.prompt("x")))["agent"] == "one"
        await room.wait(await room.prompt("x", agent="two"))
    async with Runtime(store, [one, two]) as runtime:
        room = runtime.room("r")
        assert (await room.wait(await room.prompt("x")))["agent"] == "two"
    async with Runtime(store, [one]) as runtime:
        room = runtime.room("r")
        assert (await room.wait(await room.prompt("x")))["agent"] == "one"


class Weather(msgspec.Struct):
    """What a weather agent answers."""

    city: str
    degrees: int


async def test_structured_output(autojump_clock: trio.testing.MockClock) -> None:
    """CV22: the schema is asked for; what is not of the type is superseded and asked for again, then the run fails."""
    answers = ['{"city":"Wien"}', '{"city":"Wien","degrees":21}']
    model = Knows()
    model._script = lambda request: says(answers[min(len(model.requests) - 1, 1)])
    agent = Agent("a", model, output=Weather)
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Vienna?"))
        asked = model.options[-1].output
        assert asked is not None
        assert (asked.name, asked.schema["required"]) == ("Weather", ["city", "degrees"])
        assert [part["text"].strip() for part in run["parts"]] == [answers[1]]
        assert agent.check(run["result"]) == Weather("Wien", 21)
        model._script = lambda request: says("sunny")
        run = await room.wait(await room.prompt("And tomorrow?"))
        assert (run["status"], run["error_code"]) == ("failed", "model-bad-output")
        failures = [r for r in await runtime.store.read("r") if isinstance(r.event, ModelFailed)]
        assert len(failures) == 1 + 4
    with pytest.raises(TypeError):
        Agent("a", model, output=int)


async def test_costs() -> None:
    """CV23: per answer in its record, per run and for the room in the document."""
    agent = Agent("a", Knows(), prices=Prices(input=2.0, output=10.0))
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("one two three"))
        assert (run["input_tokens"], run["output_tokens"], run["cost"]) == (3, 3, 36)
        await room.wait(await room.prompt("x"))
        about = await room.about()
        assert (about["cost"], about["output_tokens"]) == (36 + 6 + 10, 4)


async def test_the_rooms_sums_do_not_grow_with_answers() -> None:
    """DO10: the room's map never leaves the document, so its sums are written once in a run, at its end."""
    document = RoomDocument(7)
    document.project(run_id(1), "a", 0, RunRequested("a", "x"))
    for step in range(200):
        answered = ModelAnswered(f"generate.{step}", 1, "stop", (), Usage(3, 4), 5)
        document.project(run_id(1), "a", 0, answered)
    document.project(run_id(1), "a", 0, RunFinished())
    assert shown.shown_room(document.doc)["cost"] == 1000
    document.project(run_id(1), "a", 0, RunArchived())
    assert len(document.doc.get_update()) < 2000


# --- the room ---------------------------------------------------------------------------------------------------------


async def test_a_room_is_named() -> None:
    """CV30: title and metadata are one record, and stay."""
    store = MemoryStore()
    async with Runtime(store, [Agent("a", "echo")]) as runtime:
        room = runtime.room("r")
        await room.change(title="  The   plan ", metadata={"customer": "17", "stage": "new"})
        await room.change(metadata={"stage": None})
        about = await room.about()
        assert about == {"title": "The plan", "named": True, "metadata": {"customer": "17"}}
        with pytest.raises(Refused):
            await room.change(metadata={f"k{n}": "x" for n in range(33)})
        with pytest.raises(Refused):
            await room.change(metadata={"not a key": "x"})
        listing = await store.rooms()
        assert listing.rooms[0].about.title == "The plan"
        assert listing.rooms[0].about.metadata == {"customer": "17"}


def test_a_command_holds_what_was_given() -> None:
    """CT5: what a later version added does not change the digest of yesterday's command."""
    command = parsing.parse('{"id":"1","do":"prompt","text":"x"}')
    assert json.loads(msgspec.json.encode(command)) == {"id": "1", "do": "prompt", "text": "x"}
    assert isinstance(parsing.parse('{"id":"1","do":"provide-context","facts":{"a":null}}'), ProvideContext)
    assert RunRequested("a", "x").after is None


class Titled(Scripted):
    """A model that is asked for titles; it says what `title` does."""

    titles = True

    def __init__(self, title: Any) -> None:
        super().__init__(lambda request: title(request) if "Write a title" in request["system"] else says("Fine."))


async def test_a_model_proposes_a_title() -> None:
    """CV31: one small request, in the log, after the answer; its text is no part, and is in no later request."""
    model, store = Titled(lambda request: says('"Apples and pears"')), MemoryStore()
    async with Runtime(store, [Agent("a", model)]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("How many apples?"))
        assert [part["text"] for part in run["parts"]] == ["Fine. "]
        assert await room.about() == {
            "branch": run_id(1), "agent": "a", "title": "Apples and pears", "input_tokens": 6, "output_tokens": 4
        }  # fmt: skip
        await room.wait(await room.prompt("And pears?"))
        roles = [message["role"] for message in model.requests[-1]["messages"]]
        assert roles == ["User", "Assistant", "User"]
        assert sum("Write a title" in request["system"] for request in model.requests) == 1
        records = await store.read("r")
    titled = [record for record in records if isinstance(record.event, TitleProposed)]
    assert [(record.author, record.event) for record in titled] == [("agent:a", TitleProposed("Apples and pears"))]


@pytest.mark.parametrize(
    "title",
    [
        lambda request: [ModelError("model-auth", "No.", retry=False)],
        lambda request: [ModelError("model-overloaded", "No.", retry=True)],
        lambda request: says(""),
    ],
)
async def test_a_title_that_does_not_come(title: Any) -> None:
    """CV31: the prompt's first words take its place, at once, and the run is done."""
    async with Runtime(MemoryStore(), [Agent("a", Titled(title))]) as runtime:
        room = runtime.room("r")
        with trio.fail_after(5):
            run = await room.wait(await room.prompt("How many apples are there in all of Austria today?"))
        assert run["status"] == "done"
        assert (await room.about())["title"] == "How many apples are there in all of…"


async def test_a_title_that_is_a_call() -> None:
    """CV31: what a model wants beside a title is neither shown nor done."""
    async with Runtime(MemoryStore(), [Agent("a", Titled(lambda request: calls(("c", "erase", "{}"))))]) as runtime:
        run = await runtime.room("r").wait(await runtime.room("r").prompt("Hello there"))
    assert (run["status"], [part["type"] for part in run["parts"]]) == ("done", ["text"])


async def test_who_names_a_room() -> None:
    """CV31: a model that is none to ask, an agent that does not propose, and a person, who is never overruled."""
    async with Runtime(MemoryStore(), [Agent("a", "echo"), Agent("b", "echo", title=False)]) as runtime:
        for name, agent, given, title in (
            ("r1", "a", None, "Hello there"),
            ("r2", "b", None, ""),
            ("r3", "a", "Ours", "Ours"),
            ("r4", "a", "", ""),
        ):
            room = runtime.room(name)
            if given is not None:
                await room.change(title=given)
            await room.wait(await room.prompt("Hello there", agent=agent))
            assert (await room.about()).get("title", "") == title


async def test_a_title_is_one_plain_line() -> None:
    """CV33: what a terminal or a list would obey is left out, whoever the title is from."""
    model = Titled(lambda request: says("\x1b[31mApples\x00 and\x07pears"))
    async with Runtime(MemoryStore(), [Agent("a", model), Agent("b", "echo")]) as runtime:
        for name, agent, title in (("r", "a", "[31mApples and pears"), ("s", "b", "How many [2Japples?")):
            room = runtime.room(name)
            await room.wait(await room.prompt("How many\x1b[2Japples?", agent=agent))
            assert (await room.about())["title"] == title
        await room.change(title="Our\x9b plan\x00")
        assert (await room.about())["title"] == "Our plan"


async def test_a_title_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """CV31: a model that goes on and on, or says nothing for ever, does not keep the run from its end."""
    monkeypatch.setattr(limits, "RUN_BYTES", 2000)
    endless = Titled(lambda request: [TextChunk("apples " * 50) for _ in range(20)] + [trio.Event()])
    silent = Titled(lambda request: [trio.Event()])
    for model, allowed in ((endless, Limits()), (silent, Limits(wall_s=3))):
        async with Runtime(MemoryStore(), [Agent("a", model, limits=allowed)]) as runtime:
            room = runtime.room("r")
            with trio.fail_after(60):
                run = await room.wait(await room.prompt("How many apples?"))
            assert run["status"] == "done"
            assert (await room.about())["title"] == "How many apples?"


async def test_a_crash_while_a_title_is_asked_for() -> None:
    """CV31, AG12: the run ends with the answer that people saw, and a title."""
    stay = trio.Event()
    store = MemoryStore()
    async with Runtime(store, [Agent("a", Titled(lambda request: [stay]))]) as runtime:
        run = await runtime.room("r").prompt("Hello there")
        async for record in runtime.room("r").follow():
            if isinstance(record.event, ModelRequested) and record.event.step == TITLE_STEP:
                break
    async with Runtime(store, [Agent("a", Titled(lambda request: [stay]))]) as runtime:
        room = runtime.room("r")
        shown = await room.wait(run)
        assert (shown["status"], [part["text"] for part in shown["parts"]]) == ("done", ["Fine. "])
        assert (await room.about())["title"] == "Hello there"


async def test_a_failure_that_nobody_saw() -> None:
    """CV32: a tab that comes after the restart reads the code, the sentence, and what was said before."""
    store = MemoryStore()
    failing = Scripted(
        lambda request: [TextChunk("Half an "), ModelError("model-auth", "The key was refused.", retry=False)]
    )
    async with Runtime(store, [Agent("a", failing)]) as runtime:
        run = await runtime.room("r").prompt("Go")
        await runtime.room("r").wait(run)
    async with Runtime(store, [Agent("a", failing)]) as runtime, runtime.rooms.use("r") as room:
        tab = await watching(room)
        failed = shown.shown_runs(tab.doc)[run]
    assert (failed["status"], failed["error_code"]) == ("failed", "model-auth")
    assert failed["error_message"] == "The key was refused."
    assert failed["parts"][0]["text"] == "Half an "


async def test_a_room_is_forgotten() -> None:
    """RM38: also by a program that embeds the runtime, with a run at work."""
    stay = trio.Event()
    async with Runtime(MemoryStore(), [Agent("a", Scripted(lambda request: [stay]))]) as runtime:
        room = runtime.room("r")
        await room.prompt("Go")
        await room.delete()
        for again in (room.delete(), room.prompt("Go")):
            with pytest.raises(Refused) as refused:
                await again
            assert refused.value.code == "no-such-room"
