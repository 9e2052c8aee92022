"""How a model is asked, whichever it is: vendors', ours, and one of somebody's own that knows less than the port.

The port grew, and a class that was written before it did goes on working: it is given no options, wants no files, and
is told of them in words.
"""

import inspect
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from ...protocol.limits import TITLE_TOKENS
from ...protocol.options import DEFAULTS, Options
from .files import admit, in_words
from .model import JSON, Assistant, Chunk, Message, Model, Result, ToolSchema, User

_TITLE = (
    "Write a title for the conversation that you are shown: at most six words, in the language that the person writes, "
    "without quotation marks and without a full stop. Answer with the title alone. Do not answer the conversation."
)

_SHOWN_CHARS = 1000
"""Of what each side said first: what a conversation is about shows at its beginning."""


def make_request(
    model: Model,
    instructions: str,
    messages: Sequence[Message],
    tools: Sequence[ToolSchema],
    options: Options = DEFAULTS,
) -> JSON:
    """The model's request, as `Model.request`."""
    if not hasattr(model, "takes"):
        messages = in_words(messages)
    if "options" in inspect.signature(model.request).parameters:
        return model.request(instructions, messages, tools, options)
    return model.request(instructions, messages, tools)


def wanted_files(model: Model, messages: Sequence[Message]) -> list[str]:
    """The blobs that `open_stream` wants for this conversation, each once, in its order."""
    admitted = admit(messages, getattr(model, "takes", frozenset()))
    files = (file for message in admitted if isinstance(message, User | Result) for file in message.files)
    return list(dict.fromkeys(file.blob for file in files if file.blob))


def open_stream(
    model: Model, request: JSON, files: Mapping[str, bytes] = {}
) -> AbstractAsyncContextManager[AsyncIterator[Chunk]]:
    """The model's stream, as `Model.stream`; `files` are those of `wanted_files`, as far as they can be had."""
    return model.stream(request, files) if files else model.stream(request)


def proposes_titles(model: Model) -> bool:
    """Whether it makes sense to ask this model for a room's title; a script's would say nothing."""
    return bool(getattr(model, "titles", False))


def title_request(model: Model, messages: Sequence[Message]) -> JSON:
    """A small request for a title of the conversation, in its language: its beginning, no tools, few tokens."""
    said: list[str] = []
    messages = in_words(messages)  # A prompt may be nothing but a picture.
    for who, kind in (("Person", User), ("Assistant", Assistant)):
        text = next((message.text for message in messages if isinstance(message, kind) and message.text.strip()), "")
        if text:
            said.append(f"{who}: {text[:_SHOWN_CHARS]}")
    options = Options(max_output_tokens=TITLE_TOKENS, reasoning="off")
    return make_request(model, _TITLE, [User("\n\n".join(said))], [], options)
