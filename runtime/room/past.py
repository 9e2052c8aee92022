"""Past: who wrote what of a shared document, asked of the log, beside the room and whoever works in it.

Why: blame needs everything that was ever in a document, which no live document has. It is read from the log through the
store, never by the room's task, and other tasks get their turn between pages. Rules (specs/attribution.md):

- Only the records of the document and of its drafts are read (`Reader.sift`), however long the room's log is; and for
  the agents' edits that an answer names, what their runs say of them (`makers`).
- A question about one place of a document that many records wrote is answered without its past, where that can be
  (`glance`).
- `blame` reads the log anew. `Pasts` keeps what was read, for a server, and reads only what came since; what was unused
  longest goes when more than BLAME_KEPT_RECORDS are kept. It is a cache: the log says all of it again.
- An answer is of one moment. It names its newest record, so that the next page can be of the same moment.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
import trio
from msgspec import Struct
from msgspec.structs import replace

from ...protocol import limits
from ...protocol.attribution import Attribution
from ...protocol.blocks import NotWhole
from ...protocol.codec import rfc3339
from ...protocol.drafted import Drafted
from ...protocol.errors import Refused
from ...protocol.events import Record
from ...protocol.history import History
from ...protocol.names import DEFAULT_DOCUMENT
from ...protocol.positions import RelativePosition, Selection
from ...protocol.spans import Span, clipped
from ...storage.errors import RoomDeleted, StoreCorrupt, StoreError
from ...storage.store import Reader, Sieve
from .aside import AT_ONCE_BYTES, aside
from .glance import Glance, Unclear
from .makers import Makers

_TOGETHER = 1000
"""Records that are read at once: each question costs the store a look at what it noted of the room."""

_FEW, _MORE = 500, 5_000
"""Records of a document that are read when somebody asks, in some 7 ms, and when somebody asks again, in 70: they are
kept, and no further answer waits for them. Of more than that no place is worth the whole past."""

_GLANCED = 1_000
"""Documents of which is known that somebody asked once."""

_TURN = 200
"""Spans between two looks at whether somebody else has something to do; a millisecond or two."""


class Question(Struct, frozen=True, kw_only=True):
    """What is asked of a document: of the root (empty: of all), with what was `deleted` too, as of record `seq` (0: of
    the newest).

    With `place`, only of what is there: at it, under its `key`, or from it to before `until`; `root` does not matter.
    With `at`, only of the `length` UTF-16 units from there in the root's own sequence. `after` spans are left out;
    `limit` spans are given, and no further one once they have `chars` characters.
    """

    root: str = ""
    deleted: bool = False
    seq: int = 0
    at: int | None = None
    length: int = 1
    place: RelativePosition | None = None
    until: RelativePosition | None = None
    key: str | None = None
    after: int = 0
    limit: int = 1 << 53
    chars: int = 1 << 53


class Blame(Struct, frozen=True):
    """Spans in order as of record `seq`, and by its seq who made each record that they name. `rest` is how many spans
    to leave out for the next page, None at the end."""

    seq: int
    spans: tuple[Span, ...]
    records: dict[int, Attribution]
    rest: int | None = None


def shown(blame: Blame) -> dict[str, Any]:
    """The answer as JSON has it: `spans`, by seq the `records` that they name, by seq the `prompts` that those name.

    What is too long is cut, and the span or the prompt then says so: a `cut` span, a prompt that ends with an ellipsis.
    """
    prompts: dict[str, str] = {}
    records: dict[str, Any] = {}
    for seq, one in blame.records.items():
        said = msgspec.to_builtins(replace(one, prompt=""))
        records[str(seq)] = said | {"time": rfc3339(one.time)}
        if one.prompt_seq:
            cut = len(one.prompt) > limits.BLAME_PROMPT_CHARS
            prompts[str(one.prompt_seq)] = one.prompt[: limits.BLAME_PROMPT_CHARS] + "…" * cut
    told: dict[str, Any] = {"seq": blame.seq, "spans": [_shown_span(span) for span in blame.spans]}
    told |= {"records": records, "prompts": prompts}
    return told if blame.rest is None else told | {"rest": blame.rest}


def _shown_span(span: Span) -> dict[str, Any]:
    told: dict[str, Any] = {"path": span.path, "start": span.start, "end": span.end, "units": span.units}
    if span.key is not None:
        told["key"] = span.key
    if span.text:
        told["text"] = span.text[: limits.BLAME_CHARS]
    else:
        told["values"] = span.values if len(msgspec.json.encode(span.values)) <= limits.BLAME_CHARS else ()
    if len(span.text) > limits.BLAME_CHARS or (span.values and not told["values"]):
        told["cut"] = True
    told["seq"] = span.seq
    if span.accepted:
        told["accepted"] = span.accepted
    if span.restored:
        told["restored"] = span.restored
    return told | {"deleted": span.deleted} if span.deleted else told


class Past:
    """One document's history, and who made it, up to record `head`."""

    def __init__(self, store: Reader, room: str, document: str) -> None:
        self.history = History()
        self.makers = Makers(store, room)
        self.drafted = Drafted(document, self.history.blocks)
        self.lock = trio.Lock()
        self.head = 0
        self._store = store
        self._room = room
        self._document = document

    @property
    def size(self) -> int:
        """How many facts are kept, at least one for each record of the document."""
        return self.makers.size

    async def catch_up(self) -> None:
        """Read what came to the log since. Raises RoomDeleted, StoreError."""
        head = await self._store.head(self._room)
        if head.deleted:
            raise RoomDeleted(self._room)
        sieve = Sieve(self._document)
        while page := await self._store.sift(self._room, sieve, self.head, head.seq, _TOGETHER):
            for record in page:
                try:
                    if len(record.update) > AT_ONCE_BYTES:
                        await aside(partial(self._take, record), len(record.update))
                    else:
                        self._take(record)
                except NotWhole as error:
                    raise StoreCorrupt(f"record {record.seq} of {self._room}: {error}") from error
            await trio.lowlevel.checkpoint()
        self.head = head.seq

    def _take(self, record: Record) -> None:
        if record.document == self._document:
            self.history.take(record.seq, record.update)
        if record.document == self._document or self.drafted.has(record.document):
            self.drafted.take(record)
            self.makers.take(record)
        self.head = record.seq

    async def answer(self, question: Question) -> Blame:
        """What was asked, as far as the log was read. Raises Refused for a moment that has not come."""
        if question.seq > self.head:
            raise Refused("bad-request", f"The log ends at record {self.head}.")
        moment = question.seq or self.head
        spans: list[Span] = []
        passed = chars = 0
        rest: int | None = None
        for looked, span in enumerate(_spans(self.history, question, moment, self.drafted.written)):
            if looked % _TURN == _TURN - 1:
                await trio.lowlevel.checkpoint()
            if span is None:
                continue
            passed += 1
            if passed <= question.after:
                continue
            if len(spans) >= question.limit or chars >= question.chars:
                rest = passed - 1
                break
            spans.append(span)
            chars += len(span.text) or len(msgspec.json.encode(span.values))
        seqs = {seq for span in spans for seq in (span.seq, span.deleted, span.accepted, span.restored) if seq}
        return Blame(moment, tuple(spans), await self.makers.of(seqs), rest)


def _spans(
    history: History, question: Question, moment: int, written: Callable[[Span], Iterable[Span]]
) -> Iterator[Span | None]:
    """The spans that were asked for; None for each other one that was looked at."""
    if question.place is None and (question.until is not None or question.key is not None):
        raise Refused("bad-request", "Say from which place on, or of which type.")
    if question.place is not None:
        selection = Selection(history.blocks, question.place, question.until, question.key)
        spans = history.blame(selection.root, deleted=True, at=moment)
        for found in selection.within(spans):
            if found is None or (found[0].deleted and not question.deleted):
                yield None
                continue
            span, start, stop = found
            for part in written(span):
                whole = part.units[0] == part.units[1]
                yield part if whole else clipped(part, start, stop)
        return
    for root in [question.root] if question.root else history.roots:
        for span in history.blame(root, deleted=question.deleted, at=moment):
            for part in written(span):
                if question.at is None:
                    yield part
                elif part.path == (root,) and part.key is None:
                    if part.units[0] >= question.at + question.length:
                        return
                    yield clipped(part, question.at, question.at + question.length)
                else:
                    yield None


async def _glanced(store: Reader, room: str, document: str, question: Question, few: int) -> Blame | None:
    """The answer to a question about one place, as it is now, of a document of more than a `few` records, if it is
    found without its past."""
    one_item = question.place is not None and question.place.item is not None and question.until is None
    if question.deleted or question.seq or question.after or not (one_item or question.at is not None):
        return None
    head = await store.head(room)
    if head.deleted:
        raise RoomDeleted(room)
    seqs = await store.writings(room, document, head.seq)
    if len(seqs) <= few:
        return None
    glance = Glance(store, room, document, seqs)
    try:
        await glance.open(head.seq)
        spans: list[Span] = []
        for looked, span in enumerate(_spans(glance.history, question, head.seq, lambda span: (span,))):
            if looked % _TURN == _TURN - 1:
                await trio.lowlevel.checkpoint()
            if span is not None:
                spans.append(span)
        told, makers = await glance.told(spans)
    except (Unclear, NotWhole, Refused):
        return None
    if len(told) > question.limit or sum(len(span.text) for span in told) > question.chars:
        return None
    return Blame(head.seq, tuple(told), await makers.of({span.seq for span in told}))


async def blame(
    store: Reader,
    room: str,
    document: str = DEFAULT_DOCUMENT,
    *,
    root: str = "",
    deleted: bool = False,
    seq: int = 0,
    at: int | None = None,
    length: int = 1,
    place: RelativePosition | Mapping[str, Any] | None = None,
    until: RelativePosition | Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Blame:
    """Who wrote each part of a shared document, read from its room's log.

    All of it, or of one `root`; with what was `deleted` too; as of record `seq` instead of now; only `length` UTF-16
    units from `at`; or only what is at a `place`, a Yjs relative position or its JSON, under its `key`, or from there
    to before `until`. Raises RoomDeleted, StoreError; Refused('bad-request') for a record that the log does not have,
    Refused('not-found') for a place that it does not have.
    """
    question = Question(root=root, deleted=deleted, seq=seq, at=at, length=length, key=key)
    return await Pasts(store).ask(room, document, replace(question, place=_position(place), until=_position(until)))


def _position(given: RelativePosition | Mapping[str, Any] | None) -> RelativePosition | None:
    return msgspec.convert(given, RelativePosition) if isinstance(given, Mapping) else given


class Pasts:
    """The pasts that a server was asked for, kept while there is room, the one that was asked for last at the end."""

    def __init__(self, store: Reader, kept_records: int = limits.BLAME_KEPT_RECORDS) -> None:
        self._store = store
        self._kept_records = kept_records
        self._pasts: OrderedDict[tuple[str, str], Past] = OrderedDict()
        self._glanced: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def ask(self, room: str, document: str, question: Question) -> Blame:
        """What was asked, as of now. Raises as `blame` does, and then forgets what it had of the room's document."""
        name = (room, document)
        if name not in self._pasts:
            few = _MORE if name in self._glanced else _FEW
            if (found := await _glanced(self._store, room, document, question, few)) is not None:
                self._glanced[name] = None
                if len(self._glanced) > _GLANCED:
                    self._glanced.popitem(last=False)
                return found
        past = self._pasts.get(name) or Past(self._store, room, document)
        self._pasts[name] = past
        self._pasts.move_to_end(name)
        async with past.lock:
            try:
                await past.catch_up()
                return await past.answer(question)
            except StoreError:
                if self._pasts.get(name) is past:
                    del self._pasts[name]
                raise
            finally:
                self._make_room()

    def _make_room(self) -> None:
        kept = sum(past.size for past in self._pasts.values())
        while kept > self._kept_records:
            kept -= self._pasts.popitem(last=False)[1].size
