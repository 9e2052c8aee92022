"""Everything has a limit (law 6): each stands here once, beside its unit and its reason.

`specs/limits.md` is generated from this table and a test holds them equal. Code reads `limits.FRAME_BYTES.value`-style
constants through the plain integers below, so that a limit costs one name and no lookup. The limits of admission are
written down in `admission`, because an operator may change some of them.
"""

from .admission import CHANGEABLE, FIXED, Limit

LIMITS: dict[str, Limit] = {
    "FRAME_BYTES": Limit(
        1 << 20,
        "bytes",
        "One WebSocket message; Hocuspocus and Liveblocks cap near 1 MiB; beyond it 4413, beyond twice it 1009.",
    ),
    "TEXT_FRAME_BYTES": Limit(
        256 << 10, "bytes", "One JSON command; four times the longest prompt leaves room for escapes."
    ),
    "PROMPT_BYTES": Limit(64 << 10, "bytes", "UTF-8 of one prompt; about 16,000 tokens, more belongs in a document."),
    "UPDATE_STRUCTS": Limit(
        100_000, "structs", "One update; a paste of a whole book fits, a decompression bomb does not."
    ),
    "UPDATE_DELETES": Limit(100_000, "ranges", "Delete ranges in one update, for the same reason."),
    "UPDATE_CLIENTS": Limit(
        10_000, "clients", "Clients in one update or state vector; each costs bytes in every step 1."
    ),
    "UPDATE_DEPTH": Limit(
        64, "levels", "Values nested in one struct; yrs and browsers recurse, and a deep one overflows their stack."
    ),
    "FRAME_MESSAGES": Limit(
        64, "messages", "In one binary frame; y-sweet sends a few, and each one-byte query costs a whole answer."
    ),
    "ROOM_NAME_CHARS": Limit(200, "characters", "INTERFACE: 1 to 200 characters of a plain alphabet."),
    "DOCUMENT_NAME_CHARS": Limit(200, "characters", "As long as a room's name."),
    "DOCUMENTS_PER_ROOM": Limit(100, "documents", "Each open one is held in memory with its room."),
    "DOCUMENT_BYTES": Limit(
        32 << 20, "bytes", "Applied bytes of one shared document's live form; every fresh tab pulls all of it."
    ),
    "SEED_BYTES": Limit(
        8 << 20, "bytes", "A file that a document begins with; every tab gets it at once, in one record of the log."
    ),
    "EXPORT_BYTES": Limit(
        64 << 20, "bytes", "One export; twice a document's bytes, because JSON and Markdown say more about each word."
    ),
    "CALL_EDITS": Limit(
        1000, "edits", "Of shared documents by one call of a tool; what each gave is remembered until the call ends."
    ),
    "EDIT_RESULT_BYTES": Limit(16 << 10, "bytes", "JSON that one edit by an agent or a host gives: a record holds it."),
    "UNDO_RECORDS": Limit(1000, "records", "Named by one undo; a run's or an author's are found without naming them."),
    "UNDO_EDITS": Limit(10_000, "edits", "That one undo takes back: its record and its answer name each of them."),
    "UNDO_KEPT": Limit(100, "places", "That an undo names as left alone, because somebody changed them since."),
    "DRAFTS_OPEN": Limit(20, "drafts", "Waiting in one room; each is a copy of a document, held in memory with it."),
    "DRAFTS_SETTLED": Limit(
        20, "drafts", "Accepted or rejected ones that stay to be looked at; older ones leave memory and are in the log."
    ),
    "DRAFT_HUNKS": Limit(1000, "hunks", "Named by one decision and told by one answer; a person judges fewer."),
    "COMMANDS_UNANSWERED": Limit(64, "commands", "INTERFACE: per socket; more is refused as too-many."),
    "COMMAND_ID_CHARS": Limit(100, "characters", "A UUID is 36; ids are kept for the life of the log."),
    "EDITS_UNANSWERED": Limit(256, "edits", "Per socket; reading pauses beyond it, so TCP slows the sender."),
    "JOINED_EDITS_BYTES": Limit(
        64 << 10, "bytes", "Of one tab's edits that one pass makes one record of; a paste is larger and stays alone."
    ),
    "MESSAGES_PER_S": Limit(
        1000, "messages", "From one socket in the long run; a pen on a canvas makes 120, hands that type make 15."
    ),
    "BYTES_PER_S": Limit(
        256 << 10, "bytes", "From one socket in the long run; each edit's bytes are on the disk for ever."
    ),
    "BURST_S": Limit(
        300,
        "seconds",
        "Of such speech at once: the largest document sent whole is 128, the 260,000 edits of a published paper 290.",
    ),
    "OUTBOX_BYTES": Limit(
        512 << 10, "bytes", "Per socket; beyond it deltas are dropped and one merged update takes their place."
    ),
    "ANSWERS_BYTES": Limit(
        2 << 20, "bytes", "Kept answers of one stalled socket; beyond it the socket is closed with 1013."
    ),
    "DOCUMENTS_PER_SOCKET": Limit(
        100, "documents", "On one Hocuspocus socket, as many as a room has; Hocuspocus lets 100 wait to be opened."
    ),
    "DOCUMENT_KEY_BYTES": Limit(
        1024, "bytes", "Before each Hocuspocus frame: both names at their longest and a session, which has eleven."
    ),
    "STRANGER_MESSAGES": Limit(
        1000, "messages", "On a Hocuspocus socket until its first document is granted; Hocuspocus's own bound."
    ),
    "STRANGER_BYTES": Limit(5 << 20, "bytes", "Of those messages together; Hocuspocus's own bound."),
    "AWARENESS_IDS": Limit(4, "ids", "DESIGN: per connection."),
    "AWARENESS_BYTES": Limit(4 << 10, "bytes", "DESIGN: per connection, all its states together."),
    "PRESENCE_S": Limit(15, "seconds", "Between two words of an agent's presence; y-protocols forgets after 30."),
    "AWARENESS_GONE": Limit(
        1024, "ids", "Per document, of people who left: other tabs repeat what they heard, and nobody may rise again."
    ),
    "WRITTEN_CHARS": Limit(
        64 << 10, "characters", "What one edit of an agent may write; as much as a prompt, more comes in pieces."
    ),
    "READ_LINES": Limit(
        200, "lines", "What a model is shown of a document at once; each has an anchor of 19 characters."
    ),
    "READ_CHARS": Limit(16_000, "characters", "The words of these lines; about 4,000 tokens."),
    "FIND_MATCHES": Limit(20, "matches", "A model that needs more should look for something rarer."),
    "FIND_CONTEXT_CHARS": Limit(40, "characters", "Shown on either side of a match: enough to tell one from another."),
    "FLUSH_CHARS": Limit(96, "characters", "A streamed text without whitespace is shown after so many."),
    "PATCH_OPERATIONS": Limit(500, "operations", "In one patch; whoever has more gives the value that is wanted."),
    "TEXT_SEGMENT_BYTES": Limit(
        2048, "bytes", "Appending to one Text costs its length; at 2 KiB a token stays under 10 µs."
    ),
    "FINISHED_RUNS": Limit(
        50, "runs", "In the room document and in a prompt's context; older ones are archived and read from the log."
    ),
    "CONTEXT_FACTS": Limit(64, "facts", "Of a tab, of the room, or of a prompt; each stands in every request."),
    "CONTEXT_BYTES": Limit(
        32 << 10, "bytes", "UTF-8 of one owner's facts, about 8,000 tokens; more belongs in a tool."
    ),
    "ATTACHMENTS": Limit(16, "files", "With one prompt; vendors take 20 pictures or fewer at full size."),
    "METADATA_KEYS": Limit(32, "keys", "Of a room; the list of rooms shows and filters by them."),
    "METADATA_CHARS": Limit(500, "characters", "One value of a room's metadata; more belongs in a document."),
    "OPEN_RUNS": Limit(100, "runs", "Queued prompts per room; more is refused as room-full."),
    "RUN_STEPS": Limit(100, "steps", "Model requests of one run; a loop that needs more is a loop."),
    "RUN_DEPTH": Limit(4, "runs", "A chain of sub-agents below one prompt; deeper is two agents that ask each other."),
    "RUN_CHILDREN": Limit(
        100, "runs", "Sub-agents' runs below one prompt; each is held until the prompt's run has ended."
    ),
    "FLOW_STEPS": Limit(10_000, "steps", "Of one flow; replaying them takes some 120 ms, and each is held in memory."),
    "FLOW_BRANCHES": Limit(100, "steps", "That one flow waits for at once; an answer's parallel calls are fewer."),
    "RUN_BYTES": Limit(4 << 20, "bytes", "Streamed text of one run; a model that never stops is stopped."),
    "STEP_ATTEMPTS": Limit(4, "attempts", "One try and three retries, as the vendors' own SDKs."),
    "TOOL_RESULT_BYTES": Limit(
        256 << 10, "bytes", "JSON of one tool result that is sent to the model in full; a longer one becomes a blob."
    ),
    "TOOL_BEGINNING_BYTES": Limit(
        16 << 10, "bytes", "Of a result that became a blob, for the model: some 4,000 tokens to see what it is."
    ),
    "TOOL_PARTS": Limit(100, "parts", "Shown by one call; each is a record and a part, and nobody reads further."),
    "TOOL_FILES": Limit(16, "files", "Attached by one call; a model that takes files takes few."),
    "TOOL_FILES_BYTES": Limit(
        32 << 20, "bytes", "Of one call's files together, which wait in memory until the store has them."
    ),
    "FILE_NAME_CHARS": Limit(255, "characters", "What file systems take for a name."),
    "EXCERPT_CHARS": Limit(2000, "characters", "Of a source, as people see it; the model gets all of its text."),
    "DATA_BYTES": Limit(64 << 10, "bytes", "JSON of one part of the host's own; more belongs in a file."),
    "TOOL_PROGRESS_MS": Limit(
        200, "milliseconds", "Between two words of one call about how far it is; people see no faster."
    ),
    "TOOL_PROGRESS_STEPS": Limit(
        1000, "words", "About how far a call is, until they come less often: none is sooner than that part of its age."
    ),
    "TOOL_PROGRESS_CHARS": Limit(300, "characters", "Of one word about how far a call is; a line on a page."),
    "FORM_BYTES": Limit(
        32 << 10, "bytes", "JSON Schema of an answer or of a call that asks for a yes; every tab pulls it."
    ),
    "TOOL_NAMES": Limit(32, "names", "Of the tools that there are, told to a model that asked for one that is not."),
    "TOOL_CALLS_PER_STEP": Limit(64, "calls", "Parallel calls that one model answer may ask for."),
    "MODEL_CONNECT_S": Limit(
        10, "seconds", "Until a vendor's server accepts; beyond it another try is the better bet."
    ),
    "MODEL_IDLE_S": Limit(
        300,
        "seconds",
        "Silence of a vendor's stream; models that reason were silent for minutes, none sent no byte for 5.",
    ),
    "MODEL_EVENT_BYTES": Limit(
        1 << 20, "bytes", "One server-sent event; tokens take a hundred, some servers send a whole answer in one."
    ),
    "MODEL_OUTPUT_TOKENS": Limit(
        8192, "tokens", "Of one answer where the vendor wants a bound (Anthropic); its older models take no more."
    ),
    "MODEL_STOPS": Limit(4, "strings", "Of one request; OpenAI takes no more."),
    "MODEL_STOP_CHARS": Limit(100, "characters", "One string that ends an answer; a line's beginning, not a page."),
    "MODEL_TEXT_FILE_BYTES": Limit(
        128 << 10, "bytes", "Of one attached text that a model reads, some 30,000 tokens; the rest is cut and told so."
    ),
    "MODEL_FILES": Limit(50, "files", "In one request, newest first; Anthropic takes 100 images, others fewer."),
    "MODEL_FILES_BYTES": Limit(
        20 << 20, "bytes", "Of files in one request, newest first; as base64 that is below Anthropic's 32 MB."
    ),
    "MODEL_IMAGE_BYTES": Limit(
        3_750_000, "bytes", "One image that a model is shown: 5 MB as base64, which is Anthropic's bound."
    ),
    "MODEL_SOURCES": Limit(100, "sources", "Of one answer; each is a record, and nobody reads further."),
    "TITLE_TOKENS": Limit(
        512, "tokens", "For a title of six words; models that cannot be kept from thinking think first."
    ),
    "TITLE_CHARS": Limit(80, "characters", "Of a title that a model proposes; a list of rooms has one line for it."),
    "MCP_READY_S": Limit(
        20, "seconds", "A runtime's start waits so long for its tool servers; what comes later joins when it is there."
    ),
    "MCP_CONNECT_S": Limit(120, "seconds", "One try at a tool server; a package runner may have to download it first."),
    "MCP_CALL_S": Limit(300, "seconds", "One call of a tool server, unless its source says otherwise; then it is cut."),
    "MCP_RESTART_S": Limit(60, "seconds", "The longest wait between two tries at a tool server that keeps failing."),
    "MCP_TOOLS": Limit(128, "tools", "Of one tool server; vendors take no more in one request (OpenAI)."),
    "MCP_LISTING_BYTES": Limit(
        256 << 10, "bytes", "JSON of one tool server's schemas; every model request carries them all."
    ),
    "STEP_UNCOMMITTED_BYTES": Limit(
        64 << 10, "bytes", "Streamed text that waits for its commit before the model's stream is paused."
    ),
    "PASS_MESSAGES": Limit(1024, "messages", "Taken by a room in one pass, so that one commit stays small."),
    "BATCH_RECORDS": Limit(1024, "records", "One group commit; keeps the fsync's share fair between rooms."),
    "PAGE_RECORDS": Limit(500, "records", "One read from the log; opening a room yields to others between pages."),
    "PAGE_BYTES": Limit(4 << 20, "bytes", "One read from the log, whichever comes first."),
    "SNAPSHOT_RECORDS": Limit(10_000, "records", "The ladder's rung: a room opens from at most that many records."),
    "CHECKPOINT_PAGES": Limit(
        4096,
        "pages",
        "About that much WAL (16 MiB) is moved into the database at once; between two acks, not inside one.",
    ),
    "CHECKPOINT_IDLE_S": Limit(1, "seconds", "A writer that had nothing to do for this long empties its WAL file."),
    "LOCK_WAIT_S": Limit(
        2, "seconds", "Another program may hold the database's own lock this long; then store-failed."
    ),
    "KNOWN_ROOMS": Limit(2048, "rooms", "Heads that the writer remembers, half a KiB each; beyond it reads them anew."),
    "STORE_READERS": Limit(4, "connections", "Readers of one database file; more would only share the same two cores."),
    "BLOB_BYTES": Limit(
        16 << 20, "bytes", "One attachment; what models take (Anthropic 5 MB an image, OpenAI 20 MB) lies about there."
    ),
    "MEDIA_TYPE_CHARS": Limit(
        127, "characters", "`type/subtype` of a blob; the longest name that a registry holds is half of it."
    ),
    "BLOB_LOOSE_S": Limit(
        24 * 3600, "seconds", "An upload that no room refers to is kept so long: a prompt that is written over a day."
    ),
    "BLOB_SWEEP": Limit(16, "blobs", "Removed at most when another is put, so that no upload pays for a crowd."),
    "BLOBS_AT_ONCE": Limit(
        16, "blobs", "Held in memory by uploads and downloads together, 256 MiB at most; more of them wait."
    ),
    "BLOB_UPLOAD_S": Limit(120, "seconds", "Until a blob's body is whole: 16 MiB at 140 KiB a second."),
    "ACTIVITY_S": Limit(
        1,
        "seconds",
        "The grain of the list of rooms: a room that streams moves in its index so often and not per token.",
    ),
    "ROOM_FILTERS": Limit(8, "filters", "Of metadata in one listing; each is looked up in every room that is passed."),
    "KEEPALIVE_S": Limit(
        20, "seconds", "y-websocket closes after 30 s without data; an empty awareness frame is sent before."
    ),
    "PING_S": Limit(
        5,
        "seconds",
        "Silence after which a socket is asked for a pong; y-websocket's server asks every 30 s, Hocuspocus every 60.",
    ),
    "PONG_S": Limit(
        15,
        "seconds",
        "For the pong. People see a ghost until then, and stock clients forget one by themselves at 30 s.",
    ),
    "STALLED_S": Limit(
        60, "seconds", "A socket that takes nothing of what waits for it, as nginx's send_timeout; then it is cut."
    ),
    "TOOL_LEASE_S": Limit(10, "seconds", "A tab that reloads is back sooner; one that is not back by then is gone."),
    "TAB_TOOLS": Limit(64, "tools", "Of one tab; each stands in every model request."),
    "LASTING_TOOLS": Limit(64, "tools", "Of a room; each stands in every model request, though no tab is there."),
    "TOOLS_LEFT": Limit(
        256, "names", "Of tools that were on offer and whose tabs have left, the newest; a model may ask for one late."
    ),
    "TAB_CALLS": Limit(16, "calls", "Carried out at once by one Python client; more wait in the room document."),
    "DUE_S": Limit(15, "seconds", "How late a sleeping room may notice that a decision's time has run out."),
    "DECISION_REASON_CHARS": Limit(2000, "characters", "Why somebody said no; the model is told all of it."),
    "COMMANDS_WAITING": Limit(
        1024, "commands", "Kept by a client that cannot reach its server; whoever asks more wants a queue of their own."
    ),
    "FOLLOW_RECORDS": Limit(
        64, "records", "Read ahead by a client's follower; beyond it reading pauses, and the log is the queue."
    ),
    "RECONNECT_FIRST_MS": Limit(
        100, "milliseconds", "A client's first pause, doubled by each useless socket; a restart takes a second."
    ),
    "RECONNECT_MAX_S": Limit(10, "seconds", "A client's longest pause: people wait that long for a server to be back."),
    "SILENCE_S": Limit(
        30, "seconds", "Nothing from a server for that long: the socket is dead; as y-websocket, and above KEEPALIVE_S."
    ),
    "CLIENT_CONNECT_S": Limit(10, "seconds", "A client's handshake, TCP and TLS included."),
    "CLIENT_FRAME_BYTES": Limit(
        64 << 20, "bytes", "One message that a client takes: a whole document is one, and DOCUMENT_BYTES is half of it."
    ),
    "BLAME_SPANS": Limit(
        1000,
        "spans",
        "Of one answer to blame, about 200 KB with what their records say; a larger one says where to go on.",
    ),
    "BLAME_CHARS": Limit(
        65_536,
        "characters",
        "Of the texts of one answer to blame, together; an imported file is one span, so it is cut.",
    ),
    "BLAME_PROMPT_CHARS": Limit(500, "characters", "Of a prompt in an answer to blame; its record has all of it."),
    "BLAME_KEPT_RECORDS": Limit(
        200_000, "records", "Of documents' pasts that a server keeps, some 450 bytes each; the one unused longest goes."
    ),
    "MOMENTS_BYTES": Limit(
        32 << 20, "bytes", "Of points in a room's past that a debugger keeps to step back from; the oldest go."
    ),
    "MOMENTS_ROOMS": Limit(8, "rooms", "Whose past a server keeps at hand for debuggers; the one unused longest goes."),
    "EFFECTS_LOOKS": Limit(60, "moments", "Into which a search for what deleted one record's effects looks."),
    "ROOM_IDLE_S": Limit(60, "seconds", "A room with nobody in it and nothing running leaves memory after this."),
    "SECRET_CHARS": Limit(16, "characters", "The shortest secret that is masked; `none` and the like are words."),
    "REDACT_TAIL_CHARS": Limit(
        256, "characters", "Of a stream's end, held back where a function redacts; longer than the keys of vendors are."
    ),
    "GRANT_BYTES": Limit(8 << 10, "bytes", "One token; half of a head, which has to hold it, and 64 patterns fit."),
    "GRANT_PATTERNS": Limit(64, "patterns", "Of rooms, and of documents, in one grant; each is tried for every name."),
    "GRANT_KEYS": Limit(16, "keys", "That grants may be signed with at one time; a rotation needs two."),
    "GRANT_SKEW_S": Limit(60, "seconds", "That an issuer's clock may be ahead of ours."),
    "GRANT_RENEW_PERCENT": Limit(80, "percent", "Of a grant's life; then its holder is asked for a fresh one."),
    "SUBJECT_CHARS": Limit(200, "characters", "Of a subject, which each of its records carries, and of a name."),
    "AUTH_S": Limit(10, "seconds", "Until a host's own function, or a key server, has said who asks; then 1013."),
    "KEYS_FRESH_S": Limit(60, "seconds", "How long keys are believed before their file or address is read again."),
    "KEYS_PAUSE_S": Limit(5, "seconds", "Between two readings because a token names a key that is not known."),
    "KEYS_BYTES": Limit(256 << 10, "bytes", "One set of keys; 16 RSA keys with their certificates take a tenth."),
    "REVOCATIONS": Limit(100_000, "revocations", "Held in memory, 30 MiB; who needs more changes the key instead."),
    **CHANGEABLE,
    **FIXED,
    "HEAD_BYTES": Limit(16 << 10, "bytes", "An HTTP head; h11's default and that of most servers."),
    "HEAD_S": Limit(10, "seconds", "Until the head is whole; ends slowloris."),
    "CERTIFICATE_FRESH_S": Limit(
        60, "seconds", "Between two looks at the files of a certificate, which is renewed weeks before it ends."
    ),
    "PROXY_HOPS": Limit(32, "addresses", "Looked at in X-Forwarded-For, from its end; real chains have two or three."),
    "PROXY_HEADER_BYTES": Limit(
        4 << 10, "bytes", "A PROXY header: its text asks for 536 at least, and a cloud's further fields take hundreds."
    ),
    "BODY_BYTES": Limit(1 << 20, "bytes", "An HTTP body; commands are small."),
    "CLOSE_S": Limit(3, "seconds", "A closing handshake and what is still unsent before it; then the socket is cut."),
    "RESPONSE_S": Limit(60, "seconds", "An HTTP answer that is not streamed, to a slow reader."),
    "DRAIN_S": Limit(5, "seconds", "Running steps get this long to stop at SIGTERM."),
}

FRAME_BYTES = LIMITS["FRAME_BYTES"].value
TEXT_FRAME_BYTES = LIMITS["TEXT_FRAME_BYTES"].value
PROMPT_BYTES = LIMITS["PROMPT_BYTES"].value
UPDATE_STRUCTS = LIMITS["UPDATE_STRUCTS"].value
UPDATE_DELETES = LIMITS["UPDATE_DELETES"].value
UPDATE_CLIENTS = LIMITS["UPDATE_CLIENTS"].value
UPDATE_DEPTH = LIMITS["UPDATE_DEPTH"].value
FRAME_MESSAGES = LIMITS["FRAME_MESSAGES"].value
ROOM_NAME_CHARS = LIMITS["ROOM_NAME_CHARS"].value
DOCUMENT_NAME_CHARS = LIMITS["DOCUMENT_NAME_CHARS"].value
DOCUMENTS_PER_ROOM = LIMITS["DOCUMENTS_PER_ROOM"].value
DOCUMENT_BYTES = LIMITS["DOCUMENT_BYTES"].value
PRESENCE_S = LIMITS["PRESENCE_S"].value
UNDO_RECORDS = LIMITS["UNDO_RECORDS"].value
UNDO_EDITS = LIMITS["UNDO_EDITS"].value
UNDO_KEPT = LIMITS["UNDO_KEPT"].value
SEED_BYTES = LIMITS["SEED_BYTES"].value
EXPORT_BYTES = LIMITS["EXPORT_BYTES"].value
CALL_EDITS = LIMITS["CALL_EDITS"].value
EDIT_RESULT_BYTES = LIMITS["EDIT_RESULT_BYTES"].value
DRAFTS_OPEN = LIMITS["DRAFTS_OPEN"].value
DRAFTS_SETTLED = LIMITS["DRAFTS_SETTLED"].value
DRAFT_HUNKS = LIMITS["DRAFT_HUNKS"].value
COMMANDS_UNANSWERED = LIMITS["COMMANDS_UNANSWERED"].value
COMMAND_ID_CHARS = LIMITS["COMMAND_ID_CHARS"].value
EDITS_UNANSWERED = LIMITS["EDITS_UNANSWERED"].value
JOINED_EDITS_BYTES = LIMITS["JOINED_EDITS_BYTES"].value
MESSAGES_PER_S = LIMITS["MESSAGES_PER_S"].value
BYTES_PER_S = LIMITS["BYTES_PER_S"].value
BURST_S = LIMITS["BURST_S"].value
OUTBOX_BYTES = LIMITS["OUTBOX_BYTES"].value
ANSWERS_BYTES = LIMITS["ANSWERS_BYTES"].value
DOCUMENTS_PER_SOCKET = LIMITS["DOCUMENTS_PER_SOCKET"].value
DOCUMENT_KEY_BYTES = LIMITS["DOCUMENT_KEY_BYTES"].value
STRANGER_MESSAGES = LIMITS["STRANGER_MESSAGES"].value
STRANGER_BYTES = LIMITS["STRANGER_BYTES"].value
AWARENESS_IDS = LIMITS["AWARENESS_IDS"].value
AWARENESS_BYTES = LIMITS["AWARENESS_BYTES"].value
AWARENESS_GONE = LIMITS["AWARENESS_GONE"].value
WRITTEN_CHARS = LIMITS["WRITTEN_CHARS"].value
READ_LINES = LIMITS["READ_LINES"].value
READ_CHARS = LIMITS["READ_CHARS"].value
FIND_MATCHES = LIMITS["FIND_MATCHES"].value
FIND_CONTEXT_CHARS = LIMITS["FIND_CONTEXT_CHARS"].value
FLUSH_CHARS = LIMITS["FLUSH_CHARS"].value
PATCH_OPERATIONS = LIMITS["PATCH_OPERATIONS"].value
TEXT_SEGMENT_BYTES = LIMITS["TEXT_SEGMENT_BYTES"].value
FINISHED_RUNS = LIMITS["FINISHED_RUNS"].value
CONTEXT_FACTS = LIMITS["CONTEXT_FACTS"].value
CONTEXT_BYTES = LIMITS["CONTEXT_BYTES"].value
ATTACHMENTS = LIMITS["ATTACHMENTS"].value
METADATA_KEYS = LIMITS["METADATA_KEYS"].value
METADATA_CHARS = LIMITS["METADATA_CHARS"].value
OPEN_RUNS = LIMITS["OPEN_RUNS"].value
RUN_STEPS = LIMITS["RUN_STEPS"].value
RUN_DEPTH = LIMITS["RUN_DEPTH"].value
RUN_CHILDREN = LIMITS["RUN_CHILDREN"].value
FLOW_STEPS = LIMITS["FLOW_STEPS"].value
FLOW_BRANCHES = LIMITS["FLOW_BRANCHES"].value
RUN_BYTES = LIMITS["RUN_BYTES"].value
STEP_ATTEMPTS = LIMITS["STEP_ATTEMPTS"].value
TOOL_RESULT_BYTES = LIMITS["TOOL_RESULT_BYTES"].value
TOOL_BEGINNING_BYTES = LIMITS["TOOL_BEGINNING_BYTES"].value
TOOL_PARTS = LIMITS["TOOL_PARTS"].value
TOOL_FILES = LIMITS["TOOL_FILES"].value
TOOL_FILES_BYTES = LIMITS["TOOL_FILES_BYTES"].value
FILE_NAME_CHARS = LIMITS["FILE_NAME_CHARS"].value
EXCERPT_CHARS = LIMITS["EXCERPT_CHARS"].value
DATA_BYTES = LIMITS["DATA_BYTES"].value
TOOL_PROGRESS_MS = LIMITS["TOOL_PROGRESS_MS"].value
TOOL_PROGRESS_STEPS = LIMITS["TOOL_PROGRESS_STEPS"].value
TOOL_PROGRESS_CHARS = LIMITS["TOOL_PROGRESS_CHARS"].value
FORM_BYTES = LIMITS["FORM_BYTES"].value
TOOL_NAMES = LIMITS["TOOL_NAMES"].value
TOOL_CALLS_PER_STEP = LIMITS["TOOL_CALLS_PER_STEP"].value
MODEL_CONNECT_S = LIMITS["MODEL_CONNECT_S"].value
MODEL_IDLE_S = LIMITS["MODEL_IDLE_S"].value
MODEL_EVENT_BYTES = LIMITS["MODEL_EVENT_BYTES"].value
MODEL_OUTPUT_TOKENS = LIMITS["MODEL_OUTPUT_TOKENS"].value
MODEL_STOPS = LIMITS["MODEL_STOPS"].value
MODEL_STOP_CHARS = LIMITS["MODEL_STOP_CHARS"].value
MODEL_TEXT_FILE_BYTES = LIMITS["MODEL_TEXT_FILE_BYTES"].value
MODEL_FILES = LIMITS["MODEL_FILES"].value
MODEL_FILES_BYTES = LIMITS["MODEL_FILES_BYTES"].value
MODEL_IMAGE_BYTES = LIMITS["MODEL_IMAGE_BYTES"].value
MODEL_SOURCES = LIMITS["MODEL_SOURCES"].value
TITLE_TOKENS = LIMITS["TITLE_TOKENS"].value
TITLE_CHARS = LIMITS["TITLE_CHARS"].value
MCP_READY_S = LIMITS["MCP_READY_S"].value
MCP_CONNECT_S = LIMITS["MCP_CONNECT_S"].value
MCP_CALL_S = LIMITS["MCP_CALL_S"].value
MCP_RESTART_S = LIMITS["MCP_RESTART_S"].value
MCP_TOOLS = LIMITS["MCP_TOOLS"].value
MCP_LISTING_BYTES = LIMITS["MCP_LISTING_BYTES"].value
STEP_UNCOMMITTED_BYTES = LIMITS["STEP_UNCOMMITTED_BYTES"].value
PASS_MESSAGES = LIMITS["PASS_MESSAGES"].value
BATCH_RECORDS = LIMITS["BATCH_RECORDS"].value
PAGE_RECORDS = LIMITS["PAGE_RECORDS"].value
PAGE_BYTES = LIMITS["PAGE_BYTES"].value
SNAPSHOT_RECORDS = LIMITS["SNAPSHOT_RECORDS"].value
CHECKPOINT_PAGES = LIMITS["CHECKPOINT_PAGES"].value
CHECKPOINT_IDLE_S = LIMITS["CHECKPOINT_IDLE_S"].value
LOCK_WAIT_S = LIMITS["LOCK_WAIT_S"].value
KNOWN_ROOMS = LIMITS["KNOWN_ROOMS"].value
STORE_READERS = LIMITS["STORE_READERS"].value
BLOB_BYTES = LIMITS["BLOB_BYTES"].value
MEDIA_TYPE_CHARS = LIMITS["MEDIA_TYPE_CHARS"].value
BLOB_LOOSE_S = LIMITS["BLOB_LOOSE_S"].value
BLOB_SWEEP = LIMITS["BLOB_SWEEP"].value
BLOBS_AT_ONCE = LIMITS["BLOBS_AT_ONCE"].value
BLOB_UPLOAD_S = LIMITS["BLOB_UPLOAD_S"].value
ACTIVITY_S = LIMITS["ACTIVITY_S"].value
ROOM_FILTERS = LIMITS["ROOM_FILTERS"].value
KEEPALIVE_S = LIMITS["KEEPALIVE_S"].value
PING_S = LIMITS["PING_S"].value
PONG_S = LIMITS["PONG_S"].value
STALLED_S = LIMITS["STALLED_S"].value
TOOL_LEASE_S = LIMITS["TOOL_LEASE_S"].value
TAB_TOOLS = LIMITS["TAB_TOOLS"].value
LASTING_TOOLS = LIMITS["LASTING_TOOLS"].value
TOOLS_LEFT = LIMITS["TOOLS_LEFT"].value
TAB_CALLS = LIMITS["TAB_CALLS"].value
DUE_S = LIMITS["DUE_S"].value
DECISION_REASON_CHARS = LIMITS["DECISION_REASON_CHARS"].value
COMMANDS_WAITING = LIMITS["COMMANDS_WAITING"].value
FOLLOW_RECORDS = LIMITS["FOLLOW_RECORDS"].value
RECONNECT_FIRST_MS = LIMITS["RECONNECT_FIRST_MS"].value
RECONNECT_MAX_S = LIMITS["RECONNECT_MAX_S"].value
SILENCE_S = LIMITS["SILENCE_S"].value
CLIENT_CONNECT_S = LIMITS["CLIENT_CONNECT_S"].value
CLIENT_FRAME_BYTES = LIMITS["CLIENT_FRAME_BYTES"].value
ROOM_IDLE_S = LIMITS["ROOM_IDLE_S"].value
SECRET_CHARS = LIMITS["SECRET_CHARS"].value
REDACT_TAIL_CHARS = LIMITS["REDACT_TAIL_CHARS"].value
GRANT_BYTES = LIMITS["GRANT_BYTES"].value
GRANT_PATTERNS = LIMITS["GRANT_PATTERNS"].value
GRANT_KEYS = LIMITS["GRANT_KEYS"].value
GRANT_SKEW_S = LIMITS["GRANT_SKEW_S"].value
GRANT_RENEW_PERCENT = LIMITS["GRANT_RENEW_PERCENT"].value
SUBJECT_CHARS = LIMITS["SUBJECT_CHARS"].value
AUTH_S = LIMITS["AUTH_S"].value
KEYS_FRESH_S = LIMITS["KEYS_FRESH_S"].value
KEYS_PAUSE_S = LIMITS["KEYS_PAUSE_S"].value
KEYS_BYTES = LIMITS["KEYS_BYTES"].value
REVOCATIONS = LIMITS["REVOCATIONS"].value
DESCRIPTORS_SPARE = LIMITS["DESCRIPTORS_SPARE"].value
ADDRESSES = LIMITS["ADDRESSES"].value
NETWORK_BITS = LIMITS["NETWORK_BITS"].value
TURNED_AWAY = LIMITS["TURNED_AWAY"].value
TURNED_AWAY_S = LIMITS["TURNED_AWAY_S"].value
STRANGER_S = LIMITS["STRANGER_S"].value
BODIES_BYTES = LIMITS["BODIES_BYTES"].value
ROOMS_AWAKE = LIMITS["ROOMS_AWAKE"].value
MEMORY_PERCENT = LIMITS["MEMORY_PERCENT"].value
ADMISSION_S = LIMITS["ADMISSION_S"].value
HEAD_BYTES = LIMITS["HEAD_BYTES"].value
HEAD_S = LIMITS["HEAD_S"].value
CERTIFICATE_FRESH_S = LIMITS["CERTIFICATE_FRESH_S"].value
PROXY_HOPS = LIMITS["PROXY_HOPS"].value
PROXY_HEADER_BYTES = LIMITS["PROXY_HEADER_BYTES"].value
BODY_BYTES = LIMITS["BODY_BYTES"].value
CLOSE_S = LIMITS["CLOSE_S"].value
RESPONSE_S = LIMITS["RESPONSE_S"].value
DRAIN_S = LIMITS["DRAIN_S"].value
BLAME_SPANS = LIMITS["BLAME_SPANS"].value
BLAME_CHARS = LIMITS["BLAME_CHARS"].value
BLAME_PROMPT_CHARS = LIMITS["BLAME_PROMPT_CHARS"].value
BLAME_KEPT_RECORDS = LIMITS["BLAME_KEPT_RECORDS"].value
MOMENTS_BYTES = LIMITS["MOMENTS_BYTES"].value
MOMENTS_ROOMS = LIMITS["MOMENTS_ROOMS"].value
EFFECTS_LOOKS = LIMITS["EFFECTS_LOOKS"].value
