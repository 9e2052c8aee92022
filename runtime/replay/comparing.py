"""Comparing: where two plain values differ, and where two logs first do.

Rules (specs/replay.md):

- A difference names its place by a JSON Pointer (RFC 6901) and holds what stood there before and after; what is absent
  on one side is absent there, which is not null.
- Lists are compared place by place: a conversation's parts and a room's runs only ever grow at their end.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, cast

import trio
from msgspec import UNSET, Struct, UnsetType

from ...protocol.events import EpochClosed, Record
from ...protocol.items import decode
from ...storage.store import Reader


class Difference(Struct, frozen=True, omit_defaults=True):
    """One place where two values differ."""

    path: str
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """Each place where they differ, in the order of the keys and of the lists."""
    if isinstance(before, dict) and isinstance(after, dict):
        one, other = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        for key in sorted(one.keys() | other.keys()):
            yield from _under(one.get(key, UNSET), other.get(key, UNSET), f"{path}/{_escaped(key)}")
    elif isinstance(before, list) and isinstance(after, list):
        ours, theirs = cast("list[Any]", before), cast("list[Any]", after)
        for place, (mine, yours) in enumerate(zip_longest(ours, theirs, fillvalue=UNSET)):
            yield from _under(mine, yours, f"{path}/{place}")
    elif type(before) is not type(after) or before != after:
        yield Difference(path, before, after)


def _under(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if before is UNSET or after is UNSET:
        yield Difference(path, before, after)
    else:
        yield from differences(before, after, path)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


async def first_differing(reader: Reader, room: str, other: str, there: Reader | None = None) -> int | None:
    """The first seq at which two rooms' logs say different things; None if they are the same. When, under which epoch
    and by which CRDT bytes it was written makes no difference. `there` is where the other one is kept, if not in the
    same store. Raises StoreError."""
    after = 0
    while True:
        mine, yours = await reader.read(room, after), await (there or reader).read(other, after)
        for one, two in zip(mine, yours, strict=False):
            if _said(one) != _said(two):
                return one.seq
        shorter = min(len(mine), len(yours))
        if not shorter:
            return after + 1 if mine or yours else None
        after += shorter
        await trio.lowlevel.checkpoint()


def _said(record: Record) -> Any:
    event = None if isinstance(record.event, EpochClosed) else record.event  # It names CRDT ids, and nothing else.
    return event, record.author, record.run, record.document, _written(record)


def _written(record: Record) -> Any:
    """What an edit of a shared document brought, and how much it deleted, whatever the ids."""
    if not record.document or not record.update:
        return None
    sections, deleted = decode(record.update)
    brought = [[(item.kind, item.length, item.value, item.key) for item in section] for section in sections]
    return brought, sum(stop - start for _, start, stop in deleted)
