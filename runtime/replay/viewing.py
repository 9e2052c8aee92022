"""Viewing: what each tab had been sent of a room when a record was written, and when it had it: "why did she not see
it".

Read from the journal of deliveries (`storage/deliveries`), which is looked at once a second; so times are as exact as
that, and what it does not say is said to be unknown. Rules (specs/replay.md):

- Of each tab that was there at that moment, or within VIEW_AROUND_S of it, it is told whether the record had reached
  it, when, and if not why not.
- A tab that shows another document is told of as one that could not see it.
"""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct, to_builtins

from ...protocol import limits
from ...protocol.codec import rfc3339
from ...protocol.errors import Refused
from ...protocol.events import Record
from ...storage.deliveries import Delivery
from ...storage.errors import RoomDeleted
from ...storage.store import Reader

State = Literal["taken", "sent", "behind", "never", "later", "left", "elsewhere", "past", "refused"]


class View(Struct, frozen=True, omit_defaults=True):
    """How one tab stood towards one record. `sent` and `acked` are the records that it had at that moment; `sent_at`
    and `acked_at` say when it was sent this one, and had taken it."""

    tab: str
    subject: str
    document: str
    state: State
    sentence: str
    sent: int = 0
    acked: int = 0
    waiting: int = 0
    since: str = ""
    sent_at: str = ""
    acked_at: str = ""


async def moment_of(reader: Reader, room: str, seq: int = 0, at: int = 0) -> Record:
    """The record of that seq, or the newest one that was written by that time (µs since 1970). Raises
    Refused('no-such-moment', 'no-such-room'), StoreError."""
    try:
        head = (await reader.head(room)).seq
        if not seq:
            low, high = 0, head + 1  # Times never fall within a log, so the last one by then is found by halving.
            while high - low > 1:
                middle = (low + high) // 2
                page = await reader.read(room, middle - 1, 1)
                low, high = (middle, high) if page and page[0].time <= at else (low, middle)
            seq = low
        page = await reader.read(room, seq - 1, 1) if 0 < seq <= head else []
    except RoomDeleted:
        raise Refused("no-such-room") from None
    if not page:
        raise Refused("no-such-moment", f"The log of {room} has {head} records.")
    return page[0]


def window(record: Record) -> tuple[int, int]:
    """Between which times the journal is asked."""
    around = limits.VIEW_AROUND_S * 1_000_000
    return record.time - around, record.time + around


def views(deliveries: Sequence[Delivery], record: Record, tab: str = "") -> list[View]:
    """How each tab, or the one of that id, stood towards the record, in the order in which they came."""
    by_tab: dict[str, list[Delivery]] = {}
    found: list[View] = []
    for each in deliveries:
        if each.what == "refused":
            if not tab and each.at <= record.time:
                sentence = f"somebody was not let in at {rfc3339(each.at)}: {each.note}"
                found.append(View("", "", each.document, "refused", sentence, since=rfc3339(each.at)))
        elif tab in ("", each.tab):
            by_tab.setdefault(each.tab, []).append(each)
    return found + [_view(rows, record) for rows in by_tab.values()]


def _view(rows: Sequence[Delivery], record: Record) -> View:
    first, last = rows[0], rows[-1]
    here = [row for row in rows if row.at <= record.time]
    then = here[-1] if here else None
    sent = next((row for row in rows if row.sent >= record.seq), None)
    taken = next((row for row in rows if row.acked >= record.seq), None)
    state, sentence = _why(rows, record, then, sent, taken)
    return View(
        tab=first.tab,
        subject=first.subject,
        document=first.document,
        state=state,
        sentence=sentence,
        sent=then.sent if then else 0,
        acked=then.acked if then else 0,
        waiting=(then or last).waiting,
        since=rfc3339(first.at),
        sent_at=rfc3339(sent.at) if sent else "",
        acked_at=rfc3339(taken.at) if taken else "",
    )


def _why(
    rows: Sequence[Delivery], record: Record, then: Delivery | None, sent: Delivery | None, taken: Delivery | None
) -> tuple[State, str]:
    """How it was, and in words."""
    first, last = rows[0], rows[-1]
    if first.note == "past":
        return "past", f"it showed the room as it stood after record {first.head}, which does not change"
    if record.update and first.document != record.document:
        shows = f"document {first.document}" if first.document else "the room document"
        changed = f"document {record.document}" if record.document else "the room document"
        return "elsewhere", f"it showed {shows}, and the record changed {changed}"
    if then is not None and then.what == "left" and (sent is None or sent.at >= then.at):
        return "left", f"it had left by {rfc3339(then.at)}, with everything up to record {then.sent}"
    if taken is not None:
        late = "" if then is not None else f"it came at {rfc3339(first.at)}, later than the record, and "
        return "taken", f"{late}had it by {rfc3339(taken.at)}{_lag(taken, record)}"
    if sent is not None:
        return "sent", f"it was sent to it by {rfc3339(sent.at)}{_lag(sent, record)}; that it was taken is not known"
    if then is None:
        return "later", f"it came at {rfc3339(first.at)}, later than the record"
    stalled = next((row for row in rows if row.sent == last.sent and row.sent < row.head), last)
    behind = max(record.seq - last.sent, 0)
    waits = f", with {last.waiting} bytes waiting for its socket" if last.waiting else ""
    if last.what == "left":
        words = f"it left at {rfc3339(last.at)} without it, {behind} records behind since {rfc3339(stalled.at)}{waits}"
        return "never", words
    return "behind", f"it is {behind} records behind since {rfc3339(stalled.at)}{waits}"


def _lag(row: Delivery, record: Record) -> str:
    late_s = (row.at - record.time) / 1_000_000
    return f", {late_s:.0f} s after it was written" if late_s > 2 * limits.DELIVERIES_EVERY_S else ""


def shown(found: Sequence[View], record: Record) -> dict[str, Any]:
    """The answer as JSON has it."""
    return {
        "seq": record.seq,
        "time": rfc3339(record.time),
        "document": record.document or None,
        "tabs": [to_builtins(view) for view in found],
    }
