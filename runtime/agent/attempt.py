"""What every attempt at a step shares: which ends are not its own, and what it says into the log.

Nothing happens before its intent is on disk, and a failed append means that it does not happen (law 7). A step that is
cancelled writes nothing about the run: the room ends runs, and only because of what is in its log.
"""

import trio

from ...protocol.events import ModelFailed, ToolFailed
from ...protocol.move import Call, Generate
from ..room.reports import Report
from ..room.room import Room
from .definition import Agent


async def broken(room: Room, agent: Agent, move: Generate | Call) -> None:
    """An attempt broke in code of ours: end it, if it had begun, so that its run goes on."""
    if isinstance(move, Generate):
        event = ModelFailed(move.step, move.attempt, "model-bug", "The step itself failed.")
    else:
        event = ToolFailed(move.step, move.attempt, "tool-bug", "The step itself failed.")
    await room.commit(Report(move.run, agent.author, event))


def let_pass(error: BaseException) -> None:
    """Raise what is not a step's own failure: its cancellation, alone or beside others, and Ctrl-C. All the rest is,
    also what no `except Exception` sees: an exit, or a Rust extension's panic."""
    ends = (trio.Cancelled, KeyboardInterrupt, GeneratorExit)
    if isinstance(error, ends):
        raise error
    if isinstance(error, BaseExceptionGroup) and (passing := error.split(ends)[0]) is not None:
        raise passing


def whole(text: str) -> str:
    """The text without halves of characters, which JSON can spell and UTF-8, the log and Yjs cannot."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
