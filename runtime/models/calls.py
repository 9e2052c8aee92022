"""Tool calls put together from a stream that interleaves their pieces.

A vendor names a call by its place in the answer and sends its id and name first, its arguments in pieces. Servers that
imitate a vendor leave some of that out, and what they leave out is made up here in a way that a second reading of the
same stream repeats.
"""

import hashlib
from collections.abc import Iterator

from ...protocol.events import ToolCall
from ...protocol.limits import TOOL_CALLS_PER_STEP
from .failures import failure
from .model import ArgumentsChunk, canonical


class _Pending:
    def __init__(self, call: str, given: str | None) -> None:
        self.call = call
        self.given = given
        self.name = ""
        self.pieces: list[str] = []
        self.told = False


class Calls:
    """The calls of one answer to a request of that body, which ids are made of where a server gave none of its own."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._prefix = f"call_{hashlib.sha256(body).hexdigest()[:12]}"
        self._calls: list[_Pending] = []
        self._places: dict[int, _Pending] = {}

    def add(self, place: int | None, call: str | None, name: str | None, text: str | None) -> Iterator[ArgumentsChunk]:
        """Take a piece; give the chunks that it makes. Raises ModelError for too many calls."""
        pending = self._pending(place, call)
        pending.name = pending.name or name or ""
        if text:
            pending.pieces.append(text)
        if not pending.name:
            return  # Nobody can show a call without its tool's name; the text waits for it.
        if not pending.told:
            pending.told = True
            yield ArgumentsChunk(pending.call, pending.name, "".join(pending.pieces))
        elif text:
            yield ArgumentsChunk(pending.call, pending.name, text)

    def _pending(self, place: int | None, call: str | None) -> _Pending:
        if place is None:
            # Some servers do not count; a new id is then a new call, and no id belongs to the last one.
            place = -1
        known = self._places.get(place)
        # Others give every call the place 0.
        if known is not None and (not call or call == known.given):
            return known
        if len(self._calls) == TOOL_CALLS_PER_STEP:
            raise failure("model-too-many-calls", f"the model asked for more than {TOOL_CALLS_PER_STEP} calls at once")
        pending = _Pending(call if call and not self._taken(call) else f"{self._prefix}_{len(self._calls)}", call)
        self._calls.append(pending)
        self._places[place] = pending
        return pending

    def _taken(self, call: str) -> bool:
        """Whether the answer or the conversation has that id already: some servers count from 0 in each answer."""
        return canonical(call) in self._body or any(pending.call == call for pending in self._calls)

    def whole(self) -> tuple[ToolCall, ...]:
        """All calls in the order in which they began. Raises ModelError for one without a name."""
        if any(not pending.name for pending in self._calls):
            raise failure("model-garbled", "the model asked for a call without a tool's name")
        return tuple(ToolCall(pending.call, pending.name, "".join(pending.pieces)) for pending in self._calls)
