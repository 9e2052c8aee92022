"""Blobs in the tables: put once, referred to by rooms, and removed when nobody needs them.

Everything here runs inside a transaction of the writer's. Who needs a blob:

- every room with a record that refers to it (`blob_uses`); the first one to refer takes it in, and it is loose no more;
- whoever uploaded it within the last `BLOB_LOOSE_S` and may be about to refer to it (`loose_since`). Uploading again
  counts as well, though the bytes were here: that uploader knows of no other.

What is loose for longer is swept when another blob is put, a few at a time. What a deleted room leaves behind goes with
the room, unless somebody uploaded it meanwhile; then it is loose.
"""

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, delete, exists, func, insert, null, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from ..protocol import limits
from .jobs import BlobJob
from .tables import blob_data, blob_uses, blobs

_listed = select(func.json_each(bindparam("hashes")).table_valued("value").c.value)
_used = exists().where(blob_uses.c.hash == blobs.c.hash)

_PUT_AGAIN = update(blobs).where(blobs.c.hash == bindparam("name")).values(loose_since=bindparam("now"))
_NEW_BLOB = insert(blobs)
_NEW_DATA = insert(blob_data)
_HERE = select(blobs.c.hash).where(blobs.c.hash.in_(_listed))
_USE = insert_or(blob_uses).on_conflict_do_nothing()
_TAKE_IN = update(blobs).where(blobs.c.hash.in_(_listed), blobs.c.loose_since.is_not(None)).values(loose_since=null())
_EXPIRED = (
    select(blobs.c.hash, _used)
    .where(blobs.c.loose_since < bindparam("before"))
    .order_by(blobs.c.loose_since, blobs.c.hash)
    .limit(bindparam("limit"))
)
_USES = (
    select(blob_uses.c.hash)
    .where(blob_uses.c.room_id == bindparam("room_id"))
    .order_by(blob_uses.c.hash)
    .limit(bindparam("limit"))
)
_LET_GO = delete(blob_uses).where(blob_uses.c.room_id == bindparam("room_id"), blob_uses.c.hash.in_(_listed))
_UNUSED = select(blobs.c.hash).where(blobs.c.hash.in_(_listed), blobs.c.loose_since.is_(None), ~_used)
_DROP_BLOBS = delete(blobs).where(blobs.c.hash.in_(_listed))
_DROP_DATA = delete(blob_data).where(blob_data.c.hash.in_(_listed))


def put(connection: Connection, job: BlobJob, sealed: Callable[[], bytes] | None = None) -> list[str]:
    """Keep the blob, or note that it was uploaded again, and sweep some of what was loose for too long: the names of
    that. `sealed` gives the bytes as they are kept, where they are not kept plain."""
    if not connection.execute(_PUT_AGAIN, {"name": job.hash, "now": job.now}).rowcount:
        facts = {"hash": job.hash, "media_type": job.kind, "size": len(job.data), "loose_since": job.now}
        connection.execute(_NEW_BLOB, facts)
        connection.execute(_NEW_DATA, {"hash": job.hash, "data": sealed() if sealed else job.data})
    asked = {"before": job.now - limits.BLOB_LOOSE_S * 1_000_000, "limit": limits.BLOB_SWEEP}
    expired = connection.execute(_EXPIRED, asked).all()
    if expired:
        _drop(connection, [row[0] for row in expired if not row[1]])
        connection.execute(_TAKE_IN, _these([row[0] for row in expired if row[1]]))
    return [row[0] for row in expired]


def missing(connection: Connection, hashes: Sequence[str]) -> list[str]:
    """Those that are not here."""
    here = set(connection.execute(_HERE, _these(hashes)).scalars())
    return [one for one in hashes if one not in here]


def use(connection: Connection, room_id: int, hashes: Sequence[str]) -> None:
    """The room refers to these, which are here."""
    connection.execute(_USE, [{"room_id": room_id, "hash": one} for one in dict.fromkeys(hashes)])
    connection.execute(_TAKE_IN, _these(hashes))


def let_go(connection: Connection, room_id: int) -> list[str]:
    """The room refers to some of its blobs no more, whose names these are; what nobody needs then is removed."""
    hashes = list(connection.execute(_USES, {"room_id": room_id, "limit": limits.BLOB_SWEEP}).scalars())
    let_go_of(connection, room_id, hashes)
    return hashes


def let_go_of(connection: Connection, room_id: int, hashes: Sequence[str]) -> None:
    """The room refers to these no more; what nobody needs then is removed."""
    if hashes:
        connection.execute(_LET_GO, {"room_id": room_id, **_these(hashes)})
        _drop(connection, list(connection.execute(_UNUSED, _these(hashes)).scalars()))


def _drop(connection: Connection, hashes: Sequence[str]) -> None:
    if hashes:
        connection.execute(_DROP_DATA, _these(hashes))
        connection.execute(_DROP_BLOBS, _these(hashes))


def _these(hashes: Sequence[str]) -> dict[str, str]:
    return {"hashes": msgspec.json.encode(hashes).decode()}
