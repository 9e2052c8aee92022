"""Re-projection: a room's document as today's code makes it of the log, compared with the one that stands there, and
put in its place.

What stands there is what the room's tabs were sent, however old the code that wrote it. `compare` says as JSON where
today's code would show the log otherwise, and changes nothing; `reproject` makes it so, in one record under a new
lineage (runtime/room/shaping). A room that says the same and has today's shape is left alone. Rules stand in
specs/reprojection.md.
"""

from collections.abc import Callable
from itertools import islice

from msgspec import Struct, structs

from ...protocol import limits, shape
from ...protocol.document import RoomDocument
from ...protocol.errors import Refused
from ...protocol.reshaping import plain
from ...storage.store import Reader, Store
from ..room.identity import Surroundings
from ..room.opening import check_shape, read_live
from ..room.shaping import projected, take_shape
from .comparing import Difference, differences
from .moment import moment

Tick = Callable[[int], None]
"""Told how many records were projected."""


class Reprojection(Struct, frozen=True, omit_defaults=True):
    """A room's document, which has the shape of version `shape`, beside today's, whose version is `today`: where the
    two differ at first, and in how many `more` places. If it was `done`, record `seq` says so."""

    room: str
    records: int
    shape: int
    today: int
    differences: list[Difference]
    more: int = 0
    done: bool = False
    seq: int = 0

    @property
    def due(self) -> bool:
        """Whether there is anything to do."""
        return not self.done and (self.shape != self.today or bool(self.differences))


async def compare(reader: Reader, room: str, tick: Tick = lambda _: None) -> Reprojection:
    """What projecting the room anew would change. Raises Refused('no-such-room'), StoreCorrupt where its shape is newer
    than this code's, StoreError."""
    found, wanted = await _compared(reader, room, tick)
    wanted.release()
    return found


async def reproject(
    store: Store, room: str, *, by: str, surroundings: Surroundings | None = None, tick: Tick = lambda _: None
) -> Reprojection:
    """Project the room anew, if that changes anything; nobody else may have it open. `by` is who asks, for the log.
    Raises as `compare` does, and OutcomeUnknown; then it is as it was, or done, and asking again is safe."""
    found, wanted = await _compared(store, room, tick)
    try:
        if not found.due:
            return found
        live = await read_live(room, store, {}, surroundings or Surroundings())
        try:
            seq = await take_shape(live, store, wanted, by, closes=True)
        finally:
            live.release()
    finally:
        wanted.release()
    return structs.replace(found, done=True, seq=seq)


async def _compared(reader: Reader, room: str, tick: Tick) -> tuple[Reprojection, RoomDocument]:
    """What would change, and the document as it would be."""
    head = await reader.head(room)
    if head.deleted or not head.seq:
        raise Refused("no-such-room", f"There is no room {room}.")
    stands = await moment(reader, room, head.seq)
    check_shape(room, stands.state)
    wanted = await projected(reader, room, head.seq, tick)
    otherwise = differences(plain(stands.document()), plain(wanted.doc))
    first = list(islice(otherwise, limits.SHAPE_DIFFERENCES))
    more = sum(1 for _ in otherwise)
    return Reprojection(room, head.seq, stands.state.shape, shape.SHAPE, first, more), wanted
