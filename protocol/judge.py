"""May it happen, and what would have happened? Judging turns a command into the events that it causes, or refuses it.

Judging is pure and reads only the fold: of two commands in one pass the second is judged by what the first one did, so
a decision has one winner, the one whose record comes first (law 3). An accepted command always causes at least one
record, because that record is what a repeated command is answered from (law 5).
"""

from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from . import limits
from .access import Grant
from .commands import Prompt, Stop
from .errors import Refused
from .events import Event, RunRequested, StopRequested, run_id
from .state import RoomState


class Verdict(Struct, frozen=True):
    """One event that a command causes, in the run that it concerns."""

    run: str
    event: Event


def judge(state: RoomState, grant: Grant, command: Prompt | Stop, agent_for: Callable[[str], str]) -> list[Verdict]:
    """The events that the command causes in this state, at least one. Raises Refused.

    `agent_for(name)` gives the name of the agent that is meant, the default one for an empty name, and raises Refused.
    """
    if not grant.write:
        raise Refused("not-allowed")
    match command:
        case Prompt():
            return [_prompt(state, command, agent_for(command.agent))]
        case Stop():
            return _stop(state, command)
        case _:
            assert_never(command)


def _prompt(state: RoomState, command: Prompt, agent: str) -> Verdict:
    if len(command.text.encode()) > limits.PROMPT_BYTES:
        raise Refused("too-large", f"A prompt may have {limits.PROMPT_BYTES} bytes.")
    if len(state.open_runs()) >= limits.OPEN_RUNS:
        raise Refused("room-full", f"{limits.OPEN_RUNS} prompts are waiting or running in this room.")
    return Verdict(run_id(state.seq + 1), RunRequested(agent, command.text))


def _stop(state: RoomState, command: Stop) -> list[Verdict]:
    """A stop that finds nothing to stop is recorded all the same, and changes nothing: the asker's aim is reached."""
    if command.run:
        if command.run not in state.runs and not _existed(state, command.run):
            raise Refused("no-such-run", f"This room has no run {command.run}.")
        return [Verdict(command.run, StopRequested())]
    return [Verdict(run.id, StopRequested()) for run in state.open_runs()] or [Verdict("", StopRequested())]


def _existed(state: RoomState, run: str) -> bool:
    return run.isdigit() and len(run) == 12 and 0 < int(run) <= state.seq
