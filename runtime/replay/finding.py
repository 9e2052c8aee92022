"""Finding: breakpoints. The first record, going forward, at which something begins to hold.

Why: `bisect` looks at few moments, so of what comes and goes it finds one beginning or none. Here every record that can
matter to the condition is looked at, one after the other, so the first one is found exactly, in a log that is long as
in one that still grows. Rules (specs/replay.md):

- A condition is one of `bisect`'s (JMESPath over a moment, a regular expression over a document's texts), or that a
  tool's call failed. A record is a hit if it holds after it and did not before; each failure is a hit.
- Only what an expression names is made for it, and only records that can change that are looked at.
- A walk goes on from where it stopped, so it can be cut short, and wait at the end of the log for more.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

import jmespath
import msgspec
import trio
from jmespath.exceptions import JMESPathError
from pycrdt import Map

from ...protocol.errors import Refused
from ...protocol.events import ArgumentsStreamed, ReasoningStreamed, Record, TextStreamed, ToolFailed, ToolRefused
from ...protocol.fold import fold
from ...protocol.shape import ROOT
from ...protocol.shown import shown_drafts, shown_room, shown_run, shown_runs
from ...storage.errors import RoomDeleted
from ...storage.store import Reader
from .bisecting import matches
from .moment import Moment, moment
from .telling import pending, recovery, roots

_STREAMED = TextStreamed | ReasoningStreamed | ArgumentsStreamed
"""Most of a log. They change a part of one run's text, and nothing that waits or was spent."""


class Condition(Protocol):
    """What is looked for. `of_state`: the documents do not matter. `happens`: it is true of a record, not of a moment,
    so the next record may be a hit too."""

    of_state: bool
    happens: bool

    def matters(self, record: Record) -> bool:
        """Whether it can hold after the record and not before, or the other way round."""
        ...

    def holds(self, found: Moment, record: Record | None) -> bool:
        """Whether it holds now, right after that record; None where the walk begins. Raises Refused."""
        ...


class Expression:
    """A JMESPath expression over the moment's JSON. Raises Refused('bad-request') if it is none."""

    happens = False

    def __init__(self, text: str) -> None:
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            raise Refused("bad-request", f"No JMESPath expression: {error}") from None
        self._names = names(self._compiled.parsed) - (set() if "texts" in text else {"texts"})
        self.of_state = not self._names & {"room", "runs", "drafts", "documents", "texts"}
        self._runs: dict[str, Any] = {}

    def matters(self, record: Record) -> bool:
        if self._names & {"seq", "epoch"}:
            return True
        if record.document:
            return bool(self._names & {"documents", "texts"})
        if isinstance(record.event, _STREAMED):
            return "runs" in self._names and bool(record.update)
        return bool(self._names - {"documents", "texts"})

    def holds(self, found: Moment, record: Record | None) -> bool:
        said = {name: value() for name, value in self._values(found, record).items() if name in self._names}
        try:
            return bool(self._compiled.search(said))
        except JMESPathError as error:
            raise Refused("bad-request", f"The expression cannot be asked here: {error}") from None

    def _values(self, found: Moment, record: Record | None) -> dict[str, Callable[[], Any]]:
        """How each part of what a moment says is made."""
        state = found.state
        return {
            "seq": lambda: found.seq,
            "epoch": lambda: state.epoch,
            "room": lambda: shown_room(found.document()),
            "runs": lambda: self._shown_runs(found, record),
            "drafts": lambda: shown_drafts(found.document()),
            "documents": lambda: found.documents,
            "pending": lambda: pending(state),
            "recovery": lambda: recovery(state),
            "spent": lambda: msgspec.to_builtins(state.spent),
            "texts": lambda: {name: roots(found, name) for name in found.documents},
        }

    def _shown_runs(self, found: Moment, record: Record | None) -> dict[str, Any]:
        """The runs, of which a streamed record changed one alone, and a shared document's none."""
        if record is None or not (record.document or isinstance(record.event, _STREAMED)):
            self._runs = shown_runs(found.document())
        elif not record.document:
            runs = cast("Map[Any]", found.document().get(ROOT, type=Map))
            if record.run in runs:
                self._runs[record.run] = shown_run(runs[record.run])
        return self._runs


NAMES = frozenset(
    ("seq", "epoch", "room", "runs", "drafts", "documents", "pending", "recovery", "spent", "texts"),
)
"""What a moment says of itself (`telling.told`), and every document's `texts`."""


def names(parsed: Any) -> frozenset[str]:
    """Which of a moment's parts a parsed expression can look at: all, where it asks for the whole."""
    found: set[str] = set()
    waiting: list[Any] = [parsed]
    while waiting:
        node = waiting.pop()
        children = [child for child in node.get("children", ()) if isinstance(child, dict)]
        if node["type"] == "current" or (node["type"] == "value_projection" and children[0]["type"] == "identity"):
            return NAMES
        if node["type"] == "field":
            found.add(node["value"])
        waiting += children
    return frozenset(found & NAMES) or NAMES


class Matches:
    """A regular expression that is found in some text of one document. Raises Refused('bad-request')."""

    happens = False
    of_state = False

    def __init__(self, pattern: str, document: str) -> None:
        self._found = matches(pattern, document)
        self._document = document

    def matters(self, record: Record) -> bool:
        return record.document == self._document and bool(record.update)

    def holds(self, found: Moment, record: Record | None) -> bool:
        return self._found(found)


class ToolError:
    """A call of the tool failed or was refused; of any tool without a name."""

    happens = True
    of_state = True

    def __init__(self, name: str = "") -> None:
        self._name = name

    def matters(self, record: Record) -> bool:
        return isinstance(record.event, ToolFailed | ToolRefused)

    def holds(self, found: Moment, record: Record | None) -> bool:
        match record and record.event:
            case ToolRefused(name=name):
                return self._name in ("", name)
            case ToolFailed(step=step) if record is not None:
                return self._name in ("", found.state.runs[record.run].steps[step].name)
            case _:
                return False


class Walk:
    """Goes forward through a room's log from one hit to the next. `seq` is the record that it stands at."""

    def __init__(self, reader: Reader, room: str, condition: Condition) -> None:
        self._reader = reader
        self._room = room
        self._condition = condition
        self._here = Moment()
        self._held = False
        self._page: list[Record] = []

    @property
    def seq(self) -> int:
        return self._here.seq

    @property
    def held(self) -> bool:
        """Whether it holds where the walk stands."""
        return self._held

    async def begin(self, after: int) -> None:
        """Stand after that record. Raises as `moment` does."""
        self._here = await moment(self._reader, self._room, after)
        self._page = []
        self._held = self._condition.holds(self._here, None)

    async def go_on(self, enough: Callable[[], bool] = lambda: False) -> Record | None:
        """The next hit; None at the end of the log or when somebody thinks that it is enough. Raises Refused,
        StoreError."""
        while await self._more():
            taken, page = 0, self._page
            for number, record in enumerate(page, 1):
                if not self._condition.matters(record):
                    continue
                self._take(page[taken:number])
                taken = number
                before, self._held = (
                    self._held and not self._condition.happens,
                    self._condition.holds(self._here, record),
                )
                await trio.lowlevel.checkpoint()
                if (self._held and not before) or enough():
                    self._page = page[number:]
                    return record if self._held and not before else None
            self._take(page[taken:])
            self._page = []
            if enough():
                return None
        return None

    async def _more(self) -> bool:
        """Whether there are records to go through; some are read if none are left."""
        if not self._page:
            try:
                self._page = await self._reader.read(self._room, self._here.seq)
            except RoomDeleted:
                raise Refused("no-such-room") from None
            await trio.lowlevel.checkpoint()
        return bool(self._page)

    def _take(self, records: list[Record]) -> None:
        if not self._condition.of_state:
            self._here.take(records)
            return
        for record in records:
            fold(self._here.state, record)


def condition(
    when: str | None = None, pattern: str | None = None, document: str = "main", tool_error: str | None = None
) -> Condition:
    """The one condition that was asked for. Raises Refused('bad-request') for none, for two and for a bad one."""
    if sum(asked is not None for asked in (when, pattern, tool_error)) != 1:
        raise Refused("bad-request", "Say one of an expression, a pattern and a tool's error.")
    if when is not None:
        return Expression(when)
    return Matches(pattern, document) if pattern is not None else ToolError(tool_error or "")


def spelled(text: str, document: str = "main") -> Condition:
    """A condition as it is written at a terminal: `/REGEX/`, `tool-error` or `tool-error:NAME`, else JMESPath. Raises
    Refused('bad-request')."""
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        return condition(pattern=text[1:-1], document=document)
    what, _, name = text.partition(":")
    return condition(tool_error=name.strip()) if what == "tool-error" else condition(when=text)
