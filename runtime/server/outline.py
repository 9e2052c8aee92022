"""`GET /api/rooms/ROOM/outline` and `/search`: the log without what was said, for whoever draws all of it, and where in
it something was said.

A debugger's lanes want of 100,000 records when each was, whose and of what kind, which is a hundredth of their bytes;
so a page of an outline is columns of numbers, with one list of the words that they mean. A search looks through the
events where the log is, and brings a line for each hit. Rules (specs/console.md):

- A page holds at most `OUTLINE_RECORDS` records, a search looks through as many and gives at most `SEARCH_HITS`; both
  say how far they came, so that the next one begins there.
- Both need what the records need, since they are made of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import trio

from ...protocol import limits
from ...protocol.codec import rfc3339
from ...protocol.errors import Refused
from ...protocol.events import Record, RunRequested
from ...storage.store import Reader

_TURN = 50
"""Records that are looked through before others have their turn; of the longest some 4 ms."""
_BEGINNING = 48
"""Characters of a prompt that tell one run from another on a lane."""
_BEFORE, _AFTER = 32, 96
"""Characters around a hit, enough for a line."""


class _Words:
    """What the columns' numbers mean; 0 is nothing."""

    def __init__(self) -> None:
        self.list = [""]
        self._numbers = {"": 0}

    def number(self, word: str) -> int:
        found = self._numbers.get(word)
        if found is None:
            found = self._numbers[word] = len(self.list)
            self.list.append(word)
        return found


async def outline(reader: Reader, room: str, after: int) -> dict[str, Any]:
    """The records behind `after` as columns; `first` is the first one's seq, or that of the record to come, and `head`
    the log's newest. `time` is in ms since 1970. Raises Refused('no-such-room'), StoreError."""
    head = await reader.head(room)
    if head.deleted:
        raise Refused("no-such-room")
    words = _Words()
    columns: dict[str, list[Any]] = {
        name: [] for name in ("time", "type", "author", "run", "step", "name", "document", "parent", "size")
    }
    seq = after
    while page := await _page(reader, room, seq, after):
        for record in page:
            for column, value in zip(columns.values(), _row(record, words), strict=True):
                column.append(value)
        seq = page[-1].seq
    return {"first": after + 1, "head": head.seq, "words": words.list, **columns}


def _row(record: Record, words: _Words) -> tuple[int, ...]:
    """A record's number in each column."""
    event = record.event
    asked = isinstance(event, RunRequested)
    says = f"{event.agent}: {' '.join(event.prompt.split())[:_BEGINNING]}" if asked else _text(event, "name")
    return (
        record.time // 1000,
        words.number(str(event.__struct_config__.tag)),
        words.number(record.author),
        int(record.run) if record.run.isdigit() else 0,
        words.number(_text(event, "step")),
        words.number(says),
        words.number(record.document),
        int(event.parent or 0) if asked else 0,
        _size(record).bit_length(),
    )


class Sought(NamedTuple):
    """What a search asks: all that is not empty must hold. `text` is anywhere in what an event says, whatever the case;
    `type` and `document` are parts of their names, `author` and `run` whole."""

    text: str = ""
    type: str = ""
    author: str = ""
    run: str = ""
    document: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Sought":
        """What a request's query asks. Raises Refused('bad-request') where that is nothing."""
        sought = cls(**{name: query.get(name, "").casefold() for name in cls._fields})
        if not any(sought):
            raise Refused("bad-request", "Say what is looked for: `text`, `type`, `author`, `run` or `document`.")
        return sought

    def hit(self, record: Record) -> str | None:
        """A line of the record that shows why it is one, or None."""
        tag = str(record.event.__struct_config__.tag)
        if self.type not in tag or self.document not in record.document.casefold():
            return None
        if self.author and self.author != record.author.casefold():
            return None
        if self.run and (not record.run.isdigit() or int(record.run) != int(self.run if self.run.isdigit() else 0)):
            return None
        said = [leaf for leaf in _leaves(msgspec.to_builtins(record.event)) if leaf != tag]
        if not self.text:
            return max((leaf for leaf in said if " " in leaf), key=len, default=record.document)[: _BEFORE + _AFTER]
        for leaf in (*said, record.author, record.document):
            at = leaf.casefold().find(self.text)
            if at >= 0:
                return leaf[max(0, at - _BEFORE) : at + _AFTER]
        return None


async def search(reader: Reader, room: str, sought: Sought, after: int) -> dict[str, Any]:
    """Hits behind `after`, oldest first; `looked` is the seq that it came to, and `head` the log's newest. Raises
    Refused('no-such-room'), StoreError."""
    head = await reader.head(room)
    if head.deleted:
        raise Refused("no-such-room")
    hits: list[dict[str, Any]] = []
    looked = after
    while page := await _page(reader, room, looked, after):
        for record in page:
            looked = record.seq
            line = sought.hit(record)
            if line is not None:
                hits.append(_shown(record, line))
            if record.seq % _TURN == 0:
                await trio.lowlevel.checkpoint()
            if len(hits) == limits.SEARCH_HITS:
                return {"hits": hits, "looked": looked, "head": head.seq}
    return {"hits": hits, "looked": looked, "head": head.seq}


def _shown(record: Record, line: str) -> dict[str, Any]:
    return {
        "seq": record.seq,
        "time": rfc3339(record.time),
        "author": record.author,
        "run": record.run or None,
        "type": record.event.__struct_config__.tag,
        "document": record.document,
        "line": line,
    }


async def _page(reader: Reader, room: str, seq: int, after: int) -> list[Record]:
    """The records behind `seq`, none beyond what one answer that began behind `after` holds; others work first."""
    await trio.lowlevel.checkpoint()
    rest = after + limits.OUTLINE_RECORDS - seq
    return await reader.read(room, seq, min(limits.PAGE_RECORDS, rest)) if rest > 0 else []


def _text(event: Any, key: str) -> str:
    value = getattr(event, key, "")
    return value if isinstance(value, str) else ""


def _size(record: Record) -> int:
    """How much was said, in characters, or written, in bytes."""
    event = record.event
    return max(*(len(_text(event, key)) for key in ("text", "result", "prompt", "message")), len(record.update))


def _leaves(value: Any) -> Iterator[str]:
    """All texts in plain values."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():  # pyright: ignore[reportUnknownVariableType]
                yield from _leaves(inner)
        case list() | tuple():
            for inner in value:  # pyright: ignore[reportUnknownVariableType]
                yield from _leaves(inner)
        case _:
            return
