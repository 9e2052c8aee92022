"""Model requests in the log, by reference: complete to the byte, without copies that grow with the square of the talk.

A conversation's requests repeat nearly everything. So a `ModelRequested` holds what is new: the messages that its
predecessor did not have and, if it changed, the head (all but the messages). `resolve` puts a request together again by
walking back, and checks it against the hash that was recorded when it was sent.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from .errors import PlaitError
from .events import ModelRequested, Record
from .state import Request, digest

MESSAGES = "messages"
"""The key of the conversation in every vendor's request."""


class RequestDamaged(PlaitError):
    """The log's parts of a request do not add up to the hash that was recorded: a bug, bit rot or tampering."""


def describe(last: Request, step: str, attempt: int, model: str, request: dict[str, Any]) -> ModelRequested:
    """The event that writes `request` down, given the newest request before it."""
    head = msgspec.json.encode({**request, MESSAGES: []}).decode()
    texts = [msgspec.json.encode(message).decode() for message in request[MESSAGES]]
    keep = 0
    for text, known in zip(texts, last.messages, strict=False):
        if digest(text) != known:
            break
        keep += 1
    same_head = last.seq > 0 and digest(head) == last.head
    return ModelRequested(
        step=step,
        attempt=attempt,
        model=model,
        sha256=digest(msgspec.json.encode(request)),
        added=tuple(texts[keep:]),
        keep=keep,
        base=last.seq,
        head="" if same_head else head,
    )


async def resolve(event: ModelRequested, lookup: Callable[[int], Awaitable[Record]]) -> bytes:
    """The request's bytes as they were sent. `lookup(seq)` reads one record. Raises RequestDamaged."""
    head, pieces, keep, base, sent = event.head, [event.added], event.keep, event.base, event
    while base and (keep or not head):
        record = await lookup(base)
        if not isinstance(record.event, ModelRequested):
            raise RequestDamaged(f"record {base} is not a model request")
        event = record.event
        head = head or event.head
        if keep > event.keep:
            pieces.append(event.added[: keep - event.keep])
        keep, base = min(keep, event.keep), event.base
    messages = [text for piece in reversed(pieces) for text in piece]
    # The head has an empty list where the messages stood; the raw texts go back between its brackets.
    value = msgspec.json.decode(head)
    value[MESSAGES] = [msgspec.Raw(text.encode()) for text in messages]
    data = msgspec.json.encode(value)
    if digest(data) != sent.sha256:
        raise RequestDamaged("the request put together from the log differs from the one that was sent")
    return data
