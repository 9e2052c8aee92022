"""Limits of who is served, and for how long: sockets, tabs' tools, clients, grants, admission and HTTP."""

from ..admission import CHANGEABLE, FIXED
from .table import LIMITS, limit

KEEPALIVE_S = limit(
    "KEEPALIVE_S", 20, "seconds", "y-websocket closes after 30 s without data; an empty awareness frame is sent before."
)
PING_S = limit(
    "PING_S",
    5,
    "seconds",
    "Silence after which a socket is asked for a pong; y-websocket's server asks every 30 s, Hocuspocus every 60.",
)
PONG_S = limit(
    "PONG_S",
    15,
    "seconds",
    "For the pong. People see a ghost until then, and stock clients forget one by themselves at 30 s.",
)
STALLED_S = limit(
    "STALLED_S",
    60,
    "seconds",
    "A socket that takes nothing of what waits for it, as nginx's send_timeout; then it is cut.",
)
TOOL_LEASE_S = limit(
    "TOOL_LEASE_S", 10, "seconds", "A tab that reloads is back sooner; one that is not back by then is gone."
)
TAB_EPOCHS = limit(
    "TAB_EPOCHS",
    3,
    "restarts",
    "Of a server, after which nobody waits for a tab that was there before and did not come back.",
)
TAB_TOOLS = limit("TAB_TOOLS", 64, "tools", "Of one tab; each stands in every model request.")
TOOL_TEXT_CHARS = limit(
    "TOOL_TEXT_CHARS",
    4000,
    "characters",
    "Of what a tab says of a tool, or of why a call failed; about 1,000 tokens of every request.",
)
LASTING_TOOLS = limit(
    "LASTING_TOOLS", 64, "tools", "Of a room; each stands in every model request, though no tab is there."
)
TOOLS_LEFT = limit(
    "TOOLS_LEFT",
    256,
    "names",
    "Of tools that were on offer and whose tabs have left, the newest; a model may ask for one late.",
)
TAB_CALLS = limit("TAB_CALLS", 16, "calls", "Carried out at once by one Python client; more wait in the room document.")
DUE_S = limit("DUE_S", 15, "seconds", "How late a sleeping room may notice that a decision's time has run out.")
DECISION_REASON_CHARS = limit(
    "DECISION_REASON_CHARS", 2000, "characters", "Why somebody said no; the model is told all of it."
)
COMMANDS_WAITING = limit(
    "COMMANDS_WAITING",
    1024,
    "commands",
    "Kept by a client that cannot reach its server; whoever asks more wants a queue of their own.",
)
COMMAND_TRIES = limit(
    "COMMAND_TRIES",
    2,
    "tries",
    "At a command that breaks its room, which is then read again from its log; the next one is refused.",
)
FOLLOW_RECORDS = limit(
    "FOLLOW_RECORDS",
    64,
    "records",
    "Read ahead by a client's follower; beyond it reading pauses, and the log is the queue.",
)
RECONNECT_FIRST_MS = limit(
    "RECONNECT_FIRST_MS",
    100,
    "milliseconds",
    "A client's first pause, doubled by each useless socket; a restart takes a second.",
)
RECONNECT_MAX_S = limit(
    "RECONNECT_MAX_S", 10, "seconds", "A client's longest pause: people wait that long for a server to be back."
)
SILENCE_S = limit(
    "SILENCE_S",
    30,
    "seconds",
    "Nothing from a server for that long: the socket is dead; as y-websocket, and above KEEPALIVE_S.",
)
CLIENT_CONNECT_S = limit("CLIENT_CONNECT_S", 10, "seconds", "A client's handshake, TCP and TLS included.")
CLIENT_CLOSE_S = limit(
    "CLIENT_CLOSE_S", 1, "seconds", "A client's goodbye; a server that does not answer is not waited for."
)
CLIENT_FRAME_BYTES = limit(
    "CLIENT_FRAME_BYTES",
    64 << 20,
    "bytes",
    "One message that a client takes: a whole document is one, and DOCUMENT_BYTES is half of it.",
)
BLAME_SPANS = limit(
    "BLAME_SPANS",
    1000,
    "spans",
    "Of one answer to blame, about 200 KB with what their records say; a larger one says where to go on.",
)
BLAME_CHARS = limit(
    "BLAME_CHARS",
    65_536,
    "characters",
    "Of the texts of one answer to blame, together; an imported file is one span, so it is cut.",
)
BLAME_PROMPT_CHARS = limit(
    "BLAME_PROMPT_CHARS", 500, "characters", "Of a prompt in an answer to blame; its record has all of it."
)
BLAME_KEPT_RECORDS = limit(
    "BLAME_KEPT_RECORDS",
    200_000,
    "records",
    "Of documents' pasts that a server keeps, some 450 bytes each; the one unused longest goes.",
)
MOMENTS_BYTES = limit(
    "MOMENTS_BYTES",
    32 << 20,
    "bytes",
    "Of points in a room's past that a debugger keeps to step back from; the oldest go.",
)
MOMENTS_ROOMS = limit(
    "MOMENTS_ROOMS", 8, "rooms", "Whose past a server keeps at hand for debuggers; the one unused longest goes."
)
FORKS_AT_ONCE = limit(
    "FORKS_AT_ONCE", 2, "forks", "Made at the same time by a process; each holds the room's documents meanwhile."
)
ROOM_FORKS = limit(
    "ROOM_FORKS", 1000, "forks", "Of one room; each is a copy of its log, so one that asks in a loop must end."
)
MOMENTS_AT_ONCE = limit(
    "MOMENTS_AT_ONCE",
    4,
    "moments",
    "Of rooms' pasts that are read at once; each reads up to SNAPSHOT_RECORDS records, and there are STORE_READERS.",
)
MOMENTS_EACH = limit(
    "MOMENTS_EACH", 2, "moments", "Of those, for one subject or address; the others of a debugger in a hurry wait."
)
MOMENTS_WAIT_S = limit("MOMENTS_WAIT_S", 30, "seconds", "For one's turn to look at a past; then it is 503 or 1013.")
READS_AT_ONCE = limit(
    "READS_AT_ONCE", 8, "answers", "That are made of rooms' logs at once: each takes the loop for a page's worth of it."
)
READS_EACH = limit("READS_EACH", 4, "answers", "Of those, for one subject or address; their others wait.")
READS_WAIT_S = limit("READS_WAIT_S", 30, "seconds", "For one's turn to read, fork, merge or erase; then it is 503.")
FORKS_EACH = limit("FORKS_EACH", 1, "forks", "Or merges at once for one subject or address; their others wait.")
ERASURES_AT_ONCE = limit("ERASURES_AT_ONCE", 1, "persons", "Erased at once: each reads the logs of all rooms.")
FINDS_AT_ONCE = limit("FINDS_AT_ONCE", 64, "questions", "For breakpoints in all rooms, as those of one room.")
FINDS_EACH = limit(
    "FINDS_EACH", 6, "questions", "Of those, for one subject or address; others have the rest of a room's."
)
FINDS_ROOM = limit(
    "FINDS_ROOM", 8, "questions", "For breakpoints of one room at once; each has a moment of its own in memory."
)
BREAK_WAIT_S = limit(
    "BREAK_WAIT_S", 5, "seconds", "That a step waits for a breakpoint to look: one that is slower must not stop it."
)
FIND_S = limit(
    "FIND_S",
    5,
    "seconds",
    "Of looking for one answer: a proxy waits longer, and a person would rather see how far it came.",
)
FIND_CHARS = limit(
    "FIND_CHARS", 500, "characters", "Of a condition from a stranger, which costs more the longer it is."
)
FIND_CHOICES = limit(
    "FIND_CHOICES", 4, "choices", "In a pattern from a stranger; each may double what looking for it takes."
)
OUTLINE_RECORDS = limit(
    "OUTLINE_RECORDS",
    5_000,
    "records",
    "In a page of an outline, ten reads of the log, and looked through by one search; the next goes on there.",
)
SEARCH_HITS = limit("SEARCH_HITS", 200, "hits", "In one answer of a search; a reader goes on where it ended.")
MERGE_CHANGES = limit(
    "MERGE_CHANGES", 200, "places", "Of one document that the preview of a merge tells of; a person reads no more."
)
MERGE_DOCUMENTS = limit(
    "MERGE_DOCUMENTS", 1000, "documents", "Named by one merge; without names it takes all, in one pass as well."
)
MERGE_EDITS = limit(
    "MERGE_EDITS", 10_000, "edits", "Of a fork, made in its parent by one merge, which is one pass of that room."
)
MERGE_TRIES = limit(
    "MERGE_TRIES",
    3,
    "tries",
    "At a merge into a room where others keep writing; then it is refused, and one asks again.",
)
RERUN_MOMENTS = limit(
    "RERUN_MOMENTS", 64, "moments", "Since its step's turn with which a request is compared when a run is run again."
)
EFFECTS_LOOKS = limit(
    "EFFECTS_LOOKS", 60, "moments", "Into which a search for what deleted one record's effects looks."
)
EFFECTS_RECORDS = limit(
    "EFFECTS_RECORDS",
    2000,
    "records",
    "Behind one, among which those are looked for that it caused; reading them takes some 20 ms.",
)
ROOM_IDLE_S = limit(
    "ROOM_IDLE_S", 60, "seconds", "A room with nobody in it and nothing running leaves memory after this."
)
SECRET_CHARS = limit(
    "SECRET_CHARS", 16, "characters", "The shortest secret that is masked; `none` and the like are words."
)
REDACT_TAIL_CHARS = limit(
    "REDACT_TAIL_CHARS",
    256,
    "characters",
    "Of a stream's end, held back where a function redacts; longer than the keys of vendors are.",
)
GRANT_BYTES = limit(
    "GRANT_BYTES", 8 << 10, "bytes", "One token; half of a head, which has to hold it, and 64 patterns fit."
)
GRANT_PATTERNS = limit(
    "GRANT_PATTERNS", 64, "patterns", "Of rooms, and of documents, in one grant; each is tried for every name."
)
GRANT_KEYS = limit("GRANT_KEYS", 16, "keys", "That grants may be signed with at one time; a rotation needs two.")
GRANT_SECRET_BYTES = limit(
    "GRANT_SECRET_BYTES",
    32,
    "bytes",
    "The shortest shared secret: as long as the hash of HS256 (RFC 7518, section 3.2).",
)
GRANT_RIGHTS = limit("GRANT_RIGHTS", 64, "rights", "Named in one grant; there are ten.")
GRANT_SKEW_S = limit("GRANT_SKEW_S", 60, "seconds", "That an issuer's clock may be ahead of ours.")
GRANT_RENEW_PERCENT = limit(
    "GRANT_RENEW_PERCENT", 80, "percent", "Of a grant's life; then its holder is asked for a fresh one."
)
GRANT_LOOK_S = limit(
    "GRANT_LOOK_S",
    30,
    "seconds",
    "Between two looks at an open socket's grant, besides one with each frame: a clock may jump.",
)
SUBJECT_CHARS = limit(
    "SUBJECT_CHARS", 200, "characters", "Of a subject, which each of its records carries, and of a name."
)
AUTH_S = limit("AUTH_S", 10, "seconds", "Until a host's own function, or a key server, has said who asks; then 1013.")
KEYS_FRESH_S = limit(
    "KEYS_FRESH_S", 60, "seconds", "How long keys are believed before their file or address is read again."
)
KEYS_PAUSE_S = limit(
    "KEYS_PAUSE_S", 5, "seconds", "Between two readings because a token names a key that is not known."
)
KEYS_BYTES = limit(
    "KEYS_BYTES", 256 << 10, "bytes", "One set of keys; 16 RSA keys with their certificates take a tenth."
)
REVOCATIONS = limit(
    "REVOCATIONS", 100_000, "revocations", "Held in memory, 30 MiB; who needs more changes the key instead."
)
FRAMES_AT_ONCE = limit(
    "FRAMES_AT_ONCE",
    64,
    "frames",
    "Of one chunk that are handed on before others are looked at: about a millisecond's worth.",
)
SOCKETS_AT_ONCE = limit(
    "SOCKETS_AT_ONCE", 64, "sockets", "With something to read that are read before other tasks have their turn."
)
LIMITS |= CHANGEABLE
LIMITS |= FIXED
DESCRIPTORS_SPARE = FIXED["DESCRIPTORS_SPARE"].value
ADDRESSES = FIXED["ADDRESSES"].value
NETWORK_BITS = FIXED["NETWORK_BITS"].value
TURNED_AWAY = FIXED["TURNED_AWAY"].value
TURNED_AWAY_S = FIXED["TURNED_AWAY_S"].value
STRANGER_S = FIXED["STRANGER_S"].value
BODIES_BYTES = FIXED["BODIES_BYTES"].value
ROOMS_AWAKE = FIXED["ROOMS_AWAKE"].value
MEMORY_PERCENT = FIXED["MEMORY_PERCENT"].value
ADMISSION_S = FIXED["ADMISSION_S"].value
REQUESTS_BURST_S = FIXED["REQUESTS_BURST_S"].value
HOARD_BYTES = FIXED["HOARD_BYTES"].value
CLOSED_LINES = FIXED["CLOSED_LINES"].value
HEAD_BYTES = limit("HEAD_BYTES", 16 << 10, "bytes", "An HTTP head; h11's default and that of most servers.")
HEAD_S = limit("HEAD_S", 10, "seconds", "Until the head is whole; ends slowloris.")
CERTIFICATE_FRESH_S = limit(
    "CERTIFICATE_FRESH_S",
    60,
    "seconds",
    "Between two looks at the files of a certificate, which is renewed weeks before it ends.",
)
PROXY_HOPS = limit(
    "PROXY_HOPS", 32, "addresses", "Looked at in X-Forwarded-For, from its end; real chains have two or three."
)
PROXY_HEADER_BYTES = limit(
    "PROXY_HEADER_BYTES",
    4 << 10,
    "bytes",
    "A PROXY header: its text asks for 536 at least, and a cloud's further fields take hundreds.",
)
BODY_BYTES = limit("BODY_BYTES", 1 << 20, "bytes", "An HTTP body; commands are small.")
CLOSE_S = limit(
    "CLOSE_S", 3, "seconds", "A closing handshake and what is still unsent before it; then the socket is cut."
)
RESPONSE_S = limit("RESPONSE_S", 60, "seconds", "An HTTP answer that is not streamed, to a slow reader.")
DRAIN_S = limit("DRAIN_S", 5, "seconds", "Running steps get this long to stop at SIGTERM.")
DELIVERIES_LOOK_S = limit("DELIVERIES_LOOK_S", 1, "seconds", "Between two looks at what each tab was sent.")
DELIVERIES_EVERY_S = limit(
    "DELIVERIES_EVERY_S", 5, "seconds", "Between two rows about a tab of a busy room: 200 rows a second of 1,000 tabs."
)
DELIVERIES_S = limit("DELIVERIES_S", 3 * 24 * 3600, "seconds", "How long is known what tabs were sent: over a weekend.")
DELIVERIES_ROWS = limit("DELIVERIES_ROWS", 500_000, "rows", "Of that in all, some 60 MB; the oldest go.")
DELIVERIES_WAITING = limit(
    "DELIVERIES_WAITING", 10_000, "rows", "Of that, waiting for the disk; what comes beyond is not noted."
)
DELIVERIES_READ = limit("DELIVERIES_READ", 20_000, "rows", "Of them looked at for one answer, the newest.")
VIEW_AROUND_S = limit("VIEW_AROUND_S", 3600, "seconds", "Before and after a record in which is looked for its tabs.")
