"""Which tab has a call, and for how long: what `tab_event` says of each state of the step."""

from typing import Any

import pytest
from plait.protocol.assigning import is_tabs, tab_event, tab_tools
from plait.protocol.events import (
    ModelAnswered,
    ModelRequested,
    RunRequested,
    TabLeft,
    TabTool,
    ToolAssigned,
    ToolAwaited,
    ToolCall,
    ToolClaimed,
    ToolHolderLost,
    ToolInterrupted,
    ToolLeaseExpired,
    ToolOutcomeUnknown,
    ToolsRegistered,
)
from plait.protocol.limits import TOOL_LEASE_S

from .test_moves import state_with

RUN = "000000000001"
LEASE = TOOL_LEASE_S * 1_000_000
PAINT = TabTool("paint", "…", "{}", "write")
PEEK = TabTool("peek", "…", "{}", "read")
HERE = ToolsRegistered("t", (PAINT, PEEK))
OTHER = ToolsRegistered("u", (PAINT,))
HELD = ToolAssigned("s", "c", "paint", "write", "t", 1)
READ = ToolAssigned("s", "c", "paint", "read", "t", 1)


def said(*events: Any, epoch: int = 1, now: int = 10, tab: str = "", call: str = "c") -> Any:
    """What is to be written down of a call of `paint` at step `s`, after these events of epoch 1."""
    state = state_with(RunRequested("a", "hi", tab), *events)
    return tab_event(state, state.runs[RUN], "s", ToolCall(call, "paint", "{}"), epoch, now)


@pytest.mark.parametrize(
    ("events", "event"),
    [
        ((), ToolAwaited("s", "c", "paint")),
        ((ToolsRegistered("t", (PEEK,)),), ToolAwaited("s", "c", "paint")),
        ((HERE,), ToolAssigned("s", "c", "paint", "write", "t", 1)),
        ((HERE, OTHER), ToolAssigned("s", "c", "paint", "write", "u", 1)),
        ((OTHER, HERE), ToolAssigned("s", "c", "paint", "write", "t", 1)),
        ((HERE, TabLeft("t")), ToolAwaited("s", "c", "paint")),
        ((ToolAwaited("s", "c", "paint"),), None),
        ((ToolAwaited("s", "c", "paint"), HERE), ToolAssigned("s", "c", "paint", "write", "t", 1)),
        ((HERE, HELD, ToolLeaseExpired("s", 1)), ToolAssigned("s", "c", "paint", "write", "t", 2)),
        ((HERE, HELD), None),
        ((HELD,), ToolHolderLost("s", 10 + LEASE)),
        ((HELD, ToolHolderLost("s", 11)), None),
        ((HELD, ToolHolderLost("s", 10)), ToolLeaseExpired("s", 1)),
        ((HELD, ToolClaimed("s", 1), ToolHolderLost("s", 11)), None),
        ((HELD, ToolClaimed("s", 1), ToolHolderLost("s", 10)), ToolOutcomeUnknown("s", 1)),
        ((READ, ToolClaimed("s", 1), ToolHolderLost("s", 10)), ToolLeaseExpired("s", 1)),
        ((HERE, HELD, ToolInterrupted("s", 1)), ToolLeaseExpired("s", 1)),
        ((HERE, HELD, ToolOutcomeUnknown("s", 1)), None),
    ],
)
def test_whose_a_call_is(events: tuple[Any, ...], event: Any) -> None:
    """FT2, FT3, FT4, FT5: assigned, held, lost for a lease, given back or unknown: at that microsecond, not before."""
    assert said(*events) == event


def test_a_tab_of_an_epoch_that_is_gone_is_not_here() -> None:
    """FT7: it is given nothing, and what it held is under its lease."""
    assert said(HERE, epoch=2) == ToolAwaited("s", "c", "paint")
    assert said(HERE, HELD, epoch=2) == ToolHolderLost("s", 10 + LEASE)


def test_the_tab_that_prompted_comes_first() -> None:
    """FT2: if it has the tool."""
    assert said(HERE, OTHER, tab="t").tab == "t"
    assert said(ToolsRegistered("t", (PEEK,)), OTHER, tab="t").tab == "u"


def test_arguments_that_no_model_gave() -> None:
    """FT2: stand in the record; a model's stand in its answer."""
    assert (said(HERE, call="s").args, said(HERE).args) == ("{}", "")
    assert (said(call="s").args, said().args) == ("{}", "")


def test_what_tabs_offer() -> None:
    """FT1: what those have that are here, and what lasts, in the newest words."""
    lasting = TabTool("print", "…", "{}", lasting=True)
    state = state_with(HERE, ToolsRegistered("u", (lasting,)))
    assert tab_tools(state, 1) == {"paint": PAINT, "peek": PEEK, "print": lasting}
    assert tab_tools(state, 2) == {"print": lasting}


def test_whether_a_call_is_a_tabs() -> None:
    """FT3: a tab has the tool, or had it when the model was offered it, or it lasts, or the call was a tab's before."""

    def tabs(*events: Any, name: str = "paint") -> bool:
        state = state_with(RunRequested("a", "hi"), *events)
        return is_tabs(state, state.runs[RUN], "s", ToolCall("c", name, "{}"))

    asked = ModelRequested("g", 1, "m", b"")
    wanted = ModelAnswered("g", 1, "tool-calls", (ToolCall("c", "paint", "{}"),))
    assert not tabs(asked, wanted)
    assert tabs(HERE, asked, wanted)
    assert not tabs(HERE, asked, wanted, name="print")
    assert tabs(HERE, asked, TabLeft("t"), wanted)
    assert not tabs(HERE, TabLeft("t"), asked, wanted)
    assert not tabs(HERE, TabLeft("t"))  # No model asked for it.
    assert tabs(ToolsRegistered("t", (TabTool("paint", "…", "{}", lasting=True),)), TabLeft("t"), asked, wanted)
    assert tabs(ToolAwaited("s", "c", "paint"))
    assert tabs(HELD, ToolClaimed("s", 1))
