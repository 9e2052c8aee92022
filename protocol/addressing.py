"""Addressing: for which of the documents on one socket a text frame is.

A socket that carries many documents has a control channel for each room document on it, so that the tabs of a browser
can share one socket. A frame says `to`: the document's key, exactly as in its auth message, session and all. Without
`to` the rest of a frame is what it would be on a socket of its own. Rules (specs/control.md):

- A command is read as if it had come without `to`, so `to` is no part of what an id stands for.
- Every answer, record and `caught_up` of a channel carries its `to`.
- Only `ping` may come without: it asks whether the socket is alive.
"""

from typing import Any, NamedTuple

import msgspec

from . import control
from .commands import Ping
from .limits import DOCUMENT_KEY_BYTES, TEXT_FRAME_BYTES
from .parsing import CommandRefused, parse, usable_id, why_not


class Letter(NamedTuple):
    """A command's JSON without `to`, and whose it is; None where the frame did not say."""

    to: str | None
    body: bytes


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def read(text: str) -> Letter:
    """What a text frame says and to whom; whether its body is a command is not looked at.

    Raises CommandRefused with 'too-large' or 'bad-json'.
    """
    if len(text) > TEXT_FRAME_BYTES or len(text.encode(errors="replace")) > TEXT_FRAME_BYTES:
        raise CommandRefused("too-large", f"A command may have {TEXT_FRAME_BYTES} bytes.")
    try:
        fields = _fields.decode(text)
        to: Any = msgspec.json.decode(fields.pop("to", b"null"))
        id_: Any = msgspec.json.decode(fields.get("id", b"null"))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise why_not(text, error) from None
    if to is not None and not (isinstance(to, str) and len(to.encode()) <= DOCUMENT_KEY_BYTES):
        sentence = f"`to` is the key of a document, a string of at most {DOCUMENT_KEY_BYTES} bytes."
        raise CommandRefused("bad-json", sentence, usable_id(id_))
    return Letter(to, _encoder.encode(fields))


def write(frame: bytes, to: bytes) -> bytes:
    """An answer of a channel that is called `to`, which stands there as JSON."""
    return b'{"to":%b,%b' % (to, frame[1:])


def label(to: str) -> bytes:
    """A document's key as `write` wants it."""
    return _encoder.encode(to)


def stray(letter: Letter) -> bytes:
    """The answer to a frame that no channel of the socket is there for."""
    try:
        command = parse(letter.body)
        if letter.to is not None:
            raise CommandRefused("no-such-document", "", command.id)
        if not isinstance(command, Ping):
            raise CommandRefused("bad-json", "Say which document it is for: `to` is its key.", command.id)
        return control.pong(command.id)
    except CommandRefused as refused:
        answer = control.refused(refused.id, refused)
        return answer if letter.to is None else write(answer, label(letter.to))
