"""What a room knows of agents: someone who carries out its moves.

`runtime.agent.crew` is the one that does; a test may have another that does nothing.
"""

from collections.abc import Mapping
from typing import Protocol, TypeVar

import trio

from ...protocol.move import Move
from ...protocol.prompts import AgentFacts
from ...protocol.replay import Worker
from ...protocol.state import RoomState

RoomT = TypeVar("RoomT", contravariant=True)
"""`room.Room`, which imports this module and not the other way round."""


class Crew(Protocol[RoomT]):
    """Who carries out a room's moves. `runtime.agent.crew` is the one; the room knows no more of agents than this."""

    @property
    def workers(self) -> Mapping[str, Worker]:
        """Every agent that may be at work here, by name."""
        ...

    def agent_for(self, name: str) -> AgentFacts:
        """What judging must know of the agent that is meant; the default one for an empty name. Raises Refused."""
        ...

    def settle(self, room: RoomT, state: RoomState, work: tuple[Move, ...], nursery: trio.Nursery) -> None:
        """Start the steps that should be in progress and are not; cancel those that are and should not be."""
        ...

    def busy(self, room: RoomT) -> bool:
        """Whether any step of the room is in progress."""
        ...

    def abandon(self, room: RoomT) -> None:
        """Cancel all steps of the room; they write nothing."""
        ...
