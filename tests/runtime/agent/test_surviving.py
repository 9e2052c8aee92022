"""The long scenario, cut behind every single record: recovered, it ends the same, and no write is done twice."""

import trio
from plait.protocol.events import Record, ToolClaimed, ToolOutcomeUnknown, ToolReturned, ToolStarted
from plait.storage.memory import MemoryStore
from plait.storage.store import Append

from .lives import ENDS, Life
from .test_recovery import essence


async def cut(records: list[Record], n: int) -> MemoryStore:
    """A store that holds the first n records, as a crash left them."""
    store = MemoryStore(entropy=bytes)
    for record in records[:n]:
        await store.append(Append("r", record.epoch, record.seq - 1, (record,), open_runs=1))
    return store


def writes_cut(records: list[Record]) -> list[str]:
    """The writes that had begun and of which the log does not say how they ended."""
    begun: dict[str, str] = {}
    for record in records:
        event = record.event
        if isinstance(event, ToolStarted) and event.effect == "write":
            begun[event.step] = event.name
        elif isinstance(event, ToolClaimed):
            begun[event.step] = "paint"
        elif isinstance(event, ToolReturned):
            begun.pop(event.step, None)
    return list(begun.values())


def seen(life: Life) -> list[object]:
    """What people see in the end, run by run; of a stopped one, that it was stopped."""
    return [run["status"] if run["prompt"] == "Wait" else (run["prompt"], *essence(run)) for run in life.runs.values()]


async def test_cut_anywhere_everything_ends_the_same(autojump_clock: trio.testing.MockClock) -> None:
    """AG60: text, reasoning, parallel tools, a tab's tool, an approval, a sub-agent, a steer, a stop and a timer, cut
    behind every record: the same is seen in the end, no write runs twice, each one whose outcome nobody knows is shown
    to a person, and nothing hangs."""
    store = MemoryStore()
    whole = await Life(store, 0).live()
    assert sorted(whole.acted) == ["order", "paint"]
    assert [run["status"] for run in whole.runs.values()] == ["done", "done", "stopped"]
    records = [record for record in await store.read("r", limit=1000) if type(record.event).__name__ != "EpochClosed"]
    kinds = {type(record.event).__name__ for record in records}
    assert {"ReasoningStreamed", "TimerFired", "SteerConsumed", "ToolDelegated", "ToolClaimed", "RunStopped"} <= kinds
    unknown: list[str] = []
    for n in range(1, len(records)):
        again = await cut(records, n)
        with trio.fail_after(3600):
            life = await Life(again, 1).live()
        assert seen(life) == seen(whole), f"cut behind record {n}, {type(records[n - 1].event).__name__}"
        final = await again.read("r", limit=1000)
        before = [each for each in ("order", "paint") if _begun(records[:n], each)]
        assert sorted([*before, *life.acted]) == ["order", "paint"], f"cut behind record {n}"
        assert life.unknown == writes_cut(records[:n]), f"cut behind record {n}"
        assert len(life.unknown) == sum(isinstance(record.event, ToolOutcomeUnknown) for record in final)
        assert sum(isinstance(record.event, ENDS) for record in final) == 3
        unknown += life.unknown
    assert set(unknown) == {"order", "paint"}


def _begun(records: list[Record], name: str) -> bool:
    events = [record.event for record in records]
    if name == "paint":
        return any(isinstance(event, ToolClaimed) for event in events)
    return any(isinstance(event, ToolStarted) and event.name == name for event in events)
