"""Records to bytes and back: msgpack in the log, JSON outside, upcasts at read.

Law 10: every log ever written loads. An event's body carries no version; instead its tag says what it is, and an old
tag or an old shape is rewritten at read by the function in `UPCASTS` for that tag, on the decoded dict, before it
becomes a Struct. A body whose tag has no upcast is decoded straight into its Struct, which is the fast path.
"""

import base64
import datetime
from collections.abc import Callable
from typing import Any

import msgspec

from .events import Event, Record

FORMAT = 1
"""The format number of logs written today; storage keeps it beside each database."""

UPCASTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Old tag -> how its body becomes today's. Empty while format 1 is the only one; tests/golden holds its logs."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
_json = msgspec.json.Encoder()


class CorruptBody(ValueError):
    """A stored body does not decode as any event: bit rot, tampering, or a log from a newer plait."""


def encode_event(event: Event) -> bytes:
    """The event's body as it is kept: msgpack, deterministic for equal events."""
    return _encoder.encode(event)


def decode_event(body: bytes) -> Event:
    """The event of a kept body, of whatever format. Raises CorruptBody."""
    try:
        if UPCASTS:
            return _upcast(body)
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptBody(f"the body is not an event of this or an older plait: {error}") from error


def _upcast(body: bytes) -> Event:
    raw = msgspec.msgpack.decode(body)
    tag = raw.get("type") if isinstance(raw, dict) else None
    if tag not in UPCASTS:
        return _decoder.decode(body)
    return msgspec.convert(UPCASTS[tag](raw), Event)


def rfc3339(time: int) -> str:
    """Microseconds since 1970 as `2026-11-22T15:41:00.000000Z`."""
    moment = datetime.datetime.fromtimestamp(time // 1_000_000, datetime.UTC).replace(microsecond=time % 1_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def record_json(record: Record) -> bytes:
    """The record as outsiders see it: RFC 3339 time, base64 update, the event with its tag under `type`; `grant` only
    where it was written under one."""
    shown: dict[str, Any] = {
        "seq": record.seq,
        "time": rfc3339(record.time),
        "author": record.author,
        "run": record.run or None,
        "epoch": record.epoch,
        "event": record.event,
        "document": record.document,
        "update": base64.b64encode(record.update).decode() if record.update else None,
    }
    if record.grant:
        shown["grant"] = record.grant
    return _json.encode(shown)
