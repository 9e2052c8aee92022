"""Erasing a person while the server runs: `POST /api/subjects/SUBJECT/erase`, in every room that the asker may enter.

It works where the store is encrypted (specs/encryption.md): what is erased is then unreadable with its key, and no old
page of the files has to be written anew, for which a plain store is closed (`plait erase`). Rooms are erased one after
the other, each whole or not at all, so whoever lost the answer asks again.
"""

from collections.abc import Callable
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from ...protocol.access import Grant
from ...protocol.errors import Refused
from .exchange import Response, json
from .journal import Journal
from .rooms import Rooms


class Erased(Struct, frozen=True, omit_defaults=True):
    """What was done in one room; `refused` is the code of why nothing was."""

    room: str
    records: int = 0
    blobs: int = 0
    refused: str = ""


async def erase_subject(
    rooms: Rooms, subject: str, grant: Grant, forget: Callable[[str], None], journal: Journal | None
) -> Response:
    """Erase the person whose name this is, percent-encoded; `forget` drops what is held of a room's past. Raises
    Refused, StoreError, OutcomeUnknown."""
    subject = unquote(subject)
    if not subject:
        raise Refused("bad-request", "Say whose words are to be erased.")
    if not rooms.store.encrypts:
        raise Refused("bad-request", "This store is not encrypted: stop the server and call plait erase.")
    told: list[Erased] = []
    after = ""
    while names := await rooms.store.room_names(after):
        after = names[-1]
        for name in filter(grant.enters, names):
            try:
                erasure = await rooms.erase(name, subject, grant.author)
                if journal is not None:
                    await journal.forget(name, subject)
            except Refused as refused:
                told.append(Erased(name, refused=refused.code))
                continue
            if erasure is not None:
                forget(name)
                told.append(Erased(name, len(erasure.changed), len(erasure.blobs)))
    refused = {one.room for one in told if one.refused}
    for name in [] if journal is None else await journal.rooms_of(subject):
        if journal is not None and grant.enters(name) and name not in refused:
            await journal.forget(name, subject)  # They were there before the room had a record.
    return json({"rooms": msgspec.to_builtins(told)})
