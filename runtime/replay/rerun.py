"""Re-running: today's code of the agents, asked against a log what it would do, with the log's own outcomes.

No model is asked and no tool is called. The log is folded record by record; before each record that an agent's code
caused, its flow is brought to where the log is (protocol/replay) and asked what it wants now. Where that is not what
the log holds next, the run's first divergence is found, and the run is looked at no further. Rules (specs/replay.md):

- Compared are what decides: which step comes next and of what kind, a model's request byte for byte (so instructions,
  prompt templates, tools' schemas, options), which tool is called and whether a person is asked first, which agent and
  what it is asked, how long a sleep is, what a run gives in the end.
- Not compared is what the world decides: what models answered, what tools gave, people, tabs, time. It is the record's.
- A request was made of what the room knew at some moment between the step's turn and its record; it is compared with
  each of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import trio
from msgspec import Struct

from ...protocol import limits
from ...protocol.errors import Refused
from ...protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    Event,
    ModelRequested,
    QuestionAsked,
    ReasoningStreamed,
    Record,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    TextStreamed,
    TimerSet,
    TitleProposed,
    ToolDelegated,
    ToolStarted,
    ValueNoted,
)
from ...protocol.fold import fold
from ...protocol.mandates import asks_first
from ...protocol.move import Call, Decide, Generate, Move, Note
from ...protocol.moves import moves
from ...protocol.replay import Flows
from ...protocol.requests import resolve
from ...protocol.state import TERMINAL, RoomState
from ...storage.store import Reader
from ..agent.calling import asked_first
from ..agent.crew import with_delegates
from ..agent.definition import Agent
from ..agent.request import prepare
from ..room.outside import outside_trio
from .comparing import Difference, differences

_STREAMED = (TextStreamed, ReasoningStreamed, ArgumentsStreamed)
_CAUSED = (ModelRequested, ToolStarted, ToolDelegated, ApprovalRequested, QuestionAsked, TimerSet, ValueNoted)
_ENDS = (RunFinished, RunFailed)
_DECIDED = (*_ENDS, RunRequested, TimerSet, QuestionAsked, ToolDelegated, TitleProposed)


class Divergence(Struct, frozen=True, omit_defaults=True):
    """Where today's code first wants something else than the log holds: the record, its run and step, what was recorded
    and what is asked for now, as sentences; where they are values, each place in which they differ. `code` is what the
    agent's code was called when the run started, and what it is called now."""

    seq: int
    run: str
    step: str
    recorded: str
    requested: str
    differences: tuple[Difference, ...] = ()
    code: tuple[str, str] = ("", "")


class Rerun(Struct, frozen=True):
    """What came of it: so many `records` and `runs` of these agents were looked at; the first divergence of each run
    that has one, in the order of the log."""

    room: str
    records: int
    runs: int
    divergences: tuple[Divergence, ...]


async def rerun(reader: Reader, room: str, agents: Iterable[Agent]) -> Rerun:
    """Ask these agents' code what it would have done, for the whole log of the room. Raises Refused('no-such-room') if
    the room has no record, StoreError, RequestDamaged."""
    again = _Again(reader, room, {agent.name: agent for agent in with_delegates(tuple(agents))})
    after = 0
    while page := await reader.read(room, after):
        for record in page:
            await again.take(record)
        after = page[-1].seq
        await trio.lowlevel.checkpoint()
    if not after:
        raise Refused("no-such-room", f"Nobody has written to {room}.")
    again.close()
    return Rerun(room, after, len(again.runs), tuple(again.found.values()))


class _Again:
    """The room as the log makes it, and the agents' flows beside it."""

    def __init__(self, reader: Reader, room: str, agents: Mapping[str, Agent]) -> None:
        self._reader = reader
        self._room = room
        self._agents = agents
        self._state = RoomState()
        self._flows = Flows(agents)
        self._moves: tuple[Move, ...] = ()
        self._bodies: dict[tuple[str, str, int], list[Any]] = {}
        self._code: dict[str, str] = {}
        self.runs: set[str] = set()
        self.found: dict[str, Divergence] = {}

    def close(self) -> None:
        """Drop the flows."""
        with outside_trio():
            self._flows.clear()

    async def take(self, record: Record) -> None:
        """Compare the next record with what is wanted now, then let it have happened."""
        event, agent = record.event, self._agent(record)
        if agent is not None and record.run not in self.found:
            self.runs.add(record.run)
            if isinstance(event, RunStarted):
                self._code[record.run] = event.code
            divergence = await self._compare(record, agent)
            if divergence is not None:
                self.found[record.run] = divergence
        fold(self._state, record)
        run = self._state.runs.get(record.run)
        if run is not None and run.status in TERMINAL:
            with outside_trio():
                self._flows.forget(record.run)
        if not isinstance(event, _STREAMED):
            self._look(record)

    def _agent(self, record: Record) -> Agent | None:
        """Whose code caused the record's run; None if that is none of ours, or the run is not there yet."""
        run = self._state.runs.get(record.run)
        return self._agents.get(run.agent) if run is not None else None

    def _look(self, record: Record) -> None:
        """What is wanted now, and the requests that would be sent for it."""
        with outside_trio():
            found = moves(self._state, record.epoch, self._flows, record.time, recalls=False)
        # Decisions come alone, and what was wanted before them is at work meanwhile.
        decided = any(isinstance(move, Decide | Note) for move in found)
        work = tuple(move for move in self._moves if isinstance(move, Generate | Call)) if decided else ()
        self._moves = (*work, *found)
        for move in found:
            if isinstance(move, Generate) and move.run not in self.found:
                agent = self._agents[self._state.runs[move.run].agent]
                bodies = self._bodies.setdefault((move.run, move.step, move.attempt), [])
                body = prepare(agent, self._state, move, record.epoch).body
                if body not in bodies:
                    bodies.append(body)
                    del bodies[: -limits.RERUN_MOMENTS]

    async def _compare(self, record: Record, agent: Agent) -> Divergence | None:
        event, run = record.event, record.run
        wanted = [move for move in self._moves if not isinstance(move, (Decide, Note)) or _is_asked(move)]
        mine = [move for move in wanted if getattr(move, "run", "") == run]
        failed = next((m.event for m in mine if isinstance(m, Decide) and isinstance(m.event, RunFailed)), None)
        caused = isinstance(event, _CAUSED + _ENDS)
        if not caused or (isinstance(event, RunFailed) and not event.code.startswith("flow-")):
            return None
        if failed is not None and not isinstance(event, RunFailed):
            return self._divergence(record, agent, failed.message)
        match event:
            case ModelRequested():
                return await self._request(record, agent, event, mine)
            case ToolStarted() | ToolDelegated() | ApprovalRequested() | QuestionAsked():
                if _decision(event, mine) is None:  # It is a model's, or a flow's call, and not what the room begins.
                    return await self._called(record, agent, event, mine)
            case _:
                pass
        return self._decided(record, agent, event, mine)

    async def _request(
        self, record: Record, agent: Agent, event: ModelRequested, mine: Sequence[Move]
    ) -> Divergence | None:
        bodies = self._bodies.pop((record.run, event.step, event.attempt), None)
        if not bodies:
            return self._divergence(record, agent, _asked(mine))
        sent = msgspec.json.decode(await resolve(event, self._lookup))
        if any(_plain(body) == sent for body in bodies):
            return None
        places = tuple(differences(sent, _plain(bodies[-1])))
        return self._divergence(record, agent, "another request", places)

    async def _lookup(self, seq: int) -> Record:
        return (await self._reader.read(self._room, seq - 1, 1))[0]

    async def _called(
        self,
        record: Record,
        agent: Agent,
        event: ToolStarted | ToolDelegated | ApprovalRequested | QuestionAsked,
        mine: Sequence[Move],
    ) -> Divergence | None:
        move = next((m for m in mine if isinstance(m, Call) and m.step == event.step), None)
        if move is None or move.call.name != event.name:
            return self._divergence(record, agent, _asked(mine))
        given = getattr(event, "args", "") if isinstance(event, ToolStarted) else ""
        if given and given != move.call.args:  # A flow's own call; a model's arguments are the record's.
            then, now = (msgspec.json.decode(args) for args in (given, move.call.args or "{}"))
            places = tuple(differences(then, now, "/args"))
            return self._divergence(record, agent, "the same with other values", places)
        tool = agent.tools.get(move.call.name)
        if move.function is not None:
            return None
        if tool is None:
            gone = isinstance(event, ToolStarted) and event.effect == "read"  # As a call of no tool is written down.
            return None if gone else self._divergence(record, agent, f"no tool {move.call.name}")
        must = move.function is None and asks_first(self._state.runs[move.run], move.call.name)
        first = None if move.approved else await asked_first(agent, tool, move, record.time, must)
        if isinstance(event, ToolStarted | ToolDelegated):
            if first is not None:
                return self._divergence(record, agent, "a person is asked first")
            effect = getattr(event, "effect", tool.effect)
            if effect != tool.effect:
                return self._divergence(record, agent, f"a call of {event.name} with the effect {tool.effect}")
            return None
        if first is None:
            return self._divergence(record, agent, f"a call of {event.name}, and nobody is asked")
        return self._same(record, agent, event, first, without="expires_at")

    def _decided(self, record: Record, agent: Agent, event: Event, mine: Sequence[Move]) -> Divergence | None:
        if isinstance(event, ValueNoted):
            noted = any(isinstance(m, Note) and m.step == event.step for m in mine)
            return None if noted else self._divergence(record, agent, _asked(mine))
        wanted = _decision(event, mine)
        if wanted is None:
            return self._divergence(record, agent, _asked(mine))
        return self._same(record, agent, event, wanted, without="expires_at")

    def _same(self, record: Record, agent: Agent, event: Event, wanted: Event, *, without: str) -> Divergence | None:
        then, now = (msgspec.to_builtins(each) for each in (event, wanted))
        then.pop(without, None)
        now.pop(without, None)
        places = tuple(differences(then, now))
        return self._divergence(record, agent, "the same with other values", places) if places else None

    def _divergence(
        self, record: Record, agent: Agent, requested: str, places: tuple[Difference, ...] = ()
    ) -> Divergence:
        code = (self._code.get(record.run, ""), agent.facts.code)
        step = getattr(record.event, "step", "")
        return Divergence(record.seq, record.run, step, _sentence(record.event), requested, places, code)


def _decision(event: Event, mine: Sequence[Move]) -> Event | None:
    """The event of this kind, and of this step, that the room should append for the run's code."""
    step = getattr(event, "step", "")
    same = (m.event for m in mine if isinstance(m, Decide) and type(m.event) is type(event))
    return next((wanted for wanted in same if getattr(wanted, "step", "") == step), None)


def _is_asked(move: Decide | Note) -> bool:
    """Whether an agent's code asks for it, or its end follows from that code."""
    return bool(move.agent) or isinstance(getattr(move, "event", None), _DECIDED)


def _plain(body: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(body))


def _asked(mine: Sequence[Move]) -> str:
    """What the run's code asks for now, as a sentence."""
    return ", ".join(_move(move) for move in mine) or "nothing more"


def _move(move: Move) -> str:
    match move:
        case Generate(step=step):
            return f"an answer of the model ({step})"
        case Call(step=step, call=call):
            return f"a call of {call.name} ({step})"
        case Decide(event=event):
            return _sentence(event)
        case Note(step=step, what=what):
            return f"the value {what} ({step})"
        case _:
            return "to wait"


def _sentence(event: Event) -> str:
    match event:
        case ModelRequested(step=step):
            return f"an answer of the model ({step})"
        case ToolStarted(step=step, name=name):
            return f"a call of {name} ({step})"
        case ToolDelegated(step=step, agent=agent):
            return f"a run of {agent} ({step})"
        case ApprovalRequested(step=step, name=name):
            return f"a person is asked before {name} ({step})"
        case QuestionAsked(step=step):
            return f"a question to a person ({step})"
        case TimerSet(step=step):
            return f"a sleep ({step})"
        case ValueNoted(step=step):
            return f"a value of the world ({step})"
        case RunFinished():
            return "the end of the run"
        case RunFailed(code=code):
            return f"the end of the run by {code}"
        case RunRequested(agent=agent):
            return f"a run of {agent}"
        case TitleProposed():
            return "a title for the room"
        case _:
            return type(event).__name__
