"""The crew: carries out each room's moves, one Trio task per step that should be in progress.

After each pass a room says what should be in progress. `settle` compares that with what is: it starts what is missing
and cancels what is not wanted any more. The tasks know nothing of each other; all that they do goes through the room.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from weakref import WeakKeyDictionary

import trio

from ...protocol import limits
from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...protocol.events import Came
from ...protocol.move import Call, Generate, Move, Work
from ...protocol.prompts import AgentFacts
from ...protocol.recalling import Place, Recall, by_record, place_of
from ...protocol.state import RoomState, Run
from ..replay.recorded import Recorded
from ..room.identity import Surroundings
from ..room.reports import Recalled
from ..room.room import Room
from .attempt import broken
from .calling import call
from .definition import Agent
from .generating import generate
from .recalling import is_silence, recall
from .request import Request, prepare

log = logging.getLogger("plait.agent")

_Key = tuple[str, str, int]
_AGAIN_S = 30.0
"""How long an attempt that broke without a word keeps its place."""


class AgentCrew:
    """The agents of one process, and their steps in progress in every room."""

    def __init__(self, agents: Sequence[Agent], surroundings: Surroundings) -> None:
        everybody = {id(agent): agent for agent in with_delegates(agents)}.values()
        self.agents = {agent.name: agent for agent in everybody}
        if len(self.agents) != len(everybody) or len({agent.name for agent in agents}) != len(agents):
            raise ValueError("two agents have the same name")
        self._prompted = {agent.name: agent for agent in agents}
        self._default = agents[0].name if agents else ""
        self._surroundings = surroundings
        self._steps: dict[Room, dict[_Key, trio.CancelScope]] = {}
        self._records: WeakKeyDictionary[Room, tuple[int, Recorded]] = WeakKeyDictionary()

    @property
    def workers(self) -> Mapping[str, Agent]:
        """Everybody who may be at work here, by name; those that only other agents call among them."""
        return self.agents

    async def start_sources(self, nursery: trio.Nursery) -> None:
        """Start every source of tools, side by side, each once however many agents share it."""
        sources = {id(source): source for agent in self.agents.values() for source in agent.sources}
        async with trio.open_nursery() as starting:
            for source in sources.values():
                starting.start_soon(nursery.start, source.run)

    def agent_for(self, name: str) -> AgentFacts:
        """The agent that is meant; the first one for an empty name. Raises Refused('no-such-agent')."""
        name = name or self._default
        if name not in self._prompted:
            known = ", ".join(self._prompted) or "none"
            raise Refused("no-such-agent", f"No agent {name!r} is at work here; there is: {known}.")
        return self._prompted[name].facts

    def busy(self, room: Room) -> bool:
        """Whether any step of the room is in progress."""
        return bool(self._steps.get(room))

    def abandon(self, room: Room) -> None:
        """Cancel all steps of the room."""
        for scope in self._steps.get(room, {}).values():
            scope.cancel()

    def settle(self, room: Room, state: RoomState, work: tuple[Move, ...], nursery: trio.Nursery) -> None:
        """Start the steps that should be in progress and are not; cancel those that are and should not be."""
        recorded = self._record(room, state)
        if recorded is not None and not recorded.known and work:
            if not recorded.begun:
                recorded.begun = True
                nursery.start_soon(self._know, room, recorded)
            work = ()
        steps = self._steps.setdefault(room, {})
        wanted = {(move.run, move.step, move.attempt): move for move in work if isinstance(move, Work)}
        for key, scope in steps.items():
            if key not in wanted:
                scope.cancel()
        for key, move in wanted.items():
            if key not in steps:
                scope = steps[key] = trio.CancelScope()
                run = state.runs[move.run]
                agent, place = self.agents[run.agent], place_of(state.runs, run)
                if recorded is not None and is_silence(move, run, place, recorded):
                    del steps[key]
                    continue
                if isinstance(move, Recall):
                    assert recorded is not None
                    work_on = partial(recall, room, agent, move, run, place, recorded)
                elif isinstance(move, Generate):
                    # Made now: the state will have changed by the time that the attempt begins.
                    seen = state if recorded is None else recorded.as_it_was(state, run, place, move.step, room.epoch)
                    request = prepare(agent, seen, move, room.epoch, streams=not room.redactor.asks)
                    work_on = partial(self._generate, room, agent, move, request, recorded, run, place)
                else:
                    key_of_call = f"{run.lineage or room.lineage}/{move.run}/{move.step}"
                    came = _came(run, move)
                    work_on = partial(call, room, agent, move, run, key_of_call, self._surroundings, came, recorded)
                nursery.start_soon(self._attempt, room, scope, key, agent, move, work_on)
        if not steps:
            del self._steps[room]  # Or every room that ever was awake would stay in memory.

    def _record(self, room: Room, state: RoomState) -> Recorded | None:
        """What a fork that goes on by the record goes by; None in every other room. It is read anew in a new epoch:
        what was given in the last one may not have happened."""
        if not by_record(state):
            self._records.pop(room, None)
            return None
        epoch, recorded = self._records.get(room, (-1, None))
        if recorded is None or epoch != room.epoch:
            recorded = Recorded(room.store, room.name, state)
            self._records[room] = (room.epoch, recorded)
        return recorded

    async def _know(self, room: Room, recorded: Recorded) -> None:
        try:
            await recorded.know()
        except PlaitError as error:
            log.error("room %s: its parent cannot be read: %s", room.name, error)
            await trio.sleep(limits.DUE_S)
            recorded.begun = False
        room.poke()

    async def _generate(
        self,
        room: Room,
        agent: Agent,
        move: Generate,
        request: Request,
        recorded: Recorded | None,
        run: Run,
        place: Place,
    ) -> None:
        wait_s = (move.not_before - self._surroundings.now()) / 1_000_000
        if wait_s > 0:
            await trio.sleep(wait_s)
        if recorded is not None and recorded.words(place, len(run.steers), ("begin", move.step)):
            said = Recalled(run.id, "", lambda at: recorded.words(place, len(at.steers), ("begin", move.step)))
            await room.commit(said)
            return  # What was said is in the request, so that is made anew.
        await generate(room, agent, move, request, self._surroundings, recorded, run, place)

    async def _attempt(
        self,
        room: Room,
        scope: trio.CancelScope,
        key: _Key,
        agent: Agent,
        move: Work,
        work_on: Callable[[], Awaitable[None]],
    ) -> None:
        with scope:
            try:
                await room.breaks.pass_by(room.head)
                await work_on()
            except OutcomeUnknown:
                log.info("room %s: step %s ends with its epoch", room.name, move.step)
            except Exception as error:
                # A bug of ours. Whatever it is, it is not the room's end; and an attempt that ends without a word is
                # asked for again at once, so it must not end at once.
                log.error("room %s: step %s: %s", room.name, move.step, type(error).__name__, exc_info=error)
                with suppress(OutcomeUnknown):
                    if not isinstance(move, Recall):
                        await broken(room, agent, move)
                await trio.sleep(_AGAIN_S)
        self._ended(room, scope, key)

    def _ended(self, room: Room, scope: trio.CancelScope, key: _Key) -> None:
        steps = self._steps.get(room, {})
        if steps.get(key) is scope:
            del steps[key]
        if not steps:
            self._steps.pop(room, None)
        room.poke()

    async def aclose(self) -> None:
        """Close the models' connections."""
        for agent in self.agents.values():
            await agent.model.aclose()


def with_delegates(agents: Sequence[Agent]) -> Iterator[Agent]:
    """The agents and all that they may call, each perhaps more than once."""
    seen: set[int] = set()
    waiting = list(agents)
    while waiting:
        agent = waiting.pop(0)
        yield agent
        if id(agent) not in seen:
            seen.add(id(agent))
            waiting += agent.delegates


def _came(run: Run, move: Call) -> Came | None:
    """What the model's step has written of the call's text while it streamed; the newest answer's, if several have
    calls of that id."""
    asked = [step for step in run.steps.values() if any(call.id == move.call.id for call in step.calls)]
    written = asked[-1].written.get(move.call.id) if asked else None
    return None if written is None else Came(written.chars, written.end)
