"""Today's code against yesterday's log: the same code wants what the log holds, and a change is found where it is."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import trio
from plait.protocol.commands import Answer, Approve
from plait.protocol.errors import Refused
from plait.protocol.events import ApprovalRequested, QuestionAsked
from plait.protocol.flow import FlowRun
from plait.runtime import Agent, Call, Runtime, ask_person, flow, tool
from plait.runtime.replay.rerun import Divergence, rerun
from plait.storage.memory import MemoryStore
from pycrdt import Text

from ..agent.scripted import Scripted, answered, calls, says


@tool(effect="read")
async def look(what: str) -> str:
    """Look something up."""
    return f"{what}: 42"


@tool(effect="write", approval=lambda args: "It is far." if args["to"] == "mars" else False)
async def send(to: str) -> str:
    """Send somebody."""
    return "sent"


@tool(effect="idempotent")
async def note(text: str, call: Call) -> str:
    """Write a note."""
    await call.document("notes").edit(lambda doc: doc.get("content", type=Text).insert(0, text))
    return "noted"


def script(request: Any) -> Any:
    done = answered(request)
    if done == 0:
        return calls(("c1", "look", '{"what": "mars"}'), ("c2", "note", '{"text": "go"}'))
    return calls(("c3", "send", '{"to": "mars"}')) if done == 2 else says("All done.")


def helper(**changed: Any) -> Agent:
    given: dict[str, Any] = {"instructions": "Help.", "tools": [look, send, note]}
    return Agent("helper", Scripted(script), **(given | changed))


async def lived(agents: list[Agent], work: Callable[[Any], Awaitable[Any]]) -> MemoryStore:
    store = MemoryStore()
    async with Runtime(store, agents) as runtime:
        with trio.fail_after(20):
            await work(runtime.room("r").by("ann"))
    return store


async def helped(room: Any) -> None:
    for prompt in ("Go to mars", "And again?"):
        run = await room.prompt(prompt)
        async for record in room.follow(int(run)):
            if isinstance(record.event, ApprovalRequested):
                await room.decide(Approve(id=f"y{run}", run=run, step=record.event.step))
                break
        await room.wait(run)


async def divergences(store: MemoryStore, *agents: Agent) -> tuple[Divergence, ...]:
    return (await rerun(store, "r", agents)).divergences


async def test_the_same_code_wants_what_the_log_holds() -> None:
    """RP10: nothing diverges, no model is asked and no tool is called, over a restart and with a person's yes."""
    store = await lived([helper()], helped)
    again = helper(tools=[look, send, note])
    found = await rerun(store, "r", [again])
    assert (found.runs, found.divergences) == (2, ())
    assert found.records == (await store.head("r")).seq
    model: Any = again.model
    assert model.requests == []
    with pytest.raises(Refused, match="no-such-room"):
        await rerun(store, "elsewhere", [again])


@pytest.mark.parametrize(
    ("changed", "recorded", "requested", "place"),
    [
        ({"instructions": "Help!"}, "an answer of the model (generate.0)", "another request", "/system"),
        (
            {"tools": [look, send, note, tool(effect="read", name="ask")(look.body)]},
            "an answer of the model (generate.0)",
            "another request",
            "/tools/3",
        ),
        (
            {"tools": [tool(effect="read", name="look")(look.body), send, note], "instructions": "Help."},
            None,
            None,
            None,
        ),
        (
            {"tools": [tool(effect="write", name="look")(look.body), send, note]},
            "a call of look (call.c1)",
            "a call of look with the effect write",
            None,
        ),
        (
            {"tools": [tool(effect="read", name="look", approval="always")(look.body), send, note]},
            "a call of look (call.c1)",
            "a person is asked first",
            None,
        ),
        (
            {"tools": [look, tool(effect="write", name="send")(send.body), note]},
            "a person is asked before send (call.c3)",
            "a call of send, and nobody is asked",
            None,
        ),
        (
            {"tools": [look, tool(effect="write", name="send", approval=lambda _: "Far!")(send.body), note]},
            "a person is asked before send (call.c3)",
            "the same with other values",
            "/reason",
        ),
    ],
)
async def test_a_change_is_found_where_it_is(
    changed: dict[str, Any], recorded: str | None, requested: str | None, place: str | None
) -> None:
    """RP10, RP11: in each run once, with what was recorded and what is requested, and the place where they differ."""
    store = await lived([helper()], helped)
    found = await divergences(store, helper(**changed))
    if recorded is None:
        assert found == ()
        return
    assert (found[0].recorded.partition(" (")[0], found[0].requested) == (recorded.partition(" (")[0], requested)
    assert [each.path for each in found[0].differences] == ([place] if place else [])
    assert len({each.run for each in found}) == len(found)


@flow
async def careful(run: FlowRun) -> str:
    when = await run.now()
    await run.sleep_until(when + timedelta(microseconds=1))
    answer = await run.generate()
    both = await run.all(one=run.call("look", what="a"), two=run.call("look", what="b"))
    return f"{answer.text}{sorted((name, each.value) for name, each in both.items())}"


def bold(change: str) -> Agent:
    @flow
    async def changed(run: FlowRun) -> str:
        when = await run.now()
        await run.sleep_until(when + timedelta(microseconds=2 if change == "sleep" else 1))
        if change == "more":
            await run.random()
        answer = await run.generate()
        both = await run.all(
            one=run.call("look", what="a"), two=run.call("look", what="c" if change == "args" else "b")
        )
        if change == "less":
            return "!"
        if change == "later":
            await run.generate()
        return f"{answer.text}{sorted((name, each.value) for name, each in both.items())}"

    return Agent("helper", Scripted(lambda request: says("Yes.")), tools=[look], flow=changed, title=False)


async def test_flows() -> None:
    """RP10, RP11: a flow of one's own, whose every move is compared; both versions of the code are named."""
    agent = Agent("helper", Scripted(lambda request: says("Yes.")), tools=[look], flow=careful, title=False)

    async def work(room: Any) -> None:
        await room.wait(await room.prompt("Go"))

    store = await lived([agent], work)
    assert await divergences(store, agent) == ()
    assert await divergences(store, bold("")) == ()
    for change, recorded in (
        ("sleep", "a sleep (sleep.0)"),
        ("more", "an answer of the model (generate.0)"),
        ("args", "a call of look"),
        ("less", "the end of the run"),
        ("later", "the end of the run"),
    ):
        (found,) = await divergences(store, bold(change))
        assert found.recorded.startswith(recorded), change
        then, now = found.code
        assert then == agent.facts.code != now


def test_versions_of_code() -> None:
    """RP12: the same code has the same name; another flow, other instructions or another body of a tool have others."""

    @tool(effect="read", name="look")
    async def look_elsewhere(what: str) -> str:
        """Look something up."""
        return f"{what}: 43"

    names = [
        helper().facts.code,
        helper(instructions="Help!").facts.code,
        helper(tools=[look_elsewhere, send, note]).facts.code,
        helper(flow=careful).facts.code,
    ]
    assert len(set(names)) == 4
    assert helper(tools=[note, look, send]).facts.code == names[0]
    assert names[0].startswith("0.")


async def test_people_and_sub_agents() -> None:
    """RP10: questions to people, agents that agents call and agents that are not asked about."""

    def lead(request: Any) -> Any:
        if answered(request) == 0:
            return calls(("c1", "researcher", '{"prompt": "Find it"}'), ("c2", "ask_person", '{"question": "Sure?"}'))
        return says("Good.")

    def crew(told: str) -> Agent:
        researcher = Agent("researcher", Scripted(lambda request: says("Found.")), instructions=told)
        return Agent("lead", Scripted(lead), tools=[researcher, ask_person()])

    async def work(room: Any) -> None:
        run = await room.prompt("Go")
        async for record in room.follow():
            if isinstance(record.event, QuestionAsked):
                await room.decide(Answer(id="y", run=run, step=record.event.step, answer={"answer": "yes"}))
                break
        await room.wait(run)

    store = await lived([crew("Look.")], work)
    assert await divergences(store, crew("Look.")) == ()
    (found,) = await divergences(store, crew("Look well."))
    assert found.differences[0].path == "/system"
    assert await divergences(store, helper()) == ()
