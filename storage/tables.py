"""The tables, as SQLAlchemy Core sees them: what both databases share.

- `rooms` holds one row a room: where its log ends, what a restart looks for (open runs, the next wake-up), and its line
  in the list of rooms. `folded` is its name and its title as a search compares them; `activity` is the second of its
  last record that is not the house's, in µs; `deleted` is 0, 1 while its records are being removed, 2 for ever after,
  and 3 while the room is being made, by a copy of another one; `fork_of` names the room that it was forked from.
- `records` is the log. Its rowid grows with every record of every room, so appends land at the end of the file's
  b-tree and not in the middle; (room_id, seq) is unique, which makes "no double" the database's business; record ids
  are unique within a room where there is one, which makes a repeated command findable for the life of the log.
- `blobs` says what is known of each blob, and `blob_data` holds its bytes apart, because SQLite rewrites a row as a
  whole when one of its columns changes. `loose_since` is when it was last uploaded without a room having referred to it
  since, NULL as soon as one does. `blob_uses` holds one row for each blob that a room refers to.
- `revocations` says which grants count no more, and since when; a grant is in no log, so this stands beside them.
- `sealing` holds one row in an encrypted store: which key ring is its own (`keyring`).
- `snapshots` are caches. Each carries its own SHA-256, because a cache that rotted must look like no cache.
- `written` is one as well: which records wrote in which shared document, a row a snapshot (`written`).

Text columns are Text and numbers are 64 bits, because SQLite's STRICT knows no other and PostgreSQL does not care. The
DDL that made a database stands in `migrations`, frozen; a test holds it equal to this.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import sqlite

metadata = MetaData()

_number = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")

rooms = Table(
    "rooms",
    metadata,
    Column("id", _number, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("lineage", Text, nullable=False),
    Column("epoch", _number, nullable=False),
    Column("seq", _number, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("open_runs", _number, nullable=False),
    Column("wake_at", _number),
    Column("time", _number, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("metadata", Text, nullable=False, server_default="{}"),
    Column("folded", Text, nullable=False, server_default=""),
    Column("waiting_runs", _number, nullable=False, server_default=text("0")),
    Column("activity", _number, nullable=False, server_default=text("0")),
    Column("deleted", _number, nullable=False, server_default=text("0")),
    Column("fork_of", Text, nullable=False, server_default=""),
    sqlite_strict=True,
)

# A restart asks for these two among 100,000 rooms; as partial indexes they hold only the rooms that wait for something.
# PostgreSQL has such indexes too, but its word for them (`postgresql_where`) would load its whole dialect here, a tenth
# of a start; a store for it will say that word itself.
Index("rooms_open", rooms.c.name, sqlite_where=text("open_runs > 0"))
Index("rooms_due", rooms.c.wake_at, sqlite_where=text("wake_at IS NOT NULL"))
# The list is read from its newest end, and a page begins at a place that both columns name, so that a second in which
# 100,000 rooms were imported is not walked through. (The row's id is smaller, but SQLite looks no place up by it.)
Index(
    "rooms_activity",
    rooms.c.activity,
    rooms.c.name,
    sqlite_where=text("deleted = 0"),
)
Index("rooms_deleting", rooms.c.name, sqlite_where=text("deleted = 1"))
Index("rooms_making", rooms.c.name, sqlite_where=text("deleted = 3"))
Index("rooms_forks", rooms.c.fork_of, rooms.c.name, sqlite_where=text("fork_of <> ''"))

records = Table(
    "records",
    metadata,
    Column("pos", _number, primary_key=True),
    Column("room_id", _number, ForeignKey("rooms.id"), nullable=False),
    Column("seq", _number, nullable=False),
    Column("time", _number, nullable=False),
    Column("author", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("epoch", _number, nullable=False),
    Column("document", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("record_id", Text),
    Column("asked", LargeBinary),
    Column("body", LargeBinary, nullable=False),
    Column("update", LargeBinary, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("grant_id", Text, nullable=False, server_default=""),
    UniqueConstraint("room_id", "seq", name="records_seq"),
    sqlite_strict=True,
)

Index(
    "records_id",
    records.c.room_id,
    records.c.record_id,
    unique=True,
    sqlite_where=text("record_id IS NOT NULL"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("room_id", _number, ForeignKey("rooms.id"), primary_key=True),
    Column("seq", _number, primary_key=True),
    Column("version", _number, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("data_hash", LargeBinary, nullable=False),
    sqlite_strict=True,
)

written = Table(
    "written",
    metadata,
    Column("room_id", _number, ForeignKey("rooms.id"), primary_key=True),
    Column("seq", _number, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("data_hash", LargeBinary, nullable=False),
    sqlite_strict=True,
)

blobs = Table(
    "blobs",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("size", _number, nullable=False),
    Column("loose_since", _number),
    sqlite_strict=True,
)

Index(
    "blobs_loose",
    blobs.c.loose_since,
    sqlite_where=text("loose_since IS NOT NULL"),
)

blob_data = Table(
    "blob_data",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    sqlite_strict=True,
)

blob_uses = Table(
    "blob_uses",
    metadata,
    Column("room_id", _number, ForeignKey("rooms.id"), primary_key=True),
    Column("hash", Text, primary_key=True),
    sqlite_strict=True,
)

Index("blob_uses_hash", blob_uses.c.hash)

revocations = Table(
    "revocations",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("at", _number, nullable=False),
    sqlite_strict=True,
)

sealing = Table("sealing", metadata, Column("store", Text, primary_key=True), sqlite_strict=True)
