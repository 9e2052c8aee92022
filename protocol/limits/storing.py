"""Limits of what is kept: passes and batches, pages, snapshots, the database and blobs."""

from .table import limit

STEP_UNCOMMITTED_BYTES = limit(
    "STEP_UNCOMMITTED_BYTES",
    64 << 10,
    "bytes",
    "Streamed text that waits for its commit before the model's stream is paused.",
)
PASS_MESSAGES = limit("PASS_MESSAGES", 1024, "messages", "Taken by a room in one pass, so that one commit stays small.")
BATCH_RECORDS = limit("BATCH_RECORDS", 1024, "records", "One group commit; keeps the fsync's share fair between rooms.")
PAGE_RECORDS = limit(
    "PAGE_RECORDS", 500, "records", "One read from the log; opening a room yields to others between pages."
)
PAGE_BYTES = limit("PAGE_BYTES", 4 << 20, "bytes", "One read from the log, whichever comes first.")
SNAPSHOT_RECORDS = limit(
    "SNAPSHOT_RECORDS", 10_000, "records", "The ladder's rung: a room opens from at most that many records."
)
CHECKPOINT_PAGES = limit(
    "CHECKPOINT_PAGES",
    4096,
    "pages",
    "About that much WAL (16 MiB) is moved into the database at once; between two acks, not inside one.",
)
CHECKPOINT_IDLE_S = limit(
    "CHECKPOINT_IDLE_S", 1, "seconds", "A writer that had nothing to do for this long empties its WAL file."
)
LOCK_WAIT_S = limit(
    "LOCK_WAIT_S", 2, "seconds", "Another program may hold the database's own lock this long; then store-failed."
)
KNOWN_ROOMS = limit(
    "KNOWN_ROOMS", 2048, "rooms", "Heads that the writer remembers, half a KiB each; beyond it reads them anew."
)
STORE_READERS = limit(
    "STORE_READERS", 4, "connections", "Readers of one database file; more would only share the same two cores."
)
BLOB_BYTES = limit(
    "BLOB_BYTES",
    16 << 20,
    "bytes",
    "One attachment; what models take (Anthropic 5 MB an image, OpenAI 20 MB) lies about there.",
)
MEDIA_TYPE_CHARS = limit(
    "MEDIA_TYPE_CHARS",
    127,
    "characters",
    "`type/subtype` of a blob; the longest name that a registry holds is half of it.",
)
BLOB_LOOSE_S = limit(
    "BLOB_LOOSE_S",
    24 * 3600,
    "seconds",
    "An upload that no room refers to is kept so long: a prompt that is written over a day.",
)
BLOB_SWEEP = limit(
    "BLOB_SWEEP", 16, "blobs", "Removed at most when another is put, so that no upload pays for a crowd."
)
BLOBS_AT_ONCE = limit(
    "BLOBS_AT_ONCE",
    16,
    "blobs",
    "Held in memory by uploads and downloads together, 256 MiB at most; more of them wait.",
)
BLOBS_EACH = limit(
    "BLOBS_EACH", 4, "blobs", "Of those, for one subject or address; a browser loads six from a host at a time."
)
BLOB_BYTES_PER_S = limit(
    "BLOB_BYTES_PER_S",
    16 << 10,
    "bytes",
    "An upload may take HEAD_S, and a second more for each so many bytes that came, as Apache's MinRate (500 there).",
)
BLOB_UPLOAD_S = limit("BLOB_UPLOAD_S", 120, "seconds", "Until a blob's body is whole: 16 MiB at 140 KiB a second.")
ACTIVITY_S = limit(
    "ACTIVITY_S",
    1,
    "seconds",
    "The grain of the list of rooms: a room that streams moves in its index so often and not per token.",
)
ROOM_FILTERS = limit(
    "ROOM_FILTERS", 8, "filters", "Of metadata in one listing; each is looked up in every room that is passed."
)
ROOMS_PAGE = limit("ROOMS_PAGE", 50, "rooms", "In one page of a listing.")
BUNDLE_BYTES = limit(
    "BUNDLE_BYTES", 8 << 30, "bytes", "One upload of a bundle; ten million records are about half of it."
)
BUNDLE_S = limit("BUNDLE_S", 3600, "seconds", "Until an uploaded bundle is whole: 8 GiB at 2.3 MiB a second.")
BUNDLE_PART_BYTES = limit(
    "BUNDLE_PART_BYTES",
    128 << 20,
    "bytes",
    "One part of a bundle, held in memory; a page of the log with a document's copy is a third.",
)
BUNDLE_DIRECTORY_BYTES = limit(
    "BUNDLE_DIRECTORY_BYTES",
    8 << 20,
    "bytes",
    "A bundle's list of its parts, held in memory: 100,000 of them, which is 50 million records.",
)
BUNDLES_AT_ONCE = limit(
    "BUNDLES_AT_ONCE", 2, "bundles", "Uploads that are checked at once, and as many exports; each takes a core."
)
SHAPE_DIFFERENCES = limit(
    "SHAPE_DIFFERENCES",
    100,
    "places",
    "Of a room's document that today's code would show otherwise, told one by one; the rest are counted.",
)
BUNDLES_EACH = limit("BUNDLES_EACH", 1, "bundles", "Of those, for one subject or address; an hour's may be slow.")
BUNDLES_WAIT_S = limit("BUNDLES_WAIT_S", 60, "seconds", "For one's turn; then an upload is 503, and an export cut.")
