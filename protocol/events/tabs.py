"""Tools in tabs: who has them, and whose call it is."""

from msgspec import Struct

from .fact import Fact


class TabTool(Struct, frozen=True, omit_defaults=True):
    """A tool that a tab carries out. `parameters` is JSON Schema text; `lasting`: offered also while no tab is here."""

    name: str
    description: str
    parameters: str
    effect: str = "write"
    lasting: bool = False


class ToolsRegistered(Fact, frozen=True):
    """A tab says which tools it has, instead of those that it had; `running` are steps that it still carries out."""

    tab: str
    tools: tuple[TabTool, ...]
    running: tuple[str, ...] = ()


class TabLeft(Fact, frozen=True):
    """A tab with tools closed its socket; what it held is under its lease."""

    tab: str


class ToolAwaited(Fact, frozen=True):
    """No tab has the tool now: the run waits for one, for days if need be. `args` as in `ToolStarted`."""

    step: str
    call: str
    name: str
    args: str = ""


class ToolAssigned(Fact, frozen=True):
    """The call is this tab's to carry out, under a rising number; nobody else may. `args` as in `ToolStarted`."""

    step: str
    call: str
    name: str
    effect: str
    tab: str
    number: int
    args: str = ""


class ToolClaimed(Fact, frozen=True):
    """The intent: the tab begins to carry the call out."""

    step: str
    number: int


class ToolHolderLost(Fact, frozen=True):
    """The tab is not here any more; at `until` (µs since 1970) its lease ends."""

    step: str
    until: int


class ToolLeaseExpired(Fact, frozen=True):
    """The lease of a call that was not begun, or that may be repeated, ended: it is to be assigned anew."""

    step: str
    number: int


class ToolAnsweredLate(Fact, frozen=True):
    """A result came under a number that does not count any more; it changes nothing."""

    step: str
    number: int
    result: str


TabFact = (
    ToolsRegistered
    | TabLeft
    | ToolAwaited
    | ToolAssigned
    | ToolClaimed
    | ToolHolderLost
    | ToolLeaseExpired
    | ToolAnsweredLate
)
