"""A fork that goes on by the record: what its parent's log has behind the fork's point, found again by what is asked.

A model's answer is found by the hash of the request, to the byte; a tool's outcome by its name and its arguments' JSON.
Each is given once, in the order of the log. So nothing has to stand at the same place, and what a change did not touch
is answered as it was: no model is asked, no tool called. What is not found is the first divergence, and the fork waits.
"""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import msgspec
import trio
from msgspec import Struct

from ...protocol.events import (
    ArgumentsStreamed,
    ModelAnswered,
    ModelRequested,
    PartShown,
    ReasoningStreamed,
    TextStreamed,
    ToolFailed,
    ToolReturned,
    ToolStarted,
)
from ...protocol.fold import fold
from ...protocol.state import Fork, Run, digest
from ...storage.store import Reader, RoomDeleted
from ..models.model import JSON, Answered, ArgumentsChunk, Chunk, ReasoningChunk, SourceChunk, TextChunk
from .moment import moment


class Called(Struct, frozen=True):
    """How a call began, and what came of it."""

    started: ToolStarted
    outcome: ToolReturned | ToolFailed


class Recorded:
    """What the parent of one fork has to say. It is read once, when somebody first asks."""

    def __init__(self, store: Reader, fork: Fork) -> None:
        self._store = store
        self._fork = fork
        self._lock = trio.Lock()
        self._read = False
        self._answers: dict[bytes, deque[int]] = {}
        self._calls: dict[tuple[str, bytes], deque[Called]] = {}

    async def answer(self, body: JSON) -> list[Chunk] | None:
        """What the model said to exactly that request, as it streamed; None if the log has no (further) answer."""
        await self._know()
        found = self._answers.get(digest(msgspec.json.encode(body)))
        if not found:
            return None
        return [chunk async for chunk in self._streamed(found.popleft())]

    async def call(self, name: str, args: str) -> Called | None:
        """What came of such a call; None if the log has no (further) one."""
        await self._know()
        found = self._calls.get((name, _same(args)))
        return found.popleft() if found else None

    async def _know(self) -> None:
        async with self._lock:
            if not self._read:
                with suppress(RoomDeleted):  # Then it has nothing to say any more.
                    await self._index()
                self._read = True

    async def _index(self) -> None:
        state = (await moment(self._store, self._fork.of, self._fork.at)).state
        asked: dict[tuple[str, str, int], tuple[bytes, int]] = {}
        began: dict[tuple[str, str, int], tuple[ToolStarted, bytes]] = {}
        for run, step in ((each, step) for each in state.open_runs() for step in each.steps.values()):
            place = (run.id, step.id, step.attempt)  # What was at work at the fork's point ended behind it.
            if step.status == "open" and step.kind == "model":
                (request,) = await self._store.read(self._fork.of, step.began - 1, 1)
                if isinstance(request.event, ModelRequested):
                    asked[place] = (request.event.sha256, step.began)
            elif step.status == "open" and step.kind == "tool":
                started = ToolStarted(step.id, step.attempt, step.call, step.name, step.effect, args=step.given)
                began[place] = (started, _args(run, started))
        while page := await self._store.read(self._fork.of, state.seq):
            for record in page:
                fold(state, record)
                match record.event:
                    case ModelRequested(step=step, attempt=attempt, sha256=sha256):
                        asked[record.run, step, attempt] = (sha256, record.seq)
                    case ModelAnswered(step=step, attempt=attempt):
                        sha256, seq = asked.pop((record.run, step, attempt), (b"", 0))
                        if seq:
                            self._answers.setdefault(sha256, deque()).append(seq)
                    case ToolStarted(step=step, attempt=attempt) as started:
                        began[record.run, step, attempt] = (started, _args(state.runs.get(record.run), started))
                    case (ToolReturned(step=step, attempt=attempt) | ToolFailed(step=step, attempt=attempt)) as outcome:
                        made = began.pop((record.run, step, attempt), None)
                        if made is not None:
                            called = Called(made[0], outcome)
                            self._calls.setdefault((made[0].name, made[1]), deque()).append(called)
                    case _:
                        pass
            await trio.lowlevel.checkpoint()

    async def _streamed(self, seq: int) -> AsyncGenerator[Chunk]:
        """The stream of the attempt whose request is that record, to its end."""
        run, key = "", ("", 0)
        after = seq - 1
        while page := await self._store.read(self._fork.of, after):
            for record in page:
                event: Any = record.event
                if record.seq == seq:
                    run, key = record.run, (event.step, event.attempt)
                elif record.run == run and (getattr(event, "step", ""), getattr(event, "attempt", 0)) == key:
                    if isinstance(event, ModelAnswered):
                        yield Answered(event.finish, event.calls, event.usage)
                        return
                    chunk = _chunk(event)
                    if chunk is not None:
                        yield chunk
            after = page[-1].seq


def _chunk(event: Any) -> Chunk | None:
    match event:
        case TextStreamed(text=text):
            return TextChunk(text)
        case ReasoningStreamed(text=text):
            return ReasoningChunk(text)
        case ArgumentsStreamed(call=call, name=name, text=text):
            return ArgumentsChunk(call, name, text)
        case PartShown(kind="source", value=value):
            shown = msgspec.json.decode(value)
            return SourceChunk(shown["url"], shown["title"], shown["excerpt"])
        case _:
            return None


def _args(run: Run | None, started: ToolStarted) -> bytes:
    """With which arguments the call was made: a person's, the flow's own, or those of the answer that asked for it."""
    if run is None:
        return b""
    step = run.steps[started.step]
    asked = (call.args for each in reversed(run.steps.values()) for call in each.calls if call.id == started.call)
    return _same(step.args or started.args or next(asked, ""))


def _same(args: str) -> bytes:
    """Arguments as they are compared: what they mean, not how they are spelled."""
    try:
        return msgspec.json.encode(msgspec.json.decode(args or "{}"), order="sorted")
    except (msgspec.MsgspecError, RecursionError):
        return args.encode()
