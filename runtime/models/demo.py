"""The model that needs no key and no network: it plays scripts, says so, and shows what a run can look like.

It thinks aloud, speaks Markdown, names the files that came with a prompt, calls the tool that a word of the prompt asks
for where it is offered, else the clock, and goes on with what came of it. What it says depends on the conversation
alone, so a second try at a step says the same again. The scripts are in `demo_scripts`, the tools in
`runtime/tools/demo`.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from ...protocol.events import ToolCall, Usage
from ...protocol.options import DEFAULTS, Options
from .chat import chat_messages, chat_tools
from .demo_scripts import (
    CLOCK,
    FILES,
    NO_TAB_TOOL,
    PAGE_TITLE,
    THINKING,
    WITHOUT_TOOL,
    Scene,
    scenes_for,
    script_for,
)
from .files import dereference, name_of, reference, size_of, without_files
from .model import (
    JSON,
    Answered,
    ArgumentsChunk,
    Chunk,
    Message,
    ReasoningChunk,
    TextChunk,
    ToolSchema,
    User,
    canonical,
)
from .pace import Pace, count_words, words

WORDS_PER_S = 40
"""About ten times as fast as people read: visibly a stream, and the longest script is over in half a minute."""


class Demo:
    """Plays scripts at a pleasant pace; tests give another."""

    name = "demo"
    takes: frozenset[str] = frozenset()
    titles = False

    def __init__(self, words_per_s: float = WORDS_PER_S) -> None:
        self._words_per_s = words_per_s

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        said = chat_messages(instructions, without_files(messages))
        for message, spoken in zip(messages[::-1], said[::-1], strict=False):
            if isinstance(message, User) and message.files:
                spoken["files"] = [reference(file) for file in message.files]
        request: JSON = {"model": self.name, "messages": said}
        if tools:
            request["tools"] = chat_tools(tools)
        return request

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        async with aclosing(self._chunks(request)) as chunks:
            yield chunks

    async def _chunks(self, request: JSON) -> AsyncGenerator[Chunk]:
        pace = Pace(self._words_per_s)
        spoken = 0
        calls: tuple[ToolCall, ...] = ()
        for chunk in _play(request):
            await pace.next()
            if isinstance(chunk, ArgumentsChunk):
                before = calls[0].args if calls else ""
                calls = (ToolCall(chunk.call, chunk.name, before + chunk.text),)
            else:
                spoken += count_words(chunk.text)
            yield chunk
        heard = sum(count_words(message["content"]) for message in request["messages"])
        yield Answered("tool-calls" if calls else "stop", calls, Usage(input=heard, output=spoken))

    async def aclose(self) -> None:
        """Nothing is open."""


def _play(request: JSON) -> Sequence[TextChunk | ReasoningChunk | ArgumentsChunk]:
    """All chunks of the answer to this request but the last."""
    messages = request["messages"]
    asked = max((i for i, message in enumerate(messages) if message["role"] == "user"), default=-1)
    prompt = messages[asked]["content"] if asked >= 0 else ""
    results = [message["content"] for message in messages[asked + 1 :] if message["role"] == "tool"]
    offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in request.get("tools", ())}
    scene = _scene(prompt, offered)
    script = script_for(prompt) if scene is CLOCK else ""
    if results:
        said = scene.failed if results[-1].startswith("Error: ") else scene.after
        result = results[-1].removeprefix("Error: ")
        return _text(said.replace("{told}", _told(result)).replace("{result}", result) + script)
    thinking = [ReasoningChunk(word) for word in words(THINKING.format(count=count_words(prompt)))]
    seen = _seen(messages[asked].get("files", ())) if asked >= 0 else ""
    if scene.tool not in offered:
        return [*thinking, *_text(seen + (NO_TAB_TOOL if scene is PAGE_TITLE else WITHOUT_TOOL + script))]
    # The id is a hash of the conversation: the same for every try at this step, another one for the next call.
    call = f"call_{hashlib.sha256(canonical(messages)).hexdigest()[:12]}"
    arguments = [
        ArgumentsChunk(call, scene.tool, text) for text in ("", *words(_fitted(scene.args, offered[scene.tool])))
    ]
    return [*thinking, *_text(seen + scene.before), *arguments]


def _scene(prompt: str, offered: Collection[str]) -> Scene:
    """The first of the prompt's scenes whose tool is offered. Only scenes' own tools are called: what another one does
    no script can know. One that is not offered is not missed, since there is the clock, and then the words; but who
    asks for the browser is told how its tools come here."""
    scenes = scenes_for(prompt)
    instead = PAGE_TITLE if PAGE_TITLE in scenes else CLOCK
    return next((scene for scene in scenes if scene.tool in offered), instead)


def _seen(files: Sequence[JSON]) -> str:
    known = [dereference(file) for file in files]
    told = " and ".join(f"{name_of(file)}, {size_of(file.bytes)}" for file in known)
    return FILES.replace("{files}", told) if told else ""


def _fitted(args: str, parameters: JSON) -> str:
    """The script's arguments where the tool takes them, else made to fit: scripts know tools by name only."""
    given: JSON = msgspec.json.decode(args)
    properties, required = parameters.get("properties", {}), parameters.get("required", [])
    if given.keys() <= properties.keys() and given.keys() >= set(required):
        return args
    spare = next((text for text in given.values() if isinstance(text, str)), "hello")
    known = {name: value for name, value in given.items() if name in properties}
    made = {name: _example(properties.get(name, {}), spare) for name in required if name not in known}
    return canonical(known | made).decode()


def _example(schema: JSON, text: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    plain = {"integer": 1, "number": 1, "boolean": False, "array": [], "object": {}, "null": None}
    return schema.get("default", plain.get(schema.get("type", ""), text))


def _told(result: str) -> str:
    """A result as Markdown: what somebody wrote as a quotation, what was found as a list."""
    try:
        value: Any = msgspec.json.decode(result)
    except msgspec.MsgspecError:
        value = result
    if isinstance(value, list) and value and all(isinstance(each, dict) and "title" in each for each in value):
        return "\n".join(f"- **{each['title']}**: {each.get('text') or each.get('url', '')}" for each in value)
    if isinstance(value, str):
        return "\n".join(f"> {line}".rstrip() for line in value.strip().splitlines())
    return f"`{result}`"


def _text(text: str) -> list[TextChunk]:
    return [TextChunk(word) for word in words(text)]
