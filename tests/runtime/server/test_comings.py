"""What a process keeps of documents that were opened, written in and closed: nothing."""

import gc
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from plait.protocol import limits
from plait.runtime import Runtime
from plait.storage import open_store

from tests.bench.comings import come_and_go
from tests.bench.peers import Dialect
from tests.bench.trace import Typist

LOT = 40
OURS = ("plait.", "pycrdt.", "trio.", "trio_websocket.", "wsproto.")


@pytest.mark.parametrize("named", [False, True])
async def test_documents_that_were_closed_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, named: bool
) -> None:
    """SV41: after a first lot, further lots of new documents add no objects; edits in both dialects, real sockets."""
    monkeypatch.setattr(limits, "ROOM_IDLE_S", 0.01)
    monkeypatch.setattr(limits, "KNOWN_ROOMS", 1)
    gc.freeze()  # What earlier tests left behind need not be counted again and again.
    request.addfinalizer(gc.unfreeze)
    edit = Typist(1).type("one edit")
    async with (
        open_store(f"sqlite:///{tmp_path}/plait.db") as store,
        Runtime(store, agents=[]) as runtime,
        trio.open_nursery() as nursery,
    ):
        url = await nursery.start(lambda task_status: runtime.serve(port=0, task_status=task_status))
        port = int(url.rpartition(":")[2])
        counts: list[int] = []
        for lot in range(4):
            names = [f"room-{lot}-{number}" for number in range(LOT)]
            dialects = [Dialect(name, "/hocuspocus" if named else "") for name in names]
            await trio.to_thread.run_sync(come_and_go, port, dialects, edit)
            await _until(lambda: _awake(url) == 0)
            counts.append(await _objects())
        nursery.cancel_scope.cancel()
    assert counts[3] - counts[1] < LOT, f"{counts} objects after each {LOT} documents more"


async def _objects() -> int:
    """How many there are once they have been as many for a second: a socket that is no longer counted may still be
    saying goodbye."""
    found, same = -1, 0
    with trio.fail_after(60):
        while same < 5:
            gc.collect()
            now = sum(str(type(thing).__module__).startswith(OURS) for thing in gc.get_objects())
            found, same = now, same + 1 if now == found else 0
            await trio.sleep(0.2)
    return found


def _awake(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.split()[1]) for line in lines if line.startswith(("plait_rooms_awake ", "plait_connections "))
    )


async def _until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(60):
        while not await trio.to_thread.run_sync(holds):  # noqa: ASYNC110  # Rooms fall asleep and tell nobody.
            await trio.sleep(0.05)
