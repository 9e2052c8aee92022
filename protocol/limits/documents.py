"""Limits of what is sent and edited: frames, updates, documents, drafts, undo, awareness, and edits of agents."""

from .table import limit

FRAME_BYTES = limit(
    "FRAME_BYTES",
    1 << 20,
    "bytes",
    "One WebSocket message; Hocuspocus and Liveblocks cap near 1 MiB; beyond it 4413, beyond twice it 1009.",
)
TEXT_FRAME_BYTES = limit(
    "TEXT_FRAME_BYTES", 256 << 10, "bytes", "One JSON command; four times the longest prompt leaves room for escapes."
)
PROMPT_BYTES = limit(
    "PROMPT_BYTES", 64 << 10, "bytes", "UTF-8 of one prompt; about 16,000 tokens, more belongs in a document."
)
UPDATE_STRUCTS = limit(
    "UPDATE_STRUCTS", 100_000, "structs", "One update; a paste of a whole book fits, a decompression bomb does not."
)
UPDATE_DELETES = limit("UPDATE_DELETES", 100_000, "ranges", "Delete ranges in one update, for the same reason.")
UPDATE_CLIENTS = limit(
    "UPDATE_CLIENTS", 10_000, "clients", "Clients in one update or state vector; each costs bytes in every step 1."
)
UPDATE_DEPTH = limit(
    "UPDATE_DEPTH",
    64,
    "levels",
    "Values nested in one struct; yrs and browsers recurse, and a deep one overflows their stack.",
)
FRAME_MESSAGES = limit(
    "FRAME_MESSAGES",
    64,
    "messages",
    "In one binary frame; y-sweet sends a few, and each one-byte query costs a whole answer.",
)
ROOM_NAME_CHARS = limit("ROOM_NAME_CHARS", 200, "characters", "INTERFACE: 1 to 200 characters of a plain alphabet.")
DOCUMENT_NAME_CHARS = limit("DOCUMENT_NAME_CHARS", 200, "characters", "As long as a room's name.")
DOCUMENTS_PER_ROOM = limit("DOCUMENTS_PER_ROOM", 100, "documents", "Each open one is held in memory with its room.")
DOCUMENT_BYTES = limit(
    "DOCUMENT_BYTES",
    32 << 20,
    "bytes",
    "Applied bytes of one shared document's live form; every fresh tab pulls all of it.",
)
SEED_BYTES = limit(
    "SEED_BYTES",
    8 << 20,
    "bytes",
    "A file that a document begins with; every tab gets it at once, in one record of the log.",
)
EXPORT_BYTES = limit(
    "EXPORT_BYTES",
    64 << 20,
    "bytes",
    "One export; twice a document's bytes, because JSON and Markdown say more about each word.",
)
CALL_EDITS = limit(
    "CALL_EDITS",
    1000,
    "edits",
    "Of shared documents by one call of a tool; what each gave is remembered until the call ends.",
)
EDIT_RESULT_BYTES = limit(
    "EDIT_RESULT_BYTES", 16 << 10, "bytes", "JSON that one edit by an agent or a host gives: a record holds it."
)
UNDO_RECORDS = limit(
    "UNDO_RECORDS", 1000, "records", "Named by one undo; a run's or an author's are found without naming them."
)
UNDO_EDITS = limit(
    "UNDO_EDITS", 10_000, "edits", "That one undo takes back: its record and its answer name each of them."
)
UNDO_KEPT = limit("UNDO_KEPT", 100, "places", "That an undo names as left alone, because somebody changed them since.")
DRAFTS_OPEN = limit(
    "DRAFTS_OPEN", 20, "drafts", "Waiting in one room; each is a copy of a document, held in memory with it."
)
DRAFTS_SETTLED = limit(
    "DRAFTS_SETTLED",
    20,
    "drafts",
    "Accepted or rejected ones that stay to be looked at; older ones leave memory and are in the log.",
)
DRAFT_HUNKS = limit(
    "DRAFT_HUNKS", 1000, "hunks", "Named by one decision and told by one answer; a person judges fewer."
)
COMMANDS_UNANSWERED = limit(
    "COMMANDS_UNANSWERED", 64, "commands", "INTERFACE: per socket; more is refused as too-many."
)
COMMAND_ID_CHARS = limit("COMMAND_ID_CHARS", 100, "characters", "A UUID is 36; ids are kept for the life of the log.")
NAME_CHARS = limit(
    "NAME_CHARS", 100, "characters", "By which a command calls an agent, a model, a run, a tab or a fact."
)
STEP_ID_CHARS = limit(
    "STEP_ID_CHARS", 400, "characters", "Ids of steps are paths: of agents below agents, RUN_DEPTH of them."
)
EDITS_UNANSWERED = limit(
    "EDITS_UNANSWERED", 256, "edits", "Per socket; reading pauses beyond it, so TCP slows the sender."
)
JOINED_EDITS_BYTES = limit(
    "JOINED_EDITS_BYTES",
    64 << 10,
    "bytes",
    "Of one tab's edits that one pass makes one record of; a paste is larger and stays alone.",
)
MESSAGES_PER_S = limit(
    "MESSAGES_PER_S",
    1000,
    "messages",
    "From one socket in the long run; a pen on a canvas makes 120, hands that type make 15.",
)
BYTES_PER_S = limit(
    "BYTES_PER_S", 256 << 10, "bytes", "From one socket in the long run; each edit's bytes are on the disk for ever."
)
BURST_S = limit(
    "BURST_S",
    300,
    "seconds",
    "Of such speech at once: the largest document sent whole is 128, the 260,000 edits of a published paper 290.",
)
OUTBOX_BYTES = limit(
    "OUTBOX_BYTES",
    512 << 10,
    "bytes",
    "Per socket; beyond it deltas are dropped and one merged update takes their place.",
)
ANSWERS_BYTES = limit(
    "ANSWERS_BYTES", 2 << 20, "bytes", "Kept answers of one stalled socket; beyond it the socket is closed with 1013."
)
DOCUMENTS_PER_SOCKET = limit(
    "DOCUMENTS_PER_SOCKET",
    100,
    "documents",
    "On one Hocuspocus socket, as many as a room has; Hocuspocus lets 100 wait to be opened.",
)
DOCUMENT_KEY_BYTES = limit(
    "DOCUMENT_KEY_BYTES",
    1024,
    "bytes",
    "Before each Hocuspocus frame: both names at their longest and a session, which has eleven.",
)
STRANGER_MESSAGES = limit(
    "STRANGER_MESSAGES",
    1000,
    "messages",
    "On a Hocuspocus socket until its first document is granted; Hocuspocus's own bound.",
)
STRANGER_BYTES = limit("STRANGER_BYTES", 5 << 20, "bytes", "Of those messages together; Hocuspocus's own bound.")
AWARENESS_IDS = limit(
    "AWARENESS_IDS",
    4,
    "ids",
    "Per connection; a stock client announces one, and y-websocket pages seldom share a socket.",
)
AWARENESS_BYTES = limit(
    "AWARENESS_BYTES",
    4 << 10,
    "bytes",
    "Per connection, all its states together; a name, a colour and a selection take 300.",
)
PRESENCE_S = limit(
    "PRESENCE_S", 15, "seconds", "Between two words of an agent's presence; y-protocols forgets after 30."
)
AWARENESS_GONE = limit(
    "AWARENESS_GONE",
    1024,
    "ids",
    "Per document, of people who left: other tabs repeat what they heard, and nobody may rise again.",
)
WRITTEN_CHARS = limit(
    "WRITTEN_CHARS",
    64 << 10,
    "characters",
    "What one edit of an agent may write; as much as a prompt, more comes in pieces.",
)
READ_LINES = limit(
    "READ_LINES", 200, "lines", "What a model is shown of a document at once; each has an anchor of 19 characters."
)
READ_CHARS = limit("READ_CHARS", 16_000, "characters", "The words of these lines; about 4,000 tokens.")
FIND_MATCHES = limit("FIND_MATCHES", 20, "matches", "A model that needs more should look for something rarer.")
FIND_CONTEXT_CHARS = limit(
    "FIND_CONTEXT_CHARS", 40, "characters", "Shown on either side of a match: enough to tell one from another."
)
FLUSH_CHARS = limit("FLUSH_CHARS", 96, "characters", "A streamed text without whitespace is shown after so many.")
PATCH_OPERATIONS = limit(
    "PATCH_OPERATIONS", 500, "operations", "In one patch; whoever has more gives the value that is wanted."
)
DIFF_TOKENS = limit(
    "DIFF_TOKENS",
    2000,
    "words",
    "On either side of a change, compared word by word, which is quadratic; beyond it the middle is replaced whole.",
)
SHOWN_DEPTH = limit(
    "SHOWN_DEPTH",
    64,
    "levels",
    "Of nested types that are told of a document's past; far beyond any editor's, far from the end of Python's stack.",
)
