"""Server-sent events out of bytes, however the network cut them.

The SDKs have decoders of their own, but they swallow what must be known here: whether the terminal event came, and
what followed an undecodable one. Pure, bounded (law 6), after https://html.spec.whatwg.org/multipage/server-sent-events.html
with one simplification: a line ends with LF or CRLF, never with a lone CR, which no vendor sends. An event that no
blank line ends is not an event.
"""

import json
from typing import NamedTuple, TypeVar

import msgspec

from ...protocol.limits import MODEL_EVENT_BYTES


class ServerEvent(NamedTuple):
    """One event: its type (empty if the server gave none) and its data lines, joined."""

    event: str
    data: str


class NotEvents(ValueError):
    """The bytes are not a stream of events in UTF-8, or one event is over its limit. The server's fault."""


T = TypeVar("T")


def read_json(data: str, kind: type[T]) -> T:
    """The data of an event as that kind of Struct; fields that nobody knows are passed over. Raises NotEvents.

    Some servers cut text between the two halves of a character (an escape like `\\ud83d` alone), which msgspec refuses
    and Python's own decoder takes: such a half is worth less than the answer around it.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        try:
            return msgspec.convert(json.loads(data), kind)
        except (ValueError, RecursionError) as error:
            raise NotEvents(str(error)) from error


class EventReader:
    """Feed it bytes as they come, take events as they are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that these bytes complete. Raises NotEvents."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = [event for line in lines if (event := self._line(line.removesuffix(b"\r"))) is not None]
        if self._size + len(self._rest) > MODEL_EVENT_BYTES:
            raise NotEvents(f"one event is longer than {MODEL_EVENT_BYTES} bytes")
        return events

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        try:
            field, _, value = line.decode().partition(":")
        except UnicodeDecodeError as error:
            raise NotEvents("a line of the stream is not UTF-8") from error
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._size += len(line)
        elif field == "event":
            self._event = value
        # Whatever else (id, retry, a comment that keeps the connection awake) says nothing about the answer.
        return None

    def _dispatch(self) -> ServerEvent | None:
        event = ServerEvent(self._event, "\n".join(self._data)) if self._data else None
        self._event, self._data, self._size = "", [], 0
        return event
