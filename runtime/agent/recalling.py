"""Recalling a step: what a fork that goes on by the record does instead of asking people, tabs, the clock or chance.

Rules stand in specs/forks.md; what is looked up says `protocol/recalling`, where it is found `replay/recorded`.
"""

from ...protocol.events import QuestionAsked, TimerSet
from ...protocol.flow import Asked, AskedNow, AskedPerson, AskedRandom, AskedSleep, AskedWord
from ...protocol.move import Work
from ...protocol.recalling import Deed, Place, Recall, rest_of
from ...protocol.state import Run
from ..replay.recorded import Recorded
from ..room.merging import Diverged
from ..room.reports import Recalled
from ..room.room import Room
from ..tools.tool import Tool
from .definition import Agent, AgentTool

_WORDS: dict[type[Asked] | type[None], str] = {
    AskedPerson: "a person's answer",
    AskedSleep: "a sleep",
    AskedNow: "the time",
    AskedRandom: "a random number",
}


def is_silence(move: Work, run: Run, place: Place, recorded: Recorded) -> bool:
    """Whether it waits for what somebody says to the run, and in the record nobody did."""
    waits = isinstance(move, Recall) and isinstance(move.asked, AskedWord)
    return waits and not recorded.words(place, len(run.steers))


def happens_again(tool: Tool | None) -> bool:
    """Whether a call of it only touches the room: another agent's run, an edit of documents."""
    return isinstance(tool, AgentTool) or getattr(tool, "inside", False)


async def recall(room: Room, agent: Agent, move: Recall, run: Run, place: Place, recorded: Recorded) -> None:
    """Let happen what happened there; where the record has nothing, or something else was asked, the fork waits."""
    if isinstance(move.asked, AskedWord):
        await room.commit(Recalled(run.id, "", lambda at: recorded.words(place, len(at.steers))))
        return
    if move.call is not None:
        call = move.call
        find = recorded.decision if happens_again(agent.tools.get(call.name)) else recorded.call
        trail = await find(run, move.step, call)
        if trail is not None:
            await room.commit(Recalled(run.id, move.step, lambda at: rest_of(trail, at, move.step, call)))
            return
    else:
        deeds = await recorded.deeds(place, move.step)
        if deeds and _is(deeds, move):
            await room.commit(Recalled(run.id, move.step, lambda at: _left(deeds, at, move.step)))
            return
    what = f"a call of {move.call.name}" if move.call is not None else _WORDS[type(move.asked)]
    room.post(Diverged(run.id, move.step, what))


def _is(deeds: list[Deed], move: Recall) -> bool:
    """Whether that was asked for which is asked for now."""
    match deeds[0][1], move.asked:
        case QuestionAsked(question=question, schema=schema), AskedPerson() as asked:
            return (question, schema) == (asked.question, asked.schema)
        case TimerSet(at=at), AskedSleep() as asked:
            return at == asked.at
        case _:
            return True


def _left(deeds: list[Deed], run: Run, step: str) -> list[Deed]:
    """Without the question, where it was asked before the fork's point."""
    return [deed for deed in deeds if not (step in run.steps and isinstance(deed[1], QuestionAsked))]
