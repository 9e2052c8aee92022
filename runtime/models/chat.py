"""A conversation in the shape of chat completions, which OpenAI, the servers compatible with it, echo and demo share.

Instructions are the first message, because that is where chat completions want them. Keys stand in a fixed order, so
that equal conversations have equal bytes and a longer one begins with the bytes of the shorter.

A message without files is a plain string, which every server takes. One with files is a list of parts, and each part
that stands for a file holds it as an object at the one place where `with_contents` looks for it: a text part's `text`,
a picture's `url`, a file's `file_data`. What people, tools and models wrote is a string at these places, always.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

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
    told,
    unseen,
    written,
)
from .model import JSON, Assistant, File, Message, Result, ToolSchema, User


def chat_messages(instructions: str, messages: Sequence[Message], takes: frozenset[str] = frozenset()) -> list[JSON]:
    """The conversation as a list of `{role, content, …}`; a failed result says so in its text, there is no field."""
    said: list[JSON] = [{"role": "system", "content": instructions}] if instructions else []
    shown: list[JSON] = []
    for message in admit(messages, takes):
        if shown and not isinstance(message, Result):
            said.append({"role": "user", "content": shown})
            shown = []
        said.append(_message(message))
        if isinstance(message, Result):
            shown += [
                part for file in message.files if _follows(file) for part in (_text(f"{told(file)}:"), _part(file))
            ]
    return [*said, {"role": "user", "content": shown}] if shown else said


def _message(message: Message) -> JSON:
    match message:
        case User(text=text, files=files):
            parts = [_part(file) if file.blob else _text(unseen(ATTACHED, file)) for file in files]
            return {"role": "user", "content": _content(text, parts)}
        case Assistant(text=text, calls=calls):
            said: JSON = {"role": "assistant", "content": text}
            if calls:
                said["tool_calls"] = [
                    {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.args or "{}"}}
                    for call in calls
                ]
            return said
        case Result(call=call, text=text, failed=failed, files=files):
            text = f"Error: {text}" if failed else text
            return {
                "role": "tool",
                "tool_call_id": call,
                "content": _content(text, [_returned(file) for file in files]),
            }
    assert_never(message)


def _follows(file: File) -> bool:
    """Whether a tool's file is shown in a message of its own, behind the results: theirs take nothing but text."""
    return bool(file.blob) and not is_text(file)


def _returned(file: File) -> JSON:
    if _follows(file):
        return _text(f"{RETURNED} {told(file)}, which follows.")
    return _part(file) if file.blob else _text(unseen(RETURNED, file))


def _part(file: File) -> JSON:
    if is_text(file):
        return {"type": "text", "text": reference(file)}
    if kind_of(file) == PDF:
        return {"type": "file", "file": {"filename": file.name or "file.pdf", "file_data": reference(file)}}
    return {"type": "image_url", "image_url": {"url": reference(file)}}


def _text(text: str) -> JSON:
    return {"type": "text", "text": text}


def _content(text: str, parts: list[JSON]) -> str | list[JSON]:
    """Parts where they are needed: some compatible servers take nothing but a string."""
    parts = [_text(text), *parts] if text else parts
    if all(isinstance(part.get("text"), str) for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def with_contents(request: JSON, files: Mapping[str, bytes]) -> JSON:
    """The request as it is sent: with every file's content at its place, and a sentence where it is missing."""
    return request | {"messages": [_filled(message, files) for message in request["messages"]]}


def _filled(message: JSON, files: Mapping[str, bytes]) -> JSON:
    if not isinstance(message["content"], list):
        return message
    by = ATTACHED if message["role"] == "user" else RETURNED
    return message | {"content": _content("", [_filled_part(by, part, files) for part in message["content"]])}


def _filled_part(by: str, part: JSON, files: Mapping[str, bytes]) -> JSON:
    match part:
        case {"text": {} as place}:
            file = dereference(place)
            return _text(written(by, file, files.get(file.blob)))
        case {"file": {"file_data": {} as place}}:
            file = dereference(place)
            content = content_of(file, files)
            data = {"file": part["file"] | {"file_data": _data_url(content)}} if content else {}
        case {"image_url": {"url": {} as place}}:
            file = dereference(place)
            content = content_of(file, files)
            data = {"image_url": {"url": _data_url(content)}} if content else {}
        case _:
            return part
    return part | data if data else _text(missing(file, files.get(file.blob)))


def _data_url(content: tuple[str, str]) -> str:
    kind, data = content
    return f"data:{kind};base64,{data}"


def chat_tools(tools: Sequence[ToolSchema]) -> list[JSON]:
    """The tools as chat completions take them."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]
