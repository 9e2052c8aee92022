"""Runs that left the document: in pages, newest first, as the document last showed them."""

from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Prompt, Stop
from plait.protocol.limits import FINISHED_RUNS, RUNS_PAGE
from plait.runtime.room.archive import older_runs
from plait.storage.memory import MemoryStore

from .scene import rooms


async def stopped_runs(store: MemoryStore, count: int) -> list[str]:
    """A room with so many runs that were stopped; their ids."""
    runs: list[str] = []
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        for n in range(count):
            asked = await room.ask(ANONYMOUS, Prompt(id=f"p{n}", text=f"prompt {n}"))
            runs.append(asked.run or "")
            await room.ask(ANONYMOUS, Stop(id=f"s{n}"))
    return runs


async def test_older_runs_come_in_pages() -> None:
    """RM34: what the document holds is left out only where nobody says before which run."""
    store = MemoryStore()
    runs = await stopped_runs(store, FINISHED_RUNS + RUNS_PAGE + 2)
    page, before = await older_runs(store, "r")
    assert [run["id"] for run in page] == runs[2 : RUNS_PAGE + 2][::-1]
    assert (page[0]["prompt"], page[0]["author"], page[0]["status"]) == (
        f"prompt {RUNS_PAGE + 1}",
        "anonymous",
        "stopped",
    )
    assert page[0]["requested_at"] < page[0]["ended_at"]
    assert before is not None
    assert before == runs[2]
    page, before = await older_runs(store, "r", int(before))
    assert ([run["id"] for run in page], before) == (runs[:2][::-1], None)
    page, _ = await older_runs(store, "r", int(runs[-1]) + 1)
    assert [run["id"] for run in page] == runs[-RUNS_PAGE:][::-1]
    assert await older_runs(store, "r", 1) == ([], None)


async def test_an_open_run_is_none_of_them() -> None:
    """RM34: and a room that nobody wrote to has none."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
    assert await older_runs(store, "r", 2) == ([], None)
    assert await older_runs(store, "empty") == ([], None)
