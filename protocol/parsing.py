"""From the text that came in to a command, or to a refusal that says as much as the text allows.

What is refused carries the command's id wherever the object had a usable one, so that the answer finds its asker.
"""

import hashlib
from typing import Any, get_args

import msgspec
from msgspec import UNSET

from .commands import (
    Answer,
    Approve,
    Command,
    CommandId,
    EditPrompt,
    Fork,
    Prompt,
    Regenerate,
    RegisterTools,
    Resolve,
    ReturnToolResult,
    Steer,
    Undo,
)
from .errors import Code, Refused
from .events import kebab
from .limits import COMMAND_ID_CHARS, PROMPT_BYTES, TEXT_FRAME_BYTES, UPDATE_DEPTH

NAMES: tuple[str, ...] = tuple(kebab(command.__name__) for command in get_args(Command))
"""The words that `do` may be."""


class CommandRefused(Refused):
    """Refused before it was judged. `id` is the command's, or None where it had no usable one."""

    def __init__(self, code: Code, message: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(code, message)
        self.id = id


_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_canonical = msgspec.json.Encoder(order="sorted")


def parse(text: bytes | str) -> Command:
    """The command of one text frame or HTTP body.

    Raises CommandRefused with 'too-large', 'bad-json' or 'unknown-command'.
    """
    # A str is measured in characters first: encoding a hostile megabyte to measure it would be the cost to avoid.
    if len(text) > TEXT_FRAME_BYTES or (
        isinstance(text, str) and len(text.encode(errors="replace")) > TEXT_FRAME_BYTES
    ):
        raise CommandRefused("too-large", f"A command may have {TEXT_FRAME_BYTES} bytes.")
    try:
        command = _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise why_not(text, error) from None
    if isinstance(command, Prompt | Steer | EditPrompt) and len(command.text.encode()) > PROMPT_BYTES:
        raise CommandRefused("too-large", f"A prompt may have {PROMPT_BYTES} bytes of UTF-8.", command.id)
    if isinstance(command, Undo) and [bool(command.run), bool(command.author), bool(command.records)].count(True) != 1:
        raise CommandRefused("bad-json", "Say whose edits: a run's, an author's or those of records.", command.id)
    if _too_deep(command):
        raise CommandRefused("bad-json", f"Values may be nested {UPDATE_DEPTH} deep, as in an edit.", command.id)
    return command


def _too_deep(command: Command) -> bool:
    """Whether a value in it is nested deeper than an edit's may be.

    The decoder stops where Python's stack does. What it just let through would be too deep for the next one who encodes
    it on a stack that is a little higher, and that is the room, in the middle of everybody's pass.
    """
    level: list[Any] = []
    match command:
        case Approve():
            level = [command.args]
        case Answer():
            level = [command.answer]
        case Resolve() | ReturnToolResult():
            level = [command.result]
        case Fork() if command.change is not None:
            change = command.change
            form = None if change.options is UNSET else change.options.output
            level = [change.args, change.result, change.answer, None if form is None else form.schema]
        case RegisterTools():
            level = [tool.parameters for tool in command.tools]
        case Prompt() | Regenerate() | EditPrompt() if command.options.output is not None:
            level = [command.options.output.schema]
        case _:
            return False
    for _ in range(UPDATE_DEPTH):
        held = [
            value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)
        ]
        level = [value for values in held for value in values]
    return any(isinstance(value, dict | list) for value in level)


def digest(command: Command) -> bytes:
    """SHA-256 of the command's canonical JSON: sorted fields, no spaces, no defaults."""
    return hashlib.sha256(_canonical.encode(command)).digest()


def why_not(text: bytes | str, error: Exception) -> CommandRefused:
    """The refusal for a text that is no command, as exact as the text allows."""
    try:
        raw: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return CommandRefused("bad-json", "The text is not JSON.")
    if not isinstance(raw, dict):
        return CommandRefused("bad-json", "A command is a JSON object.")
    id_ = usable_id(raw.get("id"))
    do = raw.get("do")
    if isinstance(do, str) and do not in NAMES:
        return CommandRefused("unknown-command", "", id_)
    if id_ is None:
        return CommandRefused(
            "bad-json", f"A command's `id` is a string of 1 to {COMMAND_ID_CHARS} characters, none of them a control."
        )
    return CommandRefused("bad-json", str(error), id_)


def usable_id(value: Any) -> str | None:
    """The value, if it can be a command's id."""
    try:
        return msgspec.convert(value, CommandId)
    except msgspec.ValidationError:
        return None
