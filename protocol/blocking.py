"""Blocking: in a fork nothing changes the world outside, unless that was allowed when it was made.

A fork shares its parent's past, so what its agents do next was perhaps done before; a second payment is a payment. What
a call may change is what its tool declares (law 7): `read` changes nothing and is called, everything else is refused,
also what is idempotent, because its key is another one here. Tools that change only documents of their room say so.
"""

from .assigning import tab_tools
from .events import ToolCall, ToolRefused
from .state import RoomState, Run

CODE = "blocked-in-fork"
"""What the model, and the log, are told."""


def blocked(state: RoomState, effect: str) -> str:
    """Why a tool with that effect may not be called; empty if it may."""
    if state.fork is None or state.fork.writes or effect == "read":
        return ""
    return "This room is a fork, in which nothing may change the world outside. The call was not made."


def blocked_tab(state: RoomState, run: Run, step_id: str, call: ToolCall, epoch: int) -> ToolRefused | None:
    """What is written down instead of giving a call to a tab, if it may not be made; `call` as it was asked for."""
    step = run.steps.get(step_id)
    if step is not None and step.status not in ("ready", "awaiting"):
        return None
    offered = tab_tools(state, epoch).get(call.name)
    why = blocked(state, "write" if offered is None else offered.effect)
    given = call.args if call.id == step_id else ""
    return ToolRefused(step_id, call.id, call.name, CODE, why, given) if why else None
