"""What a model was sent: each request to the byte, put together from the log and checked against its hash."""

from ...protocol.errors import Refused
from ...protocol.events import ModelRequested, Record
from ...protocol.requests import resolve
from ...storage.errors import RoomDeleted
from ...storage.store import Reader


async def request(reader: Reader, room: str, seq: int) -> bytes:
    """The JSON text that the model was sent in the request of record `seq`. Raises Refused('no-such-moment') where the
    log has no such record, Refused('bad-request') where it is no request, Refused('no-such-room'), StoreError,
    RequestDamaged."""

    async def lookup(at: int) -> Record:
        try:
            page = await reader.read(room, at - 1, 1) if at > 0 else []
        except RoomDeleted:
            raise Refused("no-such-room") from None
        if not page:
            raise Refused("no-such-moment", f"Room {room} has no record {at}.")
        return page[0]

    event = (await lookup(seq)).event
    if not isinstance(event, ModelRequested):
        raise Refused("bad-request", f"Record {seq} is no model request.")
    return await resolve(event, lookup)
