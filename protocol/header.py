"""The head of the room document, `room`: what the room is called and how described, where its conversation goes on, of
what it is a fork and whether its runs are paused.

What runs spent is added up there too, by whoever shows that they have ended (`document`).
"""

from typing import Any, cast

from pycrdt import Map

from .events import (
    BranchChosen,
    Forked,
    ForkResumed,
    RoomChanged,
    RoomShaped,
    RunsPaused,
    RunsResumed,
    TitleProposed,
)
from .parts import put

OfRoom = RoomChanged | TitleProposed | BranchChosen | Forked | ForkResumed | RunsPaused | RunsResumed | RoomShaped
"""What concerns the room itself and is shown."""


def show_room(shown: "Map[Any]", author: str, event: OfRoom) -> None:
    """Write what the event, which is that author's, means for the room's map."""
    match event:
        case RoomChanged():
            if event.title is not None:
                put(shown, "title", event.title)
                put(shown, "named", True)
            if event.metadata:
                if "metadata" not in shown:
                    shown["metadata"] = Map()
                metadata = cast("Map[Any]", shown["metadata"])
                for key, value in event.metadata.items():
                    if value is not None:
                        put(metadata, key, value)
                    elif key in metadata:
                        del metadata[key]
        case TitleProposed():
            if not shown.get("named"):
                put(shown, "title", event.title)
        case BranchChosen():
            put(shown, "branch", event.run)
        case RoomShaped():
            put(shown, "shape", event.shape)
        case Forked():
            fork: dict[str, Any] = {"of": event.of, "at": event.at, "going": event.going, "writes": event.writes}
            shown["fork"] = Map(fork | ({"change": event.change} if event.change else {}))
        case RunsPaused():
            pause: dict[str, Any] = {"author": author, "at": event.at, "reason": event.reason}
            shown["paused"] = Map(pause)
        case ForkResumed() | RunsResumed():
            if "paused" in shown:
                del shown["paused"]
            if "fork" in shown:
                put(cast("Map[Any]", shown["fork"]), "going", event.going)
