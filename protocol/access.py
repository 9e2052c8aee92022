"""Grants: who somebody is, in which rooms, and what they may do there.

A grant is handed in by whoever accepted the socket or the request (`protocol/tokens` reads one out of a signed token).
Here stands what it allows: one table says which rights every command needs, one every message of a document's lane, one
every HTTP request. Whoever carries something out asks here first, with the grant as it is at that moment. Rules
(specs/access.md):

- Rights do not imply each other. What is not granted is refused; nothing is guessed from who somebody is.
- Rooms and documents are granted by patterns, in which `*` stands for any characters. The room document is the document
  of the empty name; a draft belongs to the document that it is a draft of.
- What shows all documents at once, as the log does, needs a grant for all of them.
- Without auth everybody is `anonymous` and may do everything.
"""

from collections.abc import Iterable
from typing import Literal, get_args

from msgspec import Struct

from .commands import Accept, Blame, Command, Follow, Fork, Merge, Propose, Reject, SetRoom, Undo
from .errors import Refused
from .events import kebab
from .names import draft_begun

Right = Literal["read", "write", "prompt", "decide", "tools", "admin"]
RIGHTS: tuple[Right, ...] = get_args(Right)

ANY = ("*",)
"""The pattern that every name fits."""

_DRAFT_CHARS = len("~000000000012")


class Grant(Struct, frozen=True):
    """Who (`author`, as it stands in records; `name`, as people see it; `on_behalf_of` whom a service acts for) and
    what they may: read, write into documents, prompt agents, decide, carry out tools, and (`admin`) what cannot be
    taken back, such as deleting a room.

    `rooms` and `documents` are patterns, and so are `forbid_tools`, which no agent may call for them, and `ask_tools`,
    for each call of which somebody has to say yes. `id` is the grant's own, by which the log names it and it can be
    revoked. `issued` and `expires` are in µs since 1970; 0 is not known, and never.
    """

    author: str = "anonymous"
    name: str = ""
    read: bool = True
    write: bool = True
    decide: bool = True
    admin: bool = True
    prompt: bool = True
    tools: bool = True
    rooms: tuple[str, ...] = ANY
    documents: tuple[str, ...] = ANY
    forbid_tools: tuple[str, ...] = ()
    ask_tools: tuple[str, ...] = ()
    on_behalf_of: str = ""
    id: str = ""
    issued: int = 0
    expires: int = 0

    def has(self, right: Right) -> bool:
        """Whether this right is granted."""
        return getattr(self, right)

    def enters(self, room: str) -> bool:
        """Whether it is a grant for that room."""
        return fits(room, self.rooms)

    def sees(self, document: str) -> bool:
        """Whether it is a grant for that document; the room document has the empty name."""
        if draft_begun(document):
            document = document[:-_DRAFT_CHARS]
        return fits(document, self.documents)

    @property
    def sees_all(self) -> bool:
        """Whether it is a grant for every document that there may be."""
        return "*" in self.documents


ANONYMOUS = Grant()

NOBODY = Grant("", "", False, False, False, False, False, False, (), ())
"""Allows nothing: where it cannot be known who asks."""

HOUSE = "plait"
"""The author of what a room decides by itself."""

Needs = frozenset[Right]
_NOTHING: Needs = frozenset()
_READ: Needs = frozenset({"read"})
_WRITE: Needs = frozenset({"write"})
_PROMPT: Needs = frozenset({"prompt"})
_DECIDE: Needs = frozenset({"decide"})
_TOOLS: Needs = frozenset({"tools"})
_ADMIN: Needs = frozenset({"admin"})

COMMANDS: dict[str, Needs] = {
    "prompt": _PROMPT,
    "regenerate": _PROMPT,
    "edit-prompt": _PROMPT,
    "steer": _PROMPT,
    "stop": _PROMPT,
    "pause": _PROMPT,
    "resume": _PROMPT,
    "fork": _READ | _PROMPT,  # For both rooms.
    "fork writes": _READ | _PROMPT | _WRITE | _DECIDE,  # Its tools may change the world outside.
    "merge": _READ | _WRITE,  # For both rooms.
    "provide-context": _PROMPT,
    "set-room": _WRITE,  # Title and metadata.
    "set-room branch": _PROMPT,  # Where the conversation goes on.
    "approve": _DECIDE,
    "deny": _DECIDE,
    "answer": _DECIDE,
    "resolve": _DECIDE,
    "register-tools": _TOOLS,
    "claim-tool": _TOOLS,
    "return-tool-result": _TOOLS,
    "undo": _READ | _WRITE,  # Its answer tells what was written.
    "propose": _WRITE,
    "accept": _WRITE | _DECIDE,
    "reject": _WRITE | _DECIDE,
    "follow": _READ,
    "blame": _READ,
    "renew-grant": _NOTHING,
    "ping": _NOTHING,
}
"""What each command needs, by the word of its `do`; a `set-room` that chooses a branch has a line of its own, and so
has a `fork` whose tools write."""

FRAMES: dict[str, Needs] = {
    "sync step 1": _READ,
    "sync step 2": _WRITE,
    "update": _WRITE,
    "awareness": _READ,
    "query awareness": _READ,
    "sync status": _READ,
}
"""What each message of a document's lane needs. Nobody has a lane without `read`; an edit without `write` is an edit of
a read-only document: it is ignored and answered once. The room document is read-only for everybody."""

REQUESTS: dict[str, Needs] = {
    "GET /api/rooms": _READ,
    "GET /api/rooms/ROOM/records": _READ,
    "GET /api/rooms/ROOM/runs": _READ,
    "GET /api/rooms/ROOM/blame": _READ,
    "GET /api/rooms/ROOM/drafts": _READ,
    "GET /api/rooms/ROOM/moment": _READ,
    "GET /api/rooms/ROOM/request": _READ,
    "GET /api/rooms/ROOM/effects": _READ,
    "GET /api/rooms/ROOM/find": _READ,
    "POST /api/rooms/ROOM/break": _READ | _PROMPT,
    "GET /api/rooms/ROOM/view": _READ,
    "GET /api/rooms/ROOM/outline": _READ,
    "GET /api/rooms/ROOM/search": _READ,
    "GET /api/rooms/ROOM/export": _READ,
    "POST /api/import": _ADMIN,
    "GET /api/rooms/ROOM/documents": _READ,
    "GET /api/rooms/ROOM/documents/NAME": _READ,
    "PUT /api/rooms/ROOM/documents/NAME": _WRITE,
    "POST /api/rooms/ROOM/fork": _READ | _PROMPT,  # For both rooms; with `writes` to write and to decide too.
    "POST /api/rooms/ROOM/merge": _READ | _WRITE,  # For both rooms.
    "GET /api/rooms/ROOM/lineage": _READ,
    "POST /api/rooms/ROOM/reproject": _ADMIN,
    "DELETE /api/rooms/ROOM": _ADMIN,
    "GET /api/blobs/HASH": _READ,
    "GET /api/revocations": _ADMIN,
    "POST /api/revocations": _ADMIN,
    "POST /api/subjects/SUBJECT/erase": _ADMIN,
    "GET /metrics": _ADMIN,
}
"""What each HTTP request needs. Commands over HTTP need what they need anywhere; `PUT /api/blobs` needs one of
`UPLOADING`; pages and `/health` need nothing."""

UPLOADING: tuple[Right, ...] = ("write", "prompt", "tools")
"""Any one of these lets a file be put: it is nobody's until a prompt, a document or a result refers to it."""


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns means that name. Linear in both, whatever the pattern."""
    return any(_fits(name, pattern) for pattern in patterns)


def _fits(name: str, pattern: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def needs(command: Command) -> Needs:
    """The rights without which this command is refused."""
    if isinstance(command, SetRoom) and command.branch:
        plain = command.title is not None or command.metadata
        return COMMANDS["set-room branch"] | (COMMANDS["set-room"] if plain else _NOTHING)
    if isinstance(command, Fork) and command.writes:
        return COMMANDS["fork writes"]
    return COMMANDS[kebab(type(command).__name__)]


def check(grant: Grant, command: Command) -> None:
    """Raises Refused('not-allowed') unless the grant allows the command, in whichever of its rooms."""
    check_rights(grant, needs(command))
    match command:
        case Follow() | Fork():
            check_all_documents(grant)
        case Merge():
            for name in command.documents or ():
                check_document(grant, name)
        case Undo(document=""):
            check_all_documents(grant)
        case Blame() | Propose() | Undo():
            check_document(grant, command.document)
        case Accept() | Reject():
            check_document(grant, command.draft)
        case _:
            pass


def allows(grant: Grant, command: Command) -> bool:
    """Whether `check` lets it pass."""
    try:
        check(grant, command)
    except Refused:
        return False
    return True


def check_rights(grant: Grant, needed: Needs) -> None:
    """Raises Refused('not-allowed'), which names what is missing."""
    missing = [right for right in RIGHTS if right in needed and not grant.has(right)]
    if missing:
        raise Refused("not-allowed", f"The grant lacks the right to {' and to '.join(missing)}.")


def check_room(grant: Grant, room: str) -> None:
    """Raises Refused('not-allowed') unless it is a grant for that room."""
    if not grant.enters(room):
        raise Refused("not-allowed", "It is no grant for this room.")


def check_document(grant: Grant, document: str) -> None:
    """Raises Refused('not-allowed') unless it is a grant for that document."""
    if not grant.sees(document):
        raise Refused("not-allowed", "It is no grant for this document.")


def check_all_documents(grant: Grant) -> None:
    """Raises Refused('not-allowed') for a grant of some documents only."""
    if not grant.sees_all:
        raise Refused("not-allowed", "What shows all documents needs a grant for all of them.")


def writes(grant: Grant, document: str) -> bool:
    """Whether edits of that document by whoever has this grant are taken; of the room document nobody's are."""
    return bool(document) and grant.write and grant.sees(document)
