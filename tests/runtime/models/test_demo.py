"""The demo thinks, speaks Markdown, calls the clock, and says the same to the same conversation."""

import re
from collections.abc import Sequence

import msgspec
import pytest
import trio
from plait.protocol.commands import RegisterTools
from plait.protocol.events import ToolCall
from plait.protocol.parsing import parse
from plait.runtime.models.demo import Demo
from plait.runtime.models.demo_scripts import SCRIPTS, script_for
from plait.runtime.models.model import (
    JSON,
    Answered,
    ArgumentsChunk,
    Assistant,
    Chunk,
    File,
    Message,
    ReasoningChunk,
    Result,
    TextChunk,
    ToolSchema,
    User,
)
from plait.runtime.tools.call import Call
from plait.runtime.tools.demo import demo_tools

TOOLS = [tool.schema for tool in demo_tools()]
FAST = 1e6


async def _play(messages: Sequence[Message], tools: Sequence[ToolSchema] = TOOLS) -> list[Chunk]:
    model = Demo(FAST)
    async with model.stream(model.request("", messages, tools)) as chunks:
        return [chunk async for chunk in chunks]


def _text(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk))


async def test_it_thinks_speaks_and_asks_for_the_clock() -> None:
    """MD11: reasoning, then text, then one call whose streamed arguments are those of the answer."""
    chunks = await _play([User("hello")])
    kinds = [type(chunk) for chunk in chunks]
    assert kinds == sorted(kinds, key=[ReasoningChunk, TextChunk, ArgumentsChunk, Answered].index)
    assert set(kinds) == {ReasoningChunk, TextChunk, ArgumentsChunk, Answered}
    assert "scripted" in _text(chunks)
    arguments = [chunk for chunk in chunks if isinstance(chunk, ArgumentsChunk)]
    last = chunks[-1]
    assert isinstance(last, Answered)
    assert last.finish == "tool-calls"
    (call,) = last.calls
    assert {(chunk.call, chunk.name) for chunk in arguments} == {(call.id, "clock")}
    assert "".join(chunk.text for chunk in arguments) == call.args == '{"zone": "UTC"}'


async def test_it_goes_on_with_what_the_clock_said() -> None:
    first = (await _play([User("hello")]))[-1]
    assert isinstance(first, Answered)
    talk = [User("hello"), Assistant("…", first.calls), Result(first.calls[0].id, "clock", '{"time":"noon"}')]
    second = await _play(talk)
    assert isinstance(second[-1], Answered)
    assert second[-1].finish == "stop"
    assert '{"time":"noon"}' in _text(second)
    failed = await _play([*talk[:2], Result(first.calls[0].id, "clock", "stopped", failed=True)])
    assert "tool failed (*stopped*)" in _text(failed)


async def test_it_says_the_same_to_the_same_conversation() -> None:
    """MD11: a second try at a step plays the same chunks, call id included; another conversation has another id."""
    once, again = await _play([User("plan")]), await _play([User("plan")])
    assert once == again
    other = await _play([User("plan"), Assistant("ok"), User("plan")])
    assert isinstance(once[-1], Answered)
    assert isinstance(other[-1], Answered)
    assert once[-1].calls[0].id != other[-1].calls[0].id


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Write a mail", "send_mail"),
        ("let me approve it", "send_mail"),
        ("Ask me", "ask_person"),
        ("a task", "clock"),
        ("some notes", "write_note"),
        ("please propose something", "propose_ending"),
    ],
)
async def test_a_word_of_the_prompt_chooses_the_call(prompt: str, name: str) -> None:
    """MD22: with arguments that the tool takes; what came of it is told, a no as well."""
    tools = {tool.schema.name: tool for tool in demo_tools()}
    last = (await _play([User(prompt)]))[-1]
    assert isinstance(last, Answered)
    (call,) = last.calls
    assert call.name == name
    if name != "ask_person":
        assert await tools[name].call(call.args, Call("k"))
    told = [User(prompt), Assistant("", (call,)), Result(call.id, name, "ada denied this call: {}", failed=True)]
    assert "ada denied this call: {}" in _text(await _play(told))
    (only_clock,) = (schema for schema in TOOLS if schema.name == "clock")
    last = (await _play([User(prompt)], [only_clock]))[-1]
    assert isinstance(last, Answered)
    assert last.calls[0].name == "clock"


async def test_it_names_the_files_of_a_prompt() -> None:
    """MD27: of the newest one only, before it does what the prompt asks for."""
    files = (File("d0", "image/png", "notes.png", 12_400), File("e0", "text/plain", "a.txt", 7))
    text = _text(await _play([User("a plan", files)]))
    assert text.startswith("I see notes.png, 12 KB and a.txt, 7 bytes. I am a script")
    assert "scripted demo" in text
    assert "I see" not in _text(await _play([User("old", files), Assistant("ok"), User("new")]))
    assert _text(await _play([User("", files)], [])).startswith("I see notes.png")
    result = Result("c", "clock", "noon", files=files)
    assert "`noon`" in _text(await _play([User("hi"), Assistant("", (ToolCall("c", "clock", "{}"),)), result]))


def _offer(name: str, properties: JSON | None = None, required: Sequence[str] = ()) -> ToolSchema:
    parameters = {"type": "object", "properties": properties or {}, "required": list(required)}
    return ToolSchema(name, "", parameters)


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("prompt", "offer", "args"),
    [
        ("my browser", _offer("page_title"), {}),
        ("my browser", _offer("ask_page", {"question": TEXT}, ["question"]), {"question": "What is on this page?"}),
        ("do some research", _offer("researcher", {"task": TEXT}, ["task"]), {"task": "Search for what survives"}),
        ("propose it", _offer("propose_ending", {"text": TEXT}), {"text": "And everybody who came later"}),
        ("take notes", _offer("write_note", {"text": TEXT}), {"text": "This note is from the scripted demo"}),
        ("search", _offer("search_docs", {"query": TEXT}, ["query"]), {"query": "what survives a crash"}),
        ("slow", _offer("slow_work"), {}),
        # A tool of that name may want something else than its script thought.
        ("search", _offer("search_docs", {"text": TEXT}, ["text"]), {"text": "what survives a crash"}),
        (
            "slow",
            _offer("slow_work", {"n": {"type": "integer"}, "how": {"enum": ["well"]}, "x": TEXT}, ["n", "how", "x"]),
            {"n": 1, "how": "well", "x": "hello"},
        ),
        ("slow", _offer("slow_work", {"n": {"default": 5}}, ["n", "untold"]), {"n": 5, "untold": "hello"}),
    ],
)
async def test_a_scene_calls_its_tool_where_it_is_offered(prompt: str, offer: ToolSchema, args: JSON) -> None:
    """MD27: with arguments that the tool takes; then it says what came of it, and that it is scripted."""
    chunks = await _play([User(prompt)], [*TOOLS, offer])
    last = chunks[-1]
    assert isinstance(last, Answered)
    (call,) = last.calls
    assert call.name == offer.name
    made = msgspec.json.decode(call.args)
    assert made.keys() == args.keys()
    assert all(str(made[name]).startswith(str(value)) for name, value in args.items())
    assert "scripted demo" in _text(chunks)
    for failed in (False, True):
        talk = [User(prompt), Assistant("", (call,)), Result(call.id, call.name, "so so", failed)]
        text = _text(await _play(talk, [*TOOLS, offer]))
        assert "so so" in text
        assert "clock" not in text


async def test_a_scene_without_its_tool_makes_do() -> None:
    """MD27: with the clock; but whoever asks for the browser is told how its tools come here. It calls no tool that no
    scene knows: what that one does no script can know."""
    for prompt in ("research", "notes", "propose", "search", "slow"):
        last = (await _play([User(prompt)], [schema for schema in TOOLS if schema.name == "clock"]))[-1]
        assert isinstance(last, Answered)
        assert last.calls[0].name == "clock"
    chunks = await _play([User("my browser")], [*TOOLS, _offer("delete_everything")])
    assert isinstance(chunks[-1], Answered)
    assert not chunks[-1].calls
    (frame,) = re.findall("```json\n(.*?)```", _text(chunks), re.DOTALL)
    assert isinstance(parse(frame), RegisterTools)


async def test_the_mail_says_that_it_only_pretends() -> None:
    """MD22: nobody can do harm by saying yes."""
    mail = demo_tools()[1]
    assert (mail.effect, mail.approval) == ("write", "always")
    assert "only pretends" in (await mail.call('{"to": "a", "subject": "b", "body": "c"}', Call("k")))["note"]


async def test_without_a_clock_it_answers_at_once() -> None:
    chunks = await _play([User("hello")], tools=[])
    assert isinstance(chunks[-1], Answered)
    assert chunks[-1].finish == "stop"
    assert not chunks[-1].calls


async def test_an_earlier_runs_clock_is_not_taken_for_this_ones() -> None:
    call = ToolCall("call_old", "clock", "{}")
    talk = [User("hi"), Assistant("", (call,)), Result("call_old", "clock", "noon"), Assistant("ok"), User("again")]
    last = (await _play(talk))[-1]
    assert isinstance(last, Answered)
    assert last.finish == "tool-calls"


def test_a_word_of_the_prompt_chooses_the_script() -> None:
    assert script_for("Make me a PLAN, or a table") == SCRIPTS["plan"]
    assert script_for("a table then a plan") == SCRIPTS["table"]
    assert script_for("how long?") == SCRIPTS["long"]
    assert script_for("explanatory notes") == script_for("") not in SCRIPTS.values()
    assert "##" in script_for("")
    assert "```" in script_for("")
    assert "\n- " in script_for("")


@pytest.mark.parametrize("prompt", ["hello", "long"])
async def test_it_is_pleasant_to_read(prompt: str, autojump_clock: trio.testing.MockClock) -> None:
    """MD10: the demo's own pace is slow enough to be seen and no script takes more than half a minute."""
    model = Demo()
    start = trio.current_time()
    async with model.stream(model.request("", [User(prompt)], [])) as chunks:
        async for _ in chunks:
            pass
    assert 2 < trio.current_time() - start < 30


async def test_the_clock_tells_the_time() -> None:
    from plait.runtime.tools.tool import ToolError

    clock = demo_tools()[0]
    assert clock.effect == "read"
    assert set(await clock.call('{"zone": "UTC"}', Call("k"))) == {"time", "weekday"}
    with pytest.raises(ToolError, match="no time zone is called 'Mars'"):
        await clock.call('{"zone": "Mars"}', Call("k"))
    with pytest.raises(ToolError, match="no time zone"):
        await clock.call('{"zone": "../etc/passwd"}', Call("k"))


@pytest.mark.parametrize(
    ("prompt", "tool", "result", "told"),
    [
        ("research", "researcher", '"## Found\\n\\nMuch."', "> ## Found\n>\n> Much."),
        (
            "search",
            "search_docs",
            '[{"title":"Logs","text":"Kept."},{"title":"Docs"}]',
            "- **Logs**: Kept.\n- **Docs**: ",
        ),
        ("search", "search_docs", '{"odd":1}', '`{"odd":1}`'),
    ],
)
async def test_what_came_back_is_told_in_words(prompt: str, tool: str, result: str, told: str) -> None:
    """MD27: what somebody wrote is a quotation, what was found a list."""
    call = (ToolCall("c", tool, "{}"),)
    chunks = await _play([User(prompt), Assistant("…", call), Result("c", tool, result)], [_offer(tool)])
    assert told in _text(chunks)
