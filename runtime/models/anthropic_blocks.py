"""A conversation as Anthropic takes it: blocks in messages whose speakers take turns.

A block that stands for a file holds it as an object at the one place where `with_contents` looks for it: a text's
`text`, the `data` of a picture's or a document's source, in a message or in a tool's result. What people, tools and
models wrote is a string at these places, and a call's input is not looked into.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from ...protocol.events import ToolCall
from .files import (
    ATTACHED,
    PDF,
    RETURNED,
    admit,
    content_of,
    dereference,
    is_text,
    kind_of,
    missing,
    reference,
    unseen,
    written,
)
from .model import JSON, Assistant, File, Message, Result, User


def message_blocks(messages: Sequence[Message], takes: frozenset[str] = frozenset()) -> list[JSON]:
    """The conversation as Anthropic takes it; consecutive results share one message, and nothing is empty."""
    said: list[JSON] = []
    for message in admit(messages, takes):
        match message:
            case User(text=text, files=files):
                said.append({"role": "user", "content": _content(ATTACHED, text, files)})
            case Assistant(text=text, calls=calls):
                # Blocks without a visible character are refused, and an answer that was stopped early has none.
                blocks: list[JSON] = [_text(text)] if text.strip() else []
                blocks += [
                    {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call)} for call in calls
                ]
                if blocks:
                    said.append({"role": "assistant", "content": blocks})
            case Result(call=call, text=text, failed=failed, files=files):
                block: JSON = {"type": "tool_result", "tool_use_id": call, "content": _content(RETURNED, text, files)}
                if failed:
                    block["is_error"] = True
                if said and _is_results(said[-1]):
                    said[-1]["content"].append(block)
                else:
                    said.append({"role": "user", "content": [block]})
            case _:
                assert_never(message)
    return said


def _is_results(message: JSON) -> bool:
    content = message["content"]
    return isinstance(content, list) and content[0]["type"] == "tool_result"


def _content(by: str, text: str, files: Sequence[File]) -> str | list[JSON]:
    if not files:
        return text
    # The vendor's advice: files before the words that are about them.
    blocks = [_block(file) if file.blob else _text(unseen(by, file)) for file in files]
    return [*blocks, _text(text)] if text.strip() else blocks


def _text(text: str) -> JSON:
    return {"type": "text", "text": text}


def _block(file: File) -> JSON:
    if is_text(file):
        return {"type": "text", "text": reference(file)}
    kind = kind_of(file)
    source = {"type": "base64", "media_type": kind, "data": reference(file)}
    return {"type": "document", "source": source} if kind == PDF else {"type": "image", "source": source}


def _input(call: ToolCall) -> JSON:
    """The vendor wants an object where arguments may be any text that the model wrote."""
    try:
        value = msgspec.json.decode(call.args or "{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"not_an_object": call.args}


def with_contents(request: JSON, files: Mapping[str, bytes]) -> JSON:
    """The request as it is sent: with every file's content at its place, and a sentence where it is missing."""
    messages = [
        message | {"content": _filled(ATTACHED, message["content"], files)} if message["role"] == "user" else message
        for message in request["messages"]
    ]
    return request | {"messages": messages}


def _filled(by: str, content: str | list[JSON], files: Mapping[str, bytes]) -> str | list[JSON]:
    return content if isinstance(content, str) else [_filled_block(by, block, files) for block in content]


def _filled_block(by: str, block: JSON, files: Mapping[str, bytes]) -> JSON:
    match block:
        case {"type": "tool_result"}:
            return block | {"content": _filled(RETURNED, block["content"], files)}
        case {"text": {} as place}:
            file = dereference(place)
            return _text(written(by, file, files.get(file.blob)))
        case {"source": {"data": {} as place}}:
            file = dereference(place)
            content = content_of(file, files)
            if content is None:
                return _text(missing(file, files.get(file.blob)))
            kind, data = content
            return block | {"source": block["source"] | {"media_type": kind, "data": data}}
        case _:
            return block
