"""Control: the answers of the control channel, as JSON text frames, written by the server and read by a client.

A frame is one JSON object. An answer to a command has its `id` and exactly one of `ok`, `refused` and `unknown`; what
the server says unasked has one key of its own: `record`, `caught_up`, `renew`. Rules (specs/control.md): a reader
ignores frames and fields that it does not know, so a newer server can say more to an older client.
"""

import datetime
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from .codec import record_json
from .errors import Code, Refused
from .events import Event, Record


class Done(Struct, frozen=True, omit_defaults=True):
    """Committed to disk. `seq` is the command's first record, `run` the run that it began; a ping has neither. `result`
    is what else there is to tell: what `undo` did, what `blame` found."""

    seq: int | None = None
    run: str = ""
    result: Any = None


class Reason(Struct, frozen=True):
    """Why not: a stable code, and a sentence for people."""

    code: str
    message: str = ""


class _Said(Struct, frozen=True, kw_only=True):
    """On a socket that carries many documents, `to` names the one whose channel says it (`addressing`)."""

    to: str | UnsetType = UNSET


class Ok(_Said, frozen=True, kw_only=True):
    """`{"id", "ok": {"seq", "run"}}`: the command happened, exactly once, and is on disk."""

    id: str
    ok: Done


class Denied(_Said, frozen=True, kw_only=True):
    """`{"id", "refused": {"code", "message"}}`: nothing happened. `id` is null where the command had none."""

    id: str | None
    refused: Reason


class Unknown(_Said, frozen=True, kw_only=True):
    """`{"id", "unknown": {"code"}}`: it may or may not have happened; ask again under the same id."""

    id: str
    unknown: Reason


class ShownRecord(Struct, frozen=True):
    """A record as outsiders see it: `run` and `update` are null where there is none, `update` is base64; `grant` is
    missing where it was written under none."""

    seq: Annotated[int, Meta(ge=1)]
    time: Annotated[datetime.datetime, Meta(tz=True)]
    author: str
    run: str | None
    epoch: int
    event: Event
    document: str
    update: bytes | None
    grant: str = ""


class Shown(_Said, frozen=True, kw_only=True):
    """`{"record": {…}}`: one record, after `follow`."""

    record: ShownRecord


class CaughtUp(_Said, frozen=True, kw_only=True):
    """`{"caught_up": seq}`: every record up to that seq, and its document bytes, were sent before this frame."""

    caught_up: int


class Renew(Struct, frozen=True, kw_only=True):
    """`{"renew": seconds}`: so long the socket's grant is still good; `renew-grant` brings a fresh one."""

    renew: Annotated[float, Meta(ge=0)]


Answer = Ok | Denied | Unknown | Shown | CaughtUp | Renew

# --- writing ----------------------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()


def ok(id: str, seq: int | None = None, run: str = "", result: Any = None) -> bytes:  # noqa: A002
    """The command is on disk; `seq` is its first record's (for `follow`: the head's). One that only looks has none."""
    return _encoder.encode(Ok(id=id, ok=Done(seq, run, result)))


def pong(id: str) -> bytes:  # noqa: A002
    """The answer to `ping`, which is in no log."""
    return _encoder.encode(Ok(id=id, ok=Done()))


def refused(id: str | None, error: Refused) -> bytes:  # noqa: A002
    """Nothing happened; `id` is None where the refused text had no usable one."""
    return _encoder.encode(Denied(id=id, refused=Reason(error.code, error.message)))


def unknown(id: str) -> bytes:  # noqa: A002
    """The commit's outcome is not known."""
    return b'{"id":%b,"unknown":{"code":"outcome-unknown"}}' % _encoder.encode(id)


def record(record: Record) -> bytes:
    """One record of the log, in the shape that the HTTP API also uses."""
    return b'{"record":%b}' % record_json(record)


def caught_up(seq: int) -> bytes:
    """Everything up to and including that seq was sent on this socket."""
    return b'{"caught_up":%d}' % seq


def renew(seconds: float) -> bytes:
    """The socket's grant is good for so long and then the socket ends."""
    return _encoder.encode(Renew(renew=round(seconds, 3)))


# --- reading ----------------------------------------------------------------------------------------------------------


class _Frame(Struct, frozen=True, kw_only=True):
    id: str | None = None
    ok: Done | None = None
    refused: Reason | None = None
    unknown: Reason | None = None
    record: ShownRecord | None = None
    caught_up: int | None = None
    renew: float | None = None


_decoder = msgspec.json.Decoder(_Frame)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def read(text: bytes | str) -> Answer | None:
    """What the server said; None for a frame of a kind that this version does not know.

    Raises Refused('bad-json') for what is no frame at all.
    """
    try:
        frame = _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused("bad-json", str(error)) from None
    if frame.record is not None:
        return Shown(record=frame.record)
    if frame.caught_up is not None:
        return CaughtUp(caught_up=frame.caught_up)
    if frame.renew is not None:
        return Renew(renew=frame.renew)
    if frame.refused is not None:
        return Denied(id=frame.id, refused=frame.refused)
    if frame.id is None:
        return None
    if frame.ok is not None:
        return Ok(id=frame.id, ok=frame.ok)
    if frame.unknown is not None:
        return Unknown(id=frame.id, unknown=frame.unknown)
    return None


def refusal_of(reason: Reason) -> Refused:
    """The error that a server's refusal is here. A code of a newer server is kept, though no page here names it."""
    return Refused(cast(Code, reason.code), reason.message or reason.code or "The server gave no reason.")


def record_of(shown: ShownRecord) -> Record:
    """The record itself, without what is not shown to outsiders: its id and the digest of its command."""
    return Record(
        seq=shown.seq,
        time=(shown.time - _EPOCH) // _MICROSECOND,
        author=shown.author,
        run=shown.run or "",
        epoch=shown.epoch,
        event=shown.event,
        document=shown.document,
        update=shown.update or b"",
        grant=shown.grant,
    )
