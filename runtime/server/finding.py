"""`GET /api/rooms/ROOM/find`: breakpoints, in what was written and in what is being written; `POST …/break`: those at
which the room's runs stop.

Why this is no part of the room: a condition that somebody thought up must cost the room's pass nothing. So each
question is a walk of its own through the log, which other tasks interrupt between two records. Rules (specs/replay.md):

- At most `FINDS_ROOM` questions about a room are looked into at once, `FINDS_EACH` of an asker, `FINDS_AT_ONCE` in all.
- An answer comes after at most `FIND_S`; it then says from where to go on.
- Of the languages of conditions only what takes a time linear in the text is taken from strangers: see `modest`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import jmespath
import msgspec
import trio
from jmespath.exceptions import JMESPathError

from ...protocol import limits, names
from ...protocol.access import Grant
from ...protocol.codec import record_json
from ...protocol.commands import Pause
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.events import Record
from ...storage.errors import RoomDeleted
from ..replay.finding import Condition, Walk, condition
from ..room.breaking import Breakpoint
from .exchange import Send
from .rooms import Room, Rooms

_GROWS = frozenset(("multi_select_list", "multi_select_dict"))
_GROWING = frozenset(("to_string", "join", "map"))
"""What makes more than it was given, again and again: a line of it makes gigabytes."""

_ESCAPED = re.compile(r"\\[dDwWsSbBnrt.*+?|(){}\[\]\\/^$-]|\[\^?(?:\\.|[^\]\\])+\]")
_REPEATED = re.compile(r"\{\d{1,2}(?:,\d{1,2})?\}")


class Finding:
    """Looks into the logs of all rooms for whoever asks."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._busy: Counter[str] = Counter()

    def look(self, room: str, query: Mapping[str, str], whose: str) -> "Look":
        """What a request of that asker asks. Raises Refused('bad-request', 'too-many')."""
        when, pattern = query.get("when"), query.get("matches")
        modest(when, pattern)
        document = names.document_name(query.get("document", names.DEFAULT_DOCUMENT))
        busy = Busy(self._busy, room, whose)
        busy.check()
        asked = condition(when, pattern, document, query.get("tool-error"))
        after = names.moment(query.get("after", "0"))
        words = when or (f"/{pattern}/ in {document}" if pattern else f"tool-error:{query.get('tool-error', '')}")
        return Look(self._rooms, busy, room, asked, after, words)


class Busy:
    """One question's part in what is looked into, counted by the room, the asker and in all."""

    def __init__(self, counted: Counter[str], room: str, whose: str) -> None:
        self._counted = counted
        self._most = {f"room {room}": limits.FINDS_ROOM, f"of {whose}": limits.FINDS_EACH, "": limits.FINDS_AT_ONCE}

    def check(self) -> None:
        """Raises Refused('too-many')."""
        if any(self._counted[name] >= most for name, most in self._most.items()):
            raise Refused("too-many", "Too many already look for something here.")

    def __enter__(self) -> None:
        self.check()  # Others may have begun since the question came.
        self._counted.update(self._most.keys())

    def __exit__(self, *_: object) -> None:
        self._counted.subtract(self._most.keys())
        for name in self._most:
            if not self._counted[name]:
                del self._counted[name]


class Look:
    """One question: the first record after that one, or each from there on."""

    def __init__(self, rooms: Rooms, busy: Busy, room: str, asked: Condition, after: int, words: str) -> None:
        self._rooms = rooms
        self._busy = busy
        self._room = room
        self._walk = Walk(rooms.store, room, asked)
        self._after = after
        self._words = words

    async def once(self) -> dict[str, Any]:
        """The first hit as JSON has it. Raises Refused, StoreError."""
        with self._busy:
            await self._walk.begin(self._after)
            held = self._walk.held
            until = trio.current_time() + limits.FIND_S
            found = await self._walk.go_on(_over(until))
        told: dict[str, Any] = {"seq": found.seq if found else None, "looked": self._walk.seq, "held": held}
        if found is not None:
            return told | {"record": msgspec.Raw(record_json(found))}
        head = (await self._rooms.store.head(self._room)).seq
        return told | {"rest": self._walk.seq} if self._walk.seq < head else told

    async def pausing(self, grant: Grant, send: Send) -> None:
        """Pause the room's runs at each hit from now on, and tell of it as `live` does. A hit is said to have `paused`
        them unless they were paused already."""
        async with self._rooms.use(self._room) as opened:
            self._after = opened.head
        await self.live(send, grant)

    async def live(self, send: Send, pauses: Grant | None = None) -> None:
        """Each hit as a line, for as long as somebody listens; `caught_up` says that all before was looked at. At each
        the room is paused under the grant `pauses`."""
        with self._busy:
            await self._walk.begin(self._after)
            told = False
            while True:
                async with self._rooms.use(self._room) as opened:
                    with suppress(OutcomeUnknown, RoomDeleted), _setting(opened, self._walk.seq, pauses) as stop:
                        while True:
                            found = await self._walk.go_on()
                            if found is not None:
                                await send(_line(found, await self._pause(opened, pauses, found)))
                                continue
                            if stop is not None:
                                stop.look(self._walk.seq)
                            if not told:
                                told = True
                                await send(msgspec.json.encode({"caught_up": self._walk.seq}) + b"\n")
                            await opened.beyond(self._walk.seq)
                if (await self._rooms.store.head(self._room)).deleted:
                    return

    async def _pause(self, opened: Room, grant: Grant | None, found: Record) -> bool | None:
        """Stop the room's runs at the record; whether that was needed, None where nobody wants it."""
        if grant is None:
            return None
        asked = Pause(id=f"break-{found.seq}-{uuid4().hex}", at=found.seq, reason=self._words)
        try:
            await opened.ask(grant, asked)
        except Refused as refused:
            if refused.code != "already-decided":
                raise
            return False
        return True


def _over(until: float) -> Callable[[], bool]:
    return lambda: trio.current_time() >= until


@contextmanager
def _setting(opened: Room, seq: int, pauses: Grant | None) -> Iterator[Breakpoint | None]:
    """A breakpoint for which the room's steps wait, if it is to pause them."""
    if pauses is None:
        yield None
        return
    with opened.breaks.setting(seq) as one:
        yield one


def _line(record: Record, paused: bool | None) -> bytes:
    told: dict[str, Any] = {"seq": record.seq, "record": msgspec.Raw(record_json(record))}
    return msgspec.json.encode(told if paused is None else told | {"paused": paused}) + b"\n"


def modest(when: str | None, pattern: str | None) -> None:
    """Raises Refused('bad-request') for a condition that could take a time, or a memory, out of all proportion: Python
    cannot interrupt either language. At a terminal, where it is one's own time, all of both can be said."""
    for text in (when, pattern):
        if text is not None and len(text) > limits.FIND_CHARS:
            raise Refused("bad-request", f"A condition has at most {limits.FIND_CHARS} characters.")
    if when is not None and not _modest_expression(when):
        raise Refused("bad-request", "Here an expression has no multiselects, and no to_string, join or map.")
    if pattern is not None and not _modest_pattern(pattern):
        sentence = "Here a pattern repeats by no more than one {n,m}, and has few choices: no *, no +, no (?…), no \\1."
        raise Refused("bad-request", sentence)


def _modest_expression(text: str) -> bool:
    try:
        waiting = [jmespath.compile(text).parsed]
    except JMESPathError as error:
        raise Refused("bad-request", f"No JMESPath expression: {error}") from None
    while waiting:
        node = waiting.pop()
        if node["type"] in _GROWS or (node["type"] == "function_expression" and node["value"] in _GROWING):
            return False
        waiting += [child for child in node.get("children", ()) if isinstance(child, dict)]
    return True


def _modest_pattern(pattern: str) -> bool:
    """Whether it tries few ways at each place of the text: characters, classes, and a few choices."""
    rest = _ESCAPED.sub("x", pattern)
    repeats = _REPEATED.findall(rest)
    rest = _REPEATED.sub("{", rest)
    bad = any(each in rest for each in ("*", "+", "\\", "(?", "){", "}", "["))
    return not bad and len(repeats) == rest.count("{") <= 1 and rest.count("?") + rest.count("|") <= limits.FIND_CHOICES
