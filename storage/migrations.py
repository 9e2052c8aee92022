"""How a SQLite file becomes one of ours: numbered steps, frozen once released.

`application_id` says that the file is plait's and `user_version` how many of these steps it has been through. A file
with another id, or with more steps than this plait knows, is refused before anything is written to it. The steps are
text and not derived from `tables`, because what made yesterday's databases must not change with today's code.
"""

APPLICATION_ID = 0x706C6169
"""`plai` in ASCII, at offset 68 of the file, where `file(1)` and SQLite look for it."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE rooms (
            id INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            lineage TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            hash BLOB NOT NULL,
            open_runs INTEGER NOT NULL,
            wake_at INTEGER,
            time INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX rooms_open ON rooms (name) WHERE open_runs > 0",
        "CREATE INDEX rooms_due ON rooms (wake_at) WHERE wake_at IS NOT NULL",
        """CREATE TABLE records (
            pos INTEGER NOT NULL PRIMARY KEY,
            room_id INTEGER NOT NULL REFERENCES rooms (id),
            seq INTEGER NOT NULL,
            time INTEGER NOT NULL,
            author TEXT NOT NULL,
            run TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            document TEXT NOT NULL,
            kind TEXT NOT NULL,
            record_id TEXT,
            asked BLOB,
            body BLOB NOT NULL,
            "update" BLOB NOT NULL,
            body_hash BLOB NOT NULL,
            hash BLOB NOT NULL,
            CONSTRAINT records_seq UNIQUE (room_id, seq)
        ) STRICT""",
        "CREATE UNIQUE INDEX records_id ON records (room_id, record_id) WHERE record_id IS NOT NULL",
        """CREATE TABLE snapshots (
            room_id INTEGER NOT NULL REFERENCES rooms (id),
            seq INTEGER NOT NULL,
            version INTEGER NOT NULL,
            data BLOB NOT NULL,
            data_hash BLOB NOT NULL,
            PRIMARY KEY (room_id, seq)
        ) STRICT""",
    ),
    (
        "ALTER TABLE rooms ADD COLUMN title TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE rooms ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE rooms ADD COLUMN folded TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE rooms ADD COLUMN waiting_runs INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE rooms ADD COLUMN activity INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE rooms ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0",
        # Until now names were all that was searched, and they are ASCII, which is what SQLite's lower() knows.
        "UPDATE rooms SET folded = lower(name) || char(10), activity = time - time % 1000000",
        "CREATE INDEX rooms_activity ON rooms (activity, name) WHERE deleted = 0",
        "CREATE INDEX rooms_deleting ON rooms (name) WHERE deleted = 1",
        """CREATE TABLE blobs (
            hash TEXT NOT NULL PRIMARY KEY,
            media_type TEXT NOT NULL,
            size INTEGER NOT NULL,
            loose_since INTEGER
        ) STRICT""",
        "CREATE INDEX blobs_loose ON blobs (loose_since) WHERE loose_since IS NOT NULL",
        """CREATE TABLE blob_data (
            hash TEXT NOT NULL PRIMARY KEY,
            data BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE blob_uses (
            room_id INTEGER NOT NULL REFERENCES rooms (id),
            hash TEXT NOT NULL,
            PRIMARY KEY (room_id, hash)
        ) STRICT""",
        "CREATE INDEX blob_uses_hash ON blob_uses (hash)",
    ),
    (
        """CREATE TABLE revocations (
            kind TEXT NOT NULL,
            value TEXT NOT NULL,
            at INTEGER NOT NULL,
            PRIMARY KEY (kind, value)
        ) STRICT""",
    ),
    ("ALTER TABLE records ADD COLUMN grant_id TEXT NOT NULL DEFAULT ''",),
    (
        "ALTER TABLE rooms ADD COLUMN fork_of TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX rooms_making ON rooms (name) WHERE deleted = 3",
        "CREATE INDEX rooms_forks ON rooms (fork_of, name) WHERE fork_of <> ''",
    ),
    ("CREATE TABLE sealing (store TEXT NOT NULL PRIMARY KEY) STRICT",),
    (
        """CREATE TABLE written (
            room_id INTEGER NOT NULL REFERENCES rooms (id),
            seq INTEGER NOT NULL,
            data BLOB NOT NULL,
            data_hash BLOB NOT NULL,
            PRIMARY KEY (room_id, seq)
        ) STRICT""",
    ),
)

VERSION = len(MIGRATIONS)
"""The `user_version` of a database that this plait writes."""
