// Generated from protocol/limits by `python -m tests.generate`; a test holds both equal.

/** facts: Of a tab, of the room, or of a prompt; each stands in every request. */
export const CONTEXT_FACTS = 64

/** bytes: UTF-8 of one owner's facts, about 8,000 tokens; more belongs in a tool. */
export const CONTEXT_BYTES = 32_768

/** files: With one prompt; vendors take 20 pictures or fewer at full size. */
export const ATTACHMENTS = 16

/** bytes: JSON of one tool result that is sent to the model in full; a longer one becomes a blob. */
export const TOOL_RESULT_BYTES = 262_144

/** bytes: One WebSocket message; Hocuspocus and Liveblocks cap near 1 MiB; beyond it 4413, beyond twice it 1009. */
export const FRAME_BYTES = 1_048_576

/** bytes: One JSON command; four times the longest prompt leaves room for escapes. */
export const TEXT_FRAME_BYTES = 262_144

/** bytes: UTF-8 of one prompt; about 16,000 tokens, more belongs in a document. */
export const PROMPT_BYTES = 65_536

/** messages: In one binary frame; y-sweet sends a few, and each one-byte query costs a whole answer. */
export const FRAME_MESSAGES = 64

/** characters: INTERFACE: 1 to 200 characters of a plain alphabet. */
export const ROOM_NAME_CHARS = 200

/** characters: As long as a room's name. */
export const DOCUMENT_NAME_CHARS = 200

/** commands: INTERFACE: per socket; more is refused as too-many. */
export const COMMANDS_UNANSWERED = 64

/** characters: A UUID is 36; ids are kept for the life of the log. */
export const COMMAND_ID_CHARS = 100

/** edits: Per socket; reading pauses beyond it, so TCP slows the sender. */
export const EDITS_UNANSWERED = 256

/** documents: On one Hocuspocus socket, as many as a room has; Hocuspocus lets 100 wait to be opened. */
export const DOCUMENTS_PER_SOCKET = 100

/** ids: Per connection; a stock client announces one, and y-websocket pages seldom share a socket. */
export const AWARENESS_IDS = 4

/** bytes: Per connection, all its states together; a name, a colour and a selection take 300. */
export const AWARENESS_BYTES = 4_096

/** seconds: Between two words of an agent's presence; y-protocols forgets after 30. */
export const PRESENCE_S = 15

/** seconds: Silence after which a socket is asked for a pong; y-websocket's server asks every 30 s, Hocuspocus every 60. */
export const PING_S = 5

/** seconds: For the pong. People see a ghost until then, and stock clients forget one by themselves at 30 s. */
export const PONG_S = 15

/** seconds: A tab that reloads is back sooner; one that is not back by then is gone. */
export const TOOL_LEASE_S = 10

/** tools: Of one tab; each stands in every model request. */
export const TAB_TOOLS = 64

/** calls: Carried out at once by one Python client; more wait in the room document. */
export const TAB_CALLS = 16

/** commands: Kept by a client that cannot reach its server; whoever asks more wants a queue of their own. */
export const COMMANDS_WAITING = 1_024

/** records: Read ahead by a client's follower; beyond it reading pauses, and the log is the queue. */
export const FOLLOW_RECORDS = 64

/** milliseconds: A client's first pause, doubled by each useless socket; a restart takes a second. */
export const RECONNECT_FIRST_MS = 100

/** seconds: A client's longest pause: people wait that long for a server to be back. */
export const RECONNECT_MAX_S = 10

/** seconds: Nothing from a server for that long: the socket is dead; as y-websocket, and above KEEPALIVE_S. */
export const SILENCE_S = 30

/** seconds: A client's handshake, TCP and TLS included. */
export const CLIENT_CONNECT_S = 10

/** bytes: One attachment; what models take (Anthropic 5 MB an image, OpenAI 20 MB) lies about there. */
export const BLOB_BYTES = 16_777_216
