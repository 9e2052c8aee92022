"""A fork that goes on by the record: what its parent's log has behind the fork's point, found again by what is asked.

A model's answer is found by the hash of the request, to the byte; a call by its name and its arguments' JSON, with all
that people and tabs did about it; each is given once, in the order of the log, and what the fork's own log has of them
was given. What a flow asked of people, of the clock and of chance is found by its place, and so is what people said to
a run. What a change did not touch is so as it was: nobody is asked, nothing called. What is not found is the first
divergence, and the fork waits.
"""

from collections import deque
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import suppress
from typing import Any, Literal, TypeVar

import msgspec
import trio
from msgspec import Struct
from msgspec.structs import replace

from ...protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    ModelAnswered,
    ModelRequested,
    PartShown,
    QuestionAsked,
    ReasoningStreamed,
    Record,
    RunSteered,
    TabTool,
    TextStreamed,
    TimerSet,
    ToolAssigned,
    ToolCall,
    ToolClaimed,
    ToolStarted,
    ValueNoted,
)
from ...protocol.fold import fold
from ...protocol.recalling import DECIDING, OF_A_CALL, Deed, Place, asked_with, place_of
from ...protocol.state import ContextFact, RoomState, Run, Step, TabTools, digest
from ...storage.errors import RoomDeleted
from ...storage.store import Reader
from ..models.model import JSON, Answered, ArgumentsChunk, Chunk, ReasoningChunk, SourceChunk, TextChunk
from .moment import moment

K = TypeVar("K")
V = TypeVar("V")

Key = tuple[str, bytes]
"""A call: its name, and what its arguments mean."""


class Around(Struct, frozen=True):
    """What a request was made of beside its conversation: the tools of tabs, and facts."""

    tabs: dict[str, TabTools]
    lasting: dict[str, TabTool]
    context: dict[str, dict[str, ContextFact]]


class Recorded:
    """What the parent of one fork has to say. It is read once, when somebody first asks: `know`."""

    def __init__(self, store: Reader, room: str, state: RoomState) -> None:
        assert state.fork is not None
        self._store = store
        self._room = room
        self._fork = state.fork
        self._lock = trio.Lock()
        self.begun = False
        """Somebody reads it, and tells the room when it is `known`."""
        self.known = False
        self._said = _Said()

    async def know(self) -> None:
        """Read what there is."""
        async with self._lock:
            if self.known:
                return
            with suppress(RoomDeleted):  # Then it has nothing to say any more.
                self._said = await _read(self._store, self._fork.of, self._fork.at)
                mine = await _read(self._store, self._room, self._fork.since)
                _take_off(self._said.answers, mine.answers)
                _take_off(self._said.calls, mine.calls)
                _take_off(self._said.decisions, mine.decisions)
            self.known = True

    async def answer(self, body: JSON) -> list[Chunk] | None:
        """What the model said to exactly that request, as it streamed; None if the log has no (further) answer."""
        await self.know()
        found = self._said.answers.get(digest(msgspec.json.encode(body)))
        if not found:
            return None
        return [chunk async for chunk in _streamed(self._store, self._fork.of, found.popleft())]

    async def call(self, run: Run, step: str, call: ToolCall) -> list[Deed] | None:
        """All that came of such a call, from its beginning to its end; None if the log has no (further) one."""
        await self.know()
        found = self._said.calls.get((call.name, _same(asked_with(run, step, call.id) or call.args)))
        return found.popleft() if found else None

    async def decision(self, run: Run, step: str, call: ToolCall) -> list[Deed] | None:
        """What was asked and decided about such a call, whatever came of it."""
        await self.know()
        found = self._said.decisions.get((call.name, _same(asked_with(run, step, call.id) or call.args)))
        return found.popleft() if found else None

    async def deeds(self, place: Place, step: str) -> list[Deed]:
        """What came of what a flow asked for there; nothing if the log has no such step."""
        await self.know()
        return self._said.places.get((place, step), [])

    def words(self, place: Place, have: int, until: tuple[Literal["begin", "end"], str] | None = None) -> list[Deed]:
        """What people said to the run there after the first `have` times: until that model step began or ended, or
        the next one only."""
        said = self._said.words.get(place, [])
        upto = have + 1 if until is None else self._said.heard.get((place, *until), 0)
        return said[have:upto]

    def as_it_was(self, state: RoomState, run: Run, place: Place, step: str, epoch: int) -> RoomState:
        """The state with the facts and the tabs' tools of which that step's request was made there, unless the fork has
        some of its own; and without what people said to the run only behind it."""
        heard = self._said.heard.get((place, "begin", step))
        if heard is not None and heard < len(run.steers):
            state = replace(state, runs=state.runs | {run.id: replace(run, steers=run.steers[:heard])})
        around = self._said.around.get((place, step))
        facts = (fact for known in state.context.values() for fact in known.values())
        mine = any(tab.epoch == epoch for tab in state.tabs.values()) or any(f.seq > self._fork.since for f in facts)
        if around is None or mine:
            return state
        tabs = {name: TabTools(epoch, tab.tools) for name, tab in around.tabs.items()}
        return replace(state, tabs=tabs, lasting=around.lasting, context=around.context)


class _Said:
    """What one log has behind one record."""

    def __init__(self) -> None:
        self.answers: dict[bytes, deque[int]] = {}
        self.calls: dict[Key, deque[list[Deed]]] = {}
        self.decisions: dict[Key, deque[list[Deed]]] = {}
        self.places: dict[tuple[Place, str], list[Deed]] = {}
        self.words: dict[Place, list[Deed]] = {}
        self.heard: dict[tuple[Place, str, str], int] = {}
        self.around: dict[tuple[Place, str], Around] = {}


def _take_off(left: dict[K, deque[V]], given: Mapping[K, Collection[V]]) -> None:
    """What was given before is not given again."""
    for key, some in given.items():
        for _ in range(min(len(some), len(left.get(key, ())))):
            left[key].popleft()


async def _read(store: Reader, room: str, at: int) -> _Said:
    state = (await moment(store, room, at)).state
    reading = _Reading(state, at)
    for run, step in ((each, step) for each in state.open_runs() for step in each.steps.values()):
        if step.status == "open" and step.kind == "model":  # What was at work at the fork's point ended behind it.
            (request,) = await store.read(room, step.began - 1, 1)
            if isinstance(request.event, ModelRequested):
                reading.asked[run.id, step.id, step.attempt] = (request.event.sha256, step.began)
                heard = sum(steer.seq < step.began for steer in run.steers)
                place = place_of(state.runs, run)
                reading.said.heard[place, "begin", step.id] = heard
                reading.look_around(place, step.id, state.epoch)
        elif step.kind == "tool":
            reading.trails[run.id, step.id] = _begun(run, step)
    while page := await store.read(room, state.seq):
        for record in page:
            reading.take(record)
        await trio.lowlevel.checkpoint()
    return reading.said


def _begun(run: Run, step: Step) -> list[Deed]:
    """How a call began that was at work at the fork's point; nothing of one that was not."""
    author = f"agent:{run.agent}"
    assigned = ToolAssigned(step.id, step.call, step.name, step.effect, step.tab, step.number, step.given)
    match step.status:
        case "open":
            begun = ToolStarted(step.id, step.attempt, step.call, step.name, step.effect, args=step.given)
            return [(author, begun)]
        case "assigned":
            return [(author, assigned)]
        case "claimed":
            return [(author, assigned), (author, ToolClaimed(step.id, step.number))]
        case _:
            return []


class _Reading:
    """Reads a log on from a state, record by record."""

    def __init__(self, state: RoomState, at: int) -> None:
        self.said = _Said()
        self.asked: dict[tuple[str, str, int], tuple[bytes, int]] = {}
        self.trails: dict[tuple[str, str], list[Deed]] = {}
        self._state = state
        self._last = at + 1
        """Prompts after this one are not the fork's; with a changed prompt this one is."""
        for run in state.runs.values():
            if run.steers:
                said: list[Deed] = [(steer.author, RunSteered(steer.text)) for steer in run.steers]
                self.said.words[place_of(state.runs, run)] = said

    def take(self, record: Record) -> None:
        """The next record."""
        state, event = self._state, record.event
        fold(state, record)
        run = state.runs.get(record.run)
        if run is None:
            return
        place = place_of(state.runs, run)
        ours = int(place[0]) <= self._last
        words = self.said.words.setdefault(place, []) if ours else []
        match event:
            case RunSteered():
                words.append((record.author, event))
            case ModelRequested(step=step, attempt=attempt, sha256=sha256):
                self.asked[run.id, step, attempt] = (sha256, record.seq)
                self.said.heard[place, "begin", step] = len(words)
                if ours:
                    self.look_around(place, step, record.epoch)
            case ModelAnswered(step=step, attempt=attempt):
                sha256, seq = self.asked.pop((run.id, step, attempt), (b"", 0))
                if seq:
                    self.said.answers.setdefault(sha256, deque()).append(seq)
                self.said.heard[place, "end", step] = len(words)
            case ValueNoted(step=step) | TimerSet(step=step):
                self._put(place, step, [(record.author, event)])
            case _ if isinstance(event, OF_A_CALL):
                self._call(run, place, record, event)
            case _:
                pass

    def _put(self, place: Place, step: str, deeds: list[Deed]) -> None:
        if int(place[0]) <= self._last:
            self.said.places[place, step] = deeds

    def _call(self, run: Run, place: Place, record: Record, event: Any) -> None:
        trail = self.trails.setdefault((run.id, event.step), [])
        trail.append((record.author, event))
        step = run.steps[event.step]
        key = (step.name, _same(asked_with(run, step.id, step.call)))
        if isinstance(event, DECIDING):
            asked = [deed for deed in trail if isinstance(deed[1], ApprovalRequested | QuestionAsked | DECIDING)]
            self.said.decisions.setdefault(key, deque()).append(asked)
            if step.call == step.id:
                self._put(place, step.id, asked)
        if step.status in ("done", "failed"):
            self.said.calls.setdefault(key, deque()).append(self.trails.pop((run.id, step.id)))

    def look_around(self, place: Place, step: str, epoch: int) -> None:
        """Keep what the request is made of, once for all that are made of the same."""
        state = self._state
        tabs = {name: replace(tab, tools=dict(tab.tools)) for name, tab in state.tabs.items() if tab.epoch == epoch}
        context = {owner: dict(facts) for owner, facts in state.context.items()}
        found = Around(tabs, dict(state.lasting), context)
        last = next(reversed(self.said.around.values()), None)
        self.said.around[place, step] = last if last == found and last is not None else found


async def _streamed(store: Reader, room: str, seq: int) -> AsyncGenerator[Chunk]:
    """The stream of the attempt whose request is that record, to its end."""
    run, key = "", ("", 0)
    after = seq - 1
    while page := await store.read(room, after):
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


def _same(args: str) -> bytes:
    """Arguments as they are compared: what they mean, not how they are spelled."""
    try:
        return msgspec.json.encode(msgspec.json.decode(args or "{}"), order="sorted")
    except (msgspec.MsgspecError, RecursionError):
        return args.encode()
