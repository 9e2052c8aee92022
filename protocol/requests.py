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
    skip, keep = _overlap([digest(text) for text in texts], last.messages)
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
        skip=skip,
    )


def _overlap(new: list[bytes], old: list[bytes]) -> tuple[int, int]:
    """How many of the old messages to skip, and how many behind them to keep, to have the most of the new ones. The
    oldest ones are skipped once a room archives runs: each prompt then moves the window on."""
    best = (0, 0)
    for skip in (place for place, message in enumerate(old) if new and message == new[0]):
        keep = 0
        for mine, theirs in zip(new, old[skip:], strict=False):
            if mine != theirs:
                break
            keep += 1
        if keep > best[1]:
            best = (skip, keep)
    return best


async def resolve(event: ModelRequested, lookup: Callable[[int], Awaitable[Record]]) -> bytes:
    """The request's bytes as they were sent. `lookup(seq)` reads one record. Raises RequestDamaged."""
    head, pieces, sent = event.head, [event.added], event
    # What is still wanted of the request before: its messages from `first` to `last`.
    first, last, base = event.skip, event.skip + event.keep, event.base
    while base and (first < last or not head):
        record = await lookup(base)
        if not isinstance(record.event, ModelRequested):
            raise RequestDamaged(f"record {base} is not a model request")
        event = record.event
        head = head or event.head
        pieces.append(event.added[max(first - event.keep, 0) : max(last - event.keep, 0)])
        first, last, base = event.skip + first, event.skip + min(last, event.keep), event.base
    messages = [text for piece in reversed(pieces) for text in piece]
    # The head has an empty list where the messages stood; the raw texts go back between its brackets.
    value = msgspec.json.decode(head)
    value[MESSAGES] = [msgspec.Raw(text.encode()) for text in messages]
    data = msgspec.json.encode(value)
    if digest(data) != sent.sha256:
        raise RequestDamaged("the request put together from the log differs from the one that was sent")
    return data
