"""Limits of what agents do: conversations, runs, flows, tools, models and tool servers."""

from .table import limit

TEXT_SEGMENT_BYTES = limit(
    "TEXT_SEGMENT_BYTES", 2048, "bytes", "Appending to one Text costs its length; at 2 KiB a token stays under 10 µs."
)
FINISHED_RUNS = limit(
    "FINISHED_RUNS",
    50,
    "runs",
    "In the room document and in a prompt's context; older ones are archived and read from the log.",
)
RUNS_PAGE = limit("RUNS_PAGE", 20, "runs", "In a page of older ones; a person reads no more at a time.")
RUNS_LOOKED_RECORDS = limit(
    "RUNS_LOOKED_RECORDS", 20_000, "records", "Read at most for such a page; the next one goes on there."
)
CONTEXT_FACTS = limit(
    "CONTEXT_FACTS", 64, "facts", "Of a tab, of the room, or of a prompt; each stands in every request."
)
CONTEXT_BYTES = limit(
    "CONTEXT_BYTES", 32 << 10, "bytes", "UTF-8 of one owner's facts, about 8,000 tokens; more belongs in a tool."
)
ATTACHMENTS = limit("ATTACHMENTS", 16, "files", "With one prompt; vendors take 20 pictures or fewer at full size.")
METADATA_KEYS = limit("METADATA_KEYS", 32, "keys", "Of a room; the list of rooms shows and filters by them.")
METADATA_CHARS = limit(
    "METADATA_CHARS", 500, "characters", "One value of a room's metadata; more belongs in a document."
)
OPEN_RUNS = limit("OPEN_RUNS", 100, "runs", "Queued prompts per room; more is refused as room-full.")
RUN_STEPS = limit("RUN_STEPS", 100, "steps", "Model requests of one run; a loop that needs more is a loop.")
RUN_DEPTH = limit(
    "RUN_DEPTH", 4, "runs", "A chain of sub-agents below one prompt; deeper is two agents that ask each other."
)
RUN_CHILDREN = limit(
    "RUN_CHILDREN", 100, "runs", "Sub-agents' runs below one prompt; each is held until the prompt's run has ended."
)
FLOW_STEPS = limit(
    "FLOW_STEPS", 10_000, "steps", "Of one flow; replaying them takes some 120 ms, and each is held in memory."
)
FLOW_BRANCHES = limit(
    "FLOW_BRANCHES", 100, "steps", "That one flow waits for at once; an answer's parallel calls are fewer."
)
RUN_BYTES = limit("RUN_BYTES", 4 << 20, "bytes", "Streamed text of one run; a model that never stops is stopped.")
STEP_ATTEMPTS = limit("STEP_ATTEMPTS", 4, "attempts", "One try and three retries, as the vendors' own SDKs.")
WAIT_S = limit(
    "WAIT_S",
    10 * 365 * 86_400,
    "seconds",
    "What a header or a careless tool may ask us to wait: times beyond year 9999 cannot be written down.",
)
RETRIES = limit("RETRIES", 10, "tries", "That a prompt may ask for; each is another request that costs money.")
TOOL_RESULT_BYTES = limit(
    "TOOL_RESULT_BYTES",
    256 << 10,
    "bytes",
    "JSON of one tool result that is sent to the model in full; a longer one becomes a blob.",
)
TOOL_BEGINNING_BYTES = limit(
    "TOOL_BEGINNING_BYTES",
    16 << 10,
    "bytes",
    "Of a result that became a blob, for the model: some 4,000 tokens to see what it is.",
)
TOOL_PARTS = limit(
    "TOOL_PARTS", 100, "parts", "Shown by one call; each is a record and a part, and nobody reads further."
)
TOOL_FILES = limit("TOOL_FILES", 16, "files", "Attached by one call; a model that takes files takes few.")
TOOL_FILES_BYTES = limit(
    "TOOL_FILES_BYTES",
    32 << 20,
    "bytes",
    "Of one call's files together, which wait in memory until the store has them.",
)
FILE_NAME_CHARS = limit("FILE_NAME_CHARS", 255, "characters", "What file systems take for a name.")
EXCERPT_CHARS = limit(
    "EXCERPT_CHARS", 2000, "characters", "Of a source, as people see it; the model gets all of its text."
)
DATA_BYTES = limit("DATA_BYTES", 64 << 10, "bytes", "JSON of one part of the host's own; more belongs in a file.")
TOOL_PROGRESS_MS = limit(
    "TOOL_PROGRESS_MS", 200, "milliseconds", "Between two words of one call about how far it is; people see no faster."
)
TOOL_PROGRESS_STEPS = limit(
    "TOOL_PROGRESS_STEPS",
    1000,
    "words",
    "About how far a call is, until they come less often: none is sooner than that part of its age.",
)
TOOL_PROGRESS_CHARS = limit(
    "TOOL_PROGRESS_CHARS", 300, "characters", "Of one word about how far a call is; a line on a page."
)
FORM_BYTES = limit(
    "FORM_BYTES", 32 << 10, "bytes", "JSON Schema of an answer or of a call that asks for a yes; every tab pulls it."
)
FORM_ERROR_CHARS = limit(
    "FORM_ERROR_CHARS", 300, "characters", "Of why an answer or a schema does not fit; validators quote whole values."
)
TOOL_NAMES = limit(
    "TOOL_NAMES", 32, "names", "Of the tools that there are, told to a model that asked for one that is not."
)
TOOL_CALLS_PER_STEP = limit("TOOL_CALLS_PER_STEP", 64, "calls", "Parallel calls that one model answer may ask for.")
MODEL_CONNECT_S = limit(
    "MODEL_CONNECT_S", 10, "seconds", "Until a vendor's server accepts; beyond it another try is the better bet."
)
MODEL_IDLE_S = limit(
    "MODEL_IDLE_S",
    300,
    "seconds",
    "Silence of a vendor's stream; models that reason were silent for minutes, none sent no byte for 5.",
)
MODEL_EVENT_BYTES = limit(
    "MODEL_EVENT_BYTES",
    1 << 20,
    "bytes",
    "One server-sent event; tokens take a hundred, some servers send a whole answer in one.",
)
MODEL_OUTPUT_TOKENS = limit(
    "MODEL_OUTPUT_TOKENS",
    8192,
    "tokens",
    "Of one answer where the vendor wants a bound (Anthropic); its older models take no more.",
)
OUTPUT_TOKENS = limit(
    "OUTPUT_TOKENS",
    1_000_000,
    "tokens",
    "That a prompt may ask for; no model gives so many, each has a bound of its own.",
)
MODEL_STOPS = limit("MODEL_STOPS", 4, "strings", "Of one request; OpenAI takes no more.")
MODEL_STOP_CHARS = limit(
    "MODEL_STOP_CHARS", 100, "characters", "One string that ends an answer; a line's beginning, not a page."
)
MODEL_TEXT_FILE_BYTES = limit(
    "MODEL_TEXT_FILE_BYTES",
    128 << 10,
    "bytes",
    "Of one attached text that a model reads, some 30,000 tokens; the rest is cut and told so.",
)
MODEL_FILES = limit(
    "MODEL_FILES", 50, "files", "In one request, newest first; Anthropic takes 100 images, others fewer."
)
MODEL_FILES_BYTES = limit(
    "MODEL_FILES_BYTES",
    20 << 20,
    "bytes",
    "Of files in one request, newest first; as base64 that is below Anthropic's 32 MB.",
)
MODEL_IMAGE_BYTES = limit(
    "MODEL_IMAGE_BYTES",
    3_750_000,
    "bytes",
    "One image that a model is shown: 5 MB as base64, which is Anthropic's bound.",
)
MODEL_SOURCES = limit("MODEL_SOURCES", 100, "sources", "Of one answer; each is a record, and nobody reads further.")
MODEL_SOURCE_CHARS = limit(
    "MODEL_SOURCE_CHARS", 2000, "characters", "Of a source's address, title or passage; vendors quote some hundred."
)
MODEL_ERROR_CHARS = limit(
    "MODEL_ERROR_CHARS", 500, "characters", "Of a vendor's own sentence; some put whole requests in."
)
TITLE_TOKENS = limit(
    "TITLE_TOKENS", 512, "tokens", "For a title of six words; models that cannot be kept from thinking think first."
)
TITLE_CHARS = limit(
    "TITLE_CHARS", 80, "characters", "Of a title that a model proposes; a list of rooms has one line for it."
)
TITLE_WORDS = limit("TITLE_WORDS", 8, "words", "Of a prompt, as a room's title until a model has proposed one.")
MCP_READY_S = limit(
    "MCP_READY_S",
    20,
    "seconds",
    "A runtime's start waits so long for its tool servers; what comes later joins when it is there.",
)
MCP_CONNECT_S = limit(
    "MCP_CONNECT_S", 120, "seconds", "One try at a tool server; a package runner may have to download it first."
)
MCP_CALL_S = limit(
    "MCP_CALL_S", 300, "seconds", "One call of a tool server, unless its source says otherwise; then it is cut."
)
MCP_RESTART_S = limit(
    "MCP_RESTART_S", 60, "seconds", "The longest wait between two tries at a tool server that keeps failing."
)
MCP_LAST_WORDS_S = limit(
    "MCP_LAST_WORDS_S", 5, "seconds", "For answers that may still come over a connection that is to be given up."
)
MCP_TOOLS = limit("MCP_TOOLS", 128, "tools", "Of one tool server; vendors take no more in one request (OpenAI).")
MCP_LISTING_BYTES = limit(
    "MCP_LISTING_BYTES", 256 << 10, "bytes", "JSON of one tool server's schemas; every model request carries them all."
)
