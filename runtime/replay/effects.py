"""Effects: all that one record changed, also where it was deleted since, and what happened because of it.

Why: blame goes from a place to its record; whoever debugs asks the other way round: what did this call, this edit, this
prompt do? Nothing is read but two moments, the record and a bounded part of what follows. Rules (specs/replay.md):

- Places are told as they were after the record (`protocol/effects`), and where they stand now. Which record deleted
  them is searched as `bisect` searches, for at most EFFECTS_LOOKS moments.
- What a record caused are those behind it that name it: the rest of its command, of its run or of its step; what
  answers it, what undid it. They are looked for among the next 2,000.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import trio
from msgspec import Struct

from ...protocol import limits
from ...protocol.codec import rfc3339
from ...protocol.effects import Change, by_client, changes, divided, parted
from ...protocol.errors import Refused
from ...protocol.events import (
    ApprovalRequested,
    DocumentFact,
    DraftOpened,
    EditsUndone,
    ModelAnswered,
    ModelRequested,
    QuestionAsked,
    Record,
    RunRequested,
    RunSteered,
    RunStopped,
    SteerConsumed,
    StopRequested,
    TimerSet,
    ToolAssigned,
    ToolAwaited,
    ToolClaimed,
    ToolDelegated,
    ToolFailed,
    ToolReturned,
    ToolStarted,
    kebab,
    run_id,
)
from ...protocol.state import RoomState
from ...protocol.structs import Range
from ...protocol.update import read
from ...storage.errors import RoomDeleted
from ...storage.store import Reader
from .moment import Scrubber, moment

_OPENS = (
    ModelRequested
    | ToolStarted
    | ToolDelegated
    | ToolAwaited
    | ToolAssigned
    | ToolClaimed
    | ApprovalRequested
    | QuestionAsked
    | TimerSet
)
"""What the same step's later records follow from."""


class Turn(Struct, frozen=True):
    """A run, or a step of it, whose status the record changed: from `was` (None: it began here) to `now`."""

    run: str
    step: str
    name: str
    was: str | None
    now: str


class Caused(Struct, frozen=True, omit_defaults=True):
    """A record that happened because of it, or neighbours of one kind from `seq` to `last`."""

    seq: int
    last: int
    event: str
    run: str = ""
    step: str = ""


class Effects(Struct, frozen=True):
    """What a record did. `deleted` says for a change that is no longer there, by its index, which record took it away,
    as far as that was found. What it `caused` was looked for up to record `looked`."""

    record: Record
    changed: tuple[Change, ...]
    deleted: dict[int, int]
    steps: tuple[Turn, ...]
    caused: tuple[Caused, ...]
    looked: int


async def effects(reader: Reader, room: str, seq: int, scrubber: Scrubber | None = None) -> Effects:
    """All that record `seq` changed. With the room's `scrubber`, whoever has one, that one looks.

    Raises Refused('no-such-moment') where the log has no such record, Refused('no-such-room'), StoreError.
    """
    if seq < 1:
        raise Refused("no-such-moment", "The first record is 1.")
    scrubber = scrubber or Scrubber(reader, room)
    before = await scrubber.go(seq - 1)
    statuses = _statuses(before.state)
    record = await _record(reader, room, seq)
    whole = before.document(record.document).get_update()
    then = await scrubber.go(seq)
    steps = tuple(_turns(statuses, _statuses(then.state), then.state))
    known = then.document(record.document).get_state()
    head = (await reader.head(room)).seq
    changed: Sequence[Change] = ()
    deleted: dict[int, int] = {}
    if record.update:
        last = await moment(reader, room, head)
        changed = changes(whole, record.update, last.document(record.document).get_update(known))
        gone = [each for change in changed if not change.still for each in change.ids]
        deleters = await _deleters(scrubber, record.document, seq, head, gone)
        changed = [part for change in changed for part in parted(change, deleters)]
        deleted = {
            index: deleters[at] for index, each in enumerate(changed) if (at := _found(deleters, each)) is not None
        }
    caused, looked = await _caused(reader, room, record)
    return Effects(record, tuple(changed), deleted, steps, caused, looked)


async def _record(reader: Reader, room: str, seq: int) -> Record:
    try:
        page = await reader.read(room, seq - 1, 1)
    except RoomDeleted:
        raise Refused("no-such-room") from None
    if not page:
        raise Refused("no-such-moment", f"Room {room} has no record {seq}.")
    return page[0]


# --- steps and runs ---------------------------------------------------------------------------------------------------


def _statuses(state: RoomState) -> dict[tuple[str, str], str]:
    """Of each run (under no step) and each of its steps."""
    found: dict[tuple[str, str], str] = {}
    for run in state.runs.values():
        found[run.id, ""] = run.status
        for step in run.steps.values():
            found[run.id, step.id] = step.status
    return found


def _turns(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str], state: RoomState) -> Iterable[Turn]:
    for (run, step), status in after.items():
        was = before.get((run, step))
        if was != status:
            holder = state.runs[run]
            yield Turn(run, step, (holder.steps[step].name if step else holder.agent) or "", was, status)


# --- which record deleted it ------------------------------------------------------------------------------------------


async def _deleters(scrubber: Scrubber, document: str, low: int, high: int, ids: Sequence[Range]) -> dict[Range, int]:
    """The records that deleted those clocks, which were there after `low` and are not after `high`, in ranges of one
    fate; ranges of which that was not found are not there."""
    found: dict[Range, int] = {}
    waiting = [(low, high, list(ids))]
    looks = 0
    while waiting:
        low, high, gone = waiting.pop()
        if not gone:
            continue
        if high - low == 1:
            found |= dict.fromkeys(gone, high)
            continue
        if looks == limits.EFFECTS_LOOKS:
            break
        looks += 1
        middle = await scrubber.between(low, high)
        doc = (await scrubber.go(middle)).document(document)
        deleted = by_client(read(doc.get_update(doc.get_state())).deleted)
        already, later = divided(gone, deleted)
        waiting.append((middle, high, later))
        waiting.append((low, middle, already))
        await trio.lowlevel.checkpoint()
    return found


def _found(deleters: dict[Range, int], change: Change) -> Range | None:
    """The range of those found that a change which is gone lies in."""
    if change.still or not change.ids:
        return None
    client, clock, _ = change.ids[0]
    return next((each for each in deleters if each[0] == client and each[1] <= clock < each[2]), None)


# --- what happened because of it --------------------------------------------------------------------------------------


async def _caused(reader: Reader, room: str, record: Record) -> tuple[tuple[Caused, ...], int]:
    """The records that follow from it among the next `EFFECTS_RECORDS`, and up to where was looked."""
    follows = _follows(record)
    found: list[Caused] = []
    looked = record.seq
    while looked < record.seq + limits.EFFECTS_RECORDS:
        limit = min(limits.PAGE_RECORDS, record.seq + limits.EFFECTS_RECORDS - looked)
        page = await reader.read(room, looked, limit)
        if not page:
            break
        for each in page:
            if follows(each):
                _add(found, each)
        looked = page[-1].seq
    return tuple(found), looked


def _add(found: list[Caused], record: Record) -> None:
    kind, step = kebab(type(record.event).__name__), getattr(record.event, "step", "")
    last = found[-1] if found else None
    if last is not None and (last.event, last.run, last.step) == (kind, record.run, step):
        found[-1] = Caused(last.seq, record.seq, kind, record.run, step)
    else:
        found.append(Caused(record.seq, record.seq, kind, record.run, step))


def _follows(record: Record) -> Callable[[Record], bool]:
    """Whether a later record happened because of this one."""
    because = _because(record)
    command, sharp, ordinal = (record.id or "").rpartition("#")
    begins = f"{command}#" if sharp and ordinal == "0" and "/" not in command else None

    def follows(later: Record) -> bool:
        same_command = begins is not None and (later.id or "").startswith(begins)
        return same_command or because(later)

    return follows


def _because(record: Record) -> Callable[[Record], bool]:
    event, seq, run = record.event, record.seq, record.run
    step, attempt = getattr(event, "step", ""), getattr(event, "attempt", 0)
    match event:
        case RunRequested():
            mine = run_id(seq)
            return lambda later: later.run == mine or getattr(later.event, "parent", "") == mine
        case ModelAnswered():
            calls = {call.id for call in event.calls}
            return lambda later: later.run == run and getattr(later.event, "call", "") in calls
        case ToolReturned() | ToolFailed():
            return _First(lambda later: later.run == run and isinstance(later.event, ModelRequested))
        case RunSteered():
            return lambda later: isinstance(later.event, SteerConsumed) and later.event.steer == seq
        case StopRequested():
            return lambda later: later.run == run and isinstance(later.event, RunStopped)
        case DraftOpened(draft=draft):
            return lambda later: later.document == draft or getattr(later.event, "draft", "") == draft
        case _ if isinstance(event, DocumentFact):
            return lambda later: isinstance(later.event, EditsUndone) and seq in later.event.records
        case _ if isinstance(event, _OPENS):
            return lambda later: (
                later.run == run
                and getattr(later.event, "step", "") == step
                and getattr(later.event, "attempt", attempt) in (0, attempt)
            )
        case _:
            return lambda later: False


class _First:
    """Holds for the first record alone for which the condition does."""

    def __init__(self, condition: Callable[[Record], bool]) -> None:
        self._condition = condition
        self._met = False

    def __call__(self, record: Record) -> bool:
        if self._met or not self._condition(record):
            return False
        self._met = True
        return True


# --- as plain values --------------------------------------------------------------------------------------------------


def shown(found: Effects) -> dict[str, Any]:
    """The answer as JSON has it: at most BLAME_SPANS changes, whose texts and values have BLAME_CHARS at most."""
    record = found.record
    told: dict[str, Any] = {
        "seq": record.seq,
        "time": rfc3339(record.time),
        "author": record.author,
        "run": record.run,
        "event": msgspec.to_builtins(record.event),
        "changed": [
            _shown_change(record.document or None, change, found.deleted.get(index))
            for index, change in enumerate(found.changed[: limits.BLAME_SPANS])
        ],
        "steps": [msgspec.to_builtins(turn) for turn in found.steps],
        "caused": [msgspec.to_builtins(each) for each in found.caused[: limits.BLAME_SPANS]],
        "looked": found.looked,
    }
    more = len(found.changed) - limits.BLAME_SPANS
    return told | {"more": more} if more > 0 else told


def _shown_change(document: str | None, change: Change, deleted_by: int | None) -> dict[str, Any]:
    told: dict[str, Any] = {"document": document, "did": change.did, "path": change.place.path}
    if change.place.units is not None:
        told["units"] = change.place.units
    if change.text:
        told["text"] = change.text[: limits.BLAME_CHARS]
        if len(change.text) > limits.BLAME_CHARS:
            told["cut"] = True
    if change.mark is not msgspec.UNSET:
        told["mark"] = dict((change.mark,))
    for name, value in (("value", change.value), ("was", change.was)):
        if value is not msgspec.UNSET:
            plain = msgspec.to_builtins(value)
            if len(msgspec.json.encode(plain)) > limits.BLAME_CHARS:
                told["cut"] = True
            else:
                told[name] = plain
    told["still"] = change.still
    if change.now is not None:
        told["now"] = msgspec.to_builtins(change.now)
    if deleted_by is not None:
        told["deleted_by"] = deleted_by
    return told
