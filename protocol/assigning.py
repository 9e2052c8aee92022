"""Which tab carries a call out: assigned, watched over by a lease, taken away when that has ended.

Assignments are decided by log order under rising numbers, so exactly one tab holds a call, whatever tabs say of
themselves. While no tab has the tool, the run waits.
"""

from . import limits
from .events import (
    Event,
    TabTool,
    ToolAssigned,
    ToolAwaited,
    ToolCall,
    ToolHolderLost,
    ToolLeaseExpired,
    ToolOutcomeUnknown,
)
from .state import RoomState, Run


def tab_tools(state: RoomState, epoch: int) -> dict[str, TabTool]:
    """The tools that tabs offer now, by name: those of tabs that are here, and the lasting ones."""
    here = [tools for tab in state.tabs.values() if tab.epoch == epoch for tools in tab.tools.values()]
    return state.lasting | {tool.name: tool for tool in here}


def is_tabs(state: RoomState, run: Run, step_id: str, call: ToolCall) -> bool:
    """Whether a call of that name is a tab's: one has the tool, or had it when the model was offered it, or it lasts.
    What nobody had is the step's to refuse."""
    step = run.steps.get(step_id)
    if step is not None and step.status not in ("asking", "ready"):
        return step.number > 0 or step.status == "awaiting"
    here = call.name in state.lasting or any(call.name in tab.tools for tab in state.tabs.values())
    return here or state.left.get(call.name, 0) > _offered_at(run, call)


def _offered_at(run: Run, call: ToolCall) -> int:
    """The seq of the request whose answer asked for the call; after every other seq, if none did."""
    for step in reversed(run.steps.values()):
        if any(asked.id == call.id for asked in step.calls):
            return step.began
    return _NEVER


_NEVER = 1 << 63


def tab_event(state: RoomState, run: Run, step_id: str, call: ToolCall, epoch: int, now: int) -> Event | None:
    """What should be written down about a tab's call: whose it is, or not any more."""
    step = run.steps.get(step_id)
    if step is None or step.status in ("awaiting", "ready"):
        args = call.args if call.id == step_id else ""
        tab = _tab_for(state, run, call.name, epoch)
        if tab:
            tool = state.tabs[tab].tools[call.name]
            number = 1 if step is None else step.number + 1
            return ToolAssigned(step_id, call.id, call.name, tool.effect, tab, number, args)
        return ToolAwaited(step_id, call.id, call.name, args) if step is None or step.status == "ready" else None
    if step.status == "retry":
        return ToolLeaseExpired(step_id, step.number)
    if step.status not in ("assigned", "claimed"):
        return None
    here = step.tab in state.tabs and state.tabs[step.tab].epoch == epoch
    if not here and not step.due:
        return ToolHolderLost(step_id, now + limits.TOOL_LEASE_S * 1_000_000)
    if step.due and step.due <= now:
        if step.status == "claimed" and step.effect == "write":
            return ToolOutcomeUnknown(step_id, step.number)
        return ToolLeaseExpired(step_id, step.number)
    return None


def _tab_for(state: RoomState, run: Run, name: str, epoch: int) -> str:
    """The tab that started or last continued the run, if it has the tool; else the one that registered it last."""
    having = [tab for tab, tools in state.tabs.items() if tools.epoch == epoch and name in tools.tools]
    if run.tab in having:
        return run.tab
    return having[-1] if having else ""
