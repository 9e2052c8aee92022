"""Every log ever written loads and says what it said."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from plait.protocol.codec import decode_event
from plait.protocol.events import (
    Event,
    ModelRequested,
    Record,
    RoomImported,
    RunArchived,
    SubjectErased,
    ToolAwaited,
    ToolInterrupted,
    ToolNotStarted,
    ToolResolved,
)
from plait.protocol.fold import fold
from plait.protocol.requests import RequestDamaged, resolve
from plait.protocol.state import RoomState
from plait.runtime.room.live import Live
from plait.runtime.room.opening import replay
from plait.storage.memory import MemoryStore
from plait.storage.store import Append

from ..runtime.room.scene import surroundings
from .record import digest

HERE = Path(__file__).parent
LOGS = sorted(HERE.glob("format-*.log"))


def load(path: Path) -> list[Record]:
    rows = msgspec.msgpack.decode(path.read_bytes())
    values: list[list[Any]] = [[*row[:5], decode_event(row[5]), *row[6:]] for row in rows]
    return [Record(*row) for row in values]


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
async def test_a_golden_log_says_what_it_said(path: Path) -> None:
    """LG4: through the codec, the store, the fold and the documents."""
    store = MemoryStore(entropy=bytes)
    for record in load(path):
        await store.append(Append("r", record.epoch, record.seq - 1, (record,)))
    assert await digest(store) == json.loads(path.with_suffix(".json").read_text())


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_how_a_log_is_cut_does_not_matter(path: Path) -> None:
    """LG6: folded in one go, or stored as a snapshot and taken up again behind every record."""
    records, straight, cut = load(path), RoomState(), RoomState()
    for record in records:
        fold(straight, record)
        fold(cut, record)
        cut = msgspec.msgpack.decode(msgspec.msgpack.encode(cut), type=RoomState)
    assert cut == straight


def test_a_log_from_before_branches() -> None:
    """CV6: each prompt goes on from the one before it."""
    state = RoomState()
    for record in load(HERE / "format-1.log"):
        fold(state, record)
    runs = list(state.runs.values())
    assert len(runs) > 2
    assert [run.after for run in runs] == ["", *(run.id for run in runs[:-1])]
    assert state.tip == runs[-1].id


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
async def test_requests_in_a_golden_log(path: Path) -> None:
    """LG7: each adds up to its hash; with one message changed it does not."""
    records = load(path)
    found = [record.event for record in records if isinstance(record.event, ModelRequested)]
    assert len(found) > 1

    async def lookup(seq: int) -> Record:
        return records[seq - 1]

    for event in found:
        assert json.loads(await resolve(event, lookup))["messages"]
        forged = msgspec.structs.replace(event, added=(*event.added[:-1], '{"role":"User","text":"other"}'))
        with pytest.raises(RequestDamaged):
            await resolve(forged, lookup)


def test_what_the_golden_logs_hold() -> None:
    """LG4: every kind of record, but for those that an accident, an erasure, an import or a very long room leaves."""
    held = {type(record.event) for path in LOGS for record in load(path)}
    accidents = {ToolInterrupted, ToolNotStarted, ToolAwaited, ToolResolved}
    missing = accidents | {RunArchived, SubjectErased, RoomImported}
    assert set(get_args(Event)) - held == missing


def test_replaying_live_equals_replaying_stored() -> None:
    """LG6: the room's own way of taking in records folds as the fold does."""
    records = load(LOGS[0])
    live, state = Live("r", 9, 99, {}, surroundings()), RoomState()
    for record in records:
        replay(live, record)
        fold(state, record)
    assert live.state == state
