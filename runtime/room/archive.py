"""Runs that the room document holds no longer, read from the log and shown in the document's shape.

A run's id is its first record's seq, and seqs have no gaps, so older runs are found by reading the log backwards in
windows, without an index. Each is then projected alone into a scratch document. That computes updates anew, which is
fine because nobody is sent them (law 2 forbids it only for what tabs hold).
"""

from typing import Any

from ...protocol import limits
from ...protocol.document import RoomDocument
from ...protocol.events import Record, RunFailed, RunFinished, RunRequested, RunStopped, run_id
from ...protocol.shown import shown_runs
from ...storage.store import Reader

_TERMINAL = (RunFinished, RunStopped, RunFailed)


async def older_runs(store: Reader, room: str, before: int = 0) -> tuple[list[dict[str, Any]], str | None]:
    """At most a page of finished prompts' runs whose id is less than `before`, newest first, each followed by the runs
    below it; and the next page's `before`.

    Without `before` (0) those that the document still holds, the newest `FINISHED_RUNS`, are left out. None says that
    no older run exists. A page may be short, even empty, where the log holds much else.
    """
    held = 0
    if before == 0:
        before, held = (await store.head(room)).seq + 1, limits.FINISHED_RUNS
    runs: list[dict[str, Any]] = []
    prompts = 0
    for _ in range(limits.RUNS_LOOKED_RECORDS // limits.PAGE_RECORDS):
        first = max(1, before - limits.PAGE_RECORDS)
        for record in reversed(await _window(store, room, first, before)):
            if not isinstance(record.event, RunRequested) or record.event.parent:
                continue
            shown = await _finished(store, room, record)
            if not shown:
                continue
            if held:
                held -= 1
                continue
            runs += [{"id": run, **shown[run]} for run in shown]
            prompts += 1
            if prompts == limits.RUNS_PAGE:
                return runs, record.run if record.seq > 1 else None
        before = first
        if before <= 1:
            return runs, None
    return runs, run_id(before)


async def _window(store: Reader, room: str, first: int, before: int) -> list[Record]:
    """The records from seq `first` up to, not including, `before`."""
    records: list[Record] = []
    while first < before:
        page = await store.read(room, first - 1, before - first)
        if not page:
            break
        records += page
        first = page[-1].seq + 1
    return records


async def _finished(store: Reader, room: str, request: Record) -> dict[str, dict[str, Any]]:
    """The run and those below it, as the document last showed them; nothing if it is open."""
    scratch = RoomDocument(client=1)
    scratch.project(request.run, request.author, request.time, request.event)
    family = {request.run}
    after = request.seq
    while records := await store.read(room, after):
        for record in records:
            if isinstance(record.event, RunRequested) and record.event.parent in family:
                family.add(record.run)
            if record.run in family:
                scratch.project(record.run, record.author, record.time, record.event)
                if record.run == request.run and isinstance(record.event, _TERMINAL):
                    return shown_runs(scratch.doc)
        after = records[-1].seq
    return {}
