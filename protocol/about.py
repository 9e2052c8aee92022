"""May the room be called so, go on from there, and tell its agents that? Judging what concerns the room itself."""

from . import limits
from .commands import ProvideContext, SetRoom
from .errors import Refused
from .events import BranchChosen, ContextProvided, Event, RoomChanged
from .prompts import check_facts
from .state import RoomState
from .titles import one_line


def set_room(state: RoomState, command: SetRoom) -> list[Event]:
    """What changes about the room, at least one event. Raises Refused."""
    events: list[Event] = []
    if command.branch:
        run = state.runs.get(command.branch)
        if run is None or run.parent:
            raise Refused("no-such-run", f"This room holds no prompt {command.branch} to go on from.")
        events.append(BranchChosen(run.id))
    metadata = {**state.metadata, **command.metadata}
    if sum(value is not None for value in metadata.values()) > limits.METADATA_KEYS:
        raise Refused("too-large", f"A room's metadata may have {limits.METADATA_KEYS} keys.")
    if command.title is not None or command.metadata or not events:
        title = None if command.title is None else one_line(command.title)
        events.append(RoomChanged(title, command.metadata))
    return events


def provide_context(state: RoomState, command: ProvideContext, tab: str) -> ContextProvided:
    """The facts, if whoever provides them is the tab that they are said to be of. Raises Refused."""
    if command.tab and command.tab != tab:
        raise Refused("not-allowed", "A tab's facts come from its own socket, and under the name that it has there.")
    known = {key: fact.text for key, fact in state.context.get(command.tab, {}).items()}
    facts = {key: text for key, text in {**known, **command.facts}.items() if text is not None}
    check_facts(facts)
    return ContextProvided(command.facts, command.tab)
