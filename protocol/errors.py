"""Every refusal, with the stable code that a tab may see.

A code is part of the protocol: people match on it, so it never changes its meaning. Errors are raised where they are
found and translated once, at the edge (a text frame, an HTTP status, a close code). `specs/codes.md` is generated from
`CODES` and a test holds them equal.
"""

from typing import Literal, NamedTuple, cast, get_args

Code = Literal[
    "already-decided",
    "already-seeded",
    "ambiguous",
    "bad-anchor",
    "bad-answer",
    "bad-bundle",
    "bad-frame",
    "bad-json",
    "bad-name",
    "bad-request",
    "bad-update",
    "busy",
    "decision-stale",
    "draft-changed",
    "grant-expired",
    "grant-revoked",
    "id-reused",
    "lineage-changed",
    "no-grant",
    "no-such-agent",
    "no-such-blob",
    "no-such-document",
    "no-such-draft",
    "no-such-moment",
    "no-such-run",
    "no-such-room",
    "no-such-step",
    "not-allowed",
    "not-claimed",
    "not-found",
    "nothing-to-undo",
    "option-not-allowed",
    "outcome-unknown",
    "overloaded",
    "past-moment",
    "permission-denied",
    "rate-limited",
    "redaction-failed",
    "restarting",
    "room-exists",
    "room-full",
    "room-taken",
    "store-failed",
    "store-full",
    "store-sealed",
    "too-large",
    "too-many",
    "too-many-runs",
    "too-many-sockets",
    "unknown-command",
    "update-foreign",
    "update-incomplete",
]


class Meaning(NamedTuple):
    """What a code says, the close code where a socket ends with it, and the HTTP status for a plain request."""

    sentence: str
    close: int | None
    status: int


CODES: dict[Code, Meaning] = {
    "already-decided": Meaning("Somebody decided before, or it has expired; the first one counts.", None, 409),
    "already-seeded": Meaning(
        "The document was seeded with something else, or somebody has written in it; nothing changed.", None, 409
    ),
    "ambiguous": Meaning("What was quoted occurs more than once; quote more, or say which.", None, 409),
    "bad-anchor": Meaning("The anchor is not one of this root of this document; read it again for one.", None, 400),
    "bad-answer": Meaning("What was answered is not what the form asks for; ask the person again.", None, 400),
    "bad-bundle": Meaning("The file is no bundle, or is not what was written; nothing was imported.", None, 400),
    "bad-frame": Meaning("The frame is truncated, oversized inside, or of an unknown type.", 4400, 400),
    "bad-json": Meaning("The text frame or body is not a JSON object of the expected shape.", None, 400),
    "bad-name": Meaning("The room or document name breaks the naming rule.", 4400, 400),
    "bad-request": Meaning("No such address, or not in this way.", None, 400),
    "bad-update": Meaning("The bytes are not a Yjs update of version 1.", None, 400),
    "busy": Meaning("A run is on, and this agent takes no second prompt meanwhile.", None, 409),
    "decision-stale": Meaning(
        "This is not the call that the asker was shown, or they do not say which one that was; look again.", None, 409
    ),
    "draft-changed": Meaning("The draft was changed after what the asker saw; look again.", None, 409),
    "grant-expired": Meaning("The grant has expired; reconnect with a fresh one.", 4301, 401),
    "grant-revoked": Meaning("The grant was revoked; reconnect with another one.", 4301, 401),
    "id-reused": Meaning("This command id was accepted before with another body.", None, 409),
    "lineage-changed": Meaning("The tab holds a history that this room never had; reload.", 4409, 409),
    "no-grant": Meaning("No valid grant was shown.", 4401, 401),
    "no-such-agent": Meaning("No agent of that name is at work here.", None, 404),
    "no-such-blob": Meaning("No blob of that name is here.", None, 404),
    "no-such-document": Meaning("This socket has no room document of that name open.", None, 404),
    "no-such-draft": Meaning("The room holds no draft of that name.", 4404, 404),
    "no-such-moment": Meaning("The room's log does not reach so far.", 4404, 404),
    "no-such-run": Meaning("The room has no run of that id.", None, 404),
    "no-such-room": Meaning("The room was deleted.", 4404, 404),
    "no-such-step": Meaning("The run has no step of that id that asks a person.", None, 404),
    "not-allowed": Meaning("The grant does not allow this.", 4403, 403),
    "not-claimed": Meaning(
        "The call is not this tab's to carry out: claim it first, or somebody else has it.", None, 409
    ),
    "not-found": Meaning("What was quoted, or what an anchor stuck to, is not in the document now.", None, 404),
    "nothing-to-undo": Meaning("There are no such edits, or all of them are undone or were changed since.", None, 409),
    "option-not-allowed": Meaning("This agent does not let a prompt set that.", None, 403),
    "outcome-unknown": Meaning("The commit may or may not have happened; ask again under the same id.", None, 503),
    "overloaded": Meaning("The server holds as much as it may; try again later.", 1013, 503),
    "past-moment": Meaning("This is a past moment, which nothing can change; open the room itself.", None, 409),
    "permission-denied": Meaning("This document is read-only here; the edit was ignored.", None, 403),
    "rate-limited": Meaning("Too often; try again in a while.", 1013, 429),
    "redaction-failed": Meaning("What was said could not be cleaned, and nothing was written down.", None, 503),
    "restarting": Meaning("The server is stopping; reconnect.", 1012, 503),
    "room-exists": Meaning("There is a room of that name, or there was one; choose another.", None, 409),
    "room-full": Meaning("The room holds as many documents, runs or bytes as it may.", None, 409),
    "room-taken": Meaning("There is a room of that name, which holds something else; say another name.", None, 409),
    "store-failed": Meaning("The database refused the write; nothing changed.", None, 503),
    "store-full": Meaning("The disk is full; nothing changed.", None, 507),
    "store-sealed": Meaning("This is encrypted, and its key is not here; nothing changed.", None, 503),
    "too-large": Meaning("The frame, prompt or update is over its limit.", 4413, 413),
    "too-many": Meaning("Too many commands wait for their answers on this socket.", None, 429),
    "too-many-runs": Meaning("Too many runs of this subject are open; stop one, or wait.", None, 429),
    "too-many-sockets": Meaning("Too many sockets of this address or subject are open.", 1013, 429),
    "unknown-command": Meaning("No command of that name exists.", None, 400),
    "update-foreign": Meaning("The update holds new structs under another author's client id.", None, 403),
    "update-incomplete": Meaning("The update leans on structs that this document does not have yet.", None, 409),
}
assert set(CODES) == set(get_args(Code))

_ENDS: dict[int, Code] = {
    1009: "too-large",
    4400: "bad-request",
    4404: "no-such-room",
}
"""What a socket's end means whose number several codes have, or none, and whose reason names none of them."""


def code_of(close: int, reason: str) -> Code:
    """The code for which a socket ended: the one that the reason is, else the one whose sentence it says."""
    if reason in CODES:
        return cast(Code, reason)
    mine: list[Code] = [code for code, meaning in CODES.items() if meaning.close == close]
    for code in mine:
        if CODES[code].sentence == reason:
            return code
    return _ENDS.get(close) or (mine[0] if mine else "bad-request")


class PlaitError(Exception):
    """The root of everything that plait raises on purpose."""


class Refused(PlaitError):
    """The asker asked for something that may not be; nothing happened. The asker's fault, and safe to show to them."""

    def __init__(self, code: Code, message: str = "") -> None:
        self.code: Code = code
        self.message = message or CODES[code].sentence
        super().__init__(f"{code}: {self.message}")


class OutcomeUnknown(PlaitError):
    """The commit failed in a way that leaves open whether it happened; ask again under the same command id.

    It does not mean that nothing happened.
    """

    code: Code = "outcome-unknown"
