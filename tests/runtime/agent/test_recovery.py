"""Cut the log behind every single record, recover, and demand the same answer and no write twice."""

from typing import Any

import pytest
import trio
from plait.protocol.events import ModelInterrupted, Record, RunFinished, ToolOutcomeUnknown, ToolStarted
from plait.runtime import Agent, Runtime, tool
from plait.runtime.models.model import JSON
from plait.runtime.tools.function import FunctionTool
from plait.storage.memory import MemoryStore
from plait.storage.store import Append

from .scripted import Scripted, answered, calls, says


def shop(log: list[str], effect: str) -> tuple[Agent, Scripted]:
    """An agent that asks for two calls at once, then for one, then answers; `log` notes each body that runs."""

    @tool(effect="read")
    async def stock(item: str) -> int:
        """How many of an item there are."""
        log.append(f"stock {item}")
        return len(item)

    async def order(item: str) -> str:
        """Order an item."""
        log.append(f"order {item}")
        return f"ordered {item}"

    def script(request: JSON) -> Any:
        given = answered(request)
        if given == 0:
            return calls(("c1", "stock", '{"item":"apple"}'), ("c2", "stock", '{"item":"fig"}'))
        if given == 2:
            return calls(("c1", "order", '{"item":"pears"}'), thought="Ordering. ")
        return says("All is ordered now.")

    model = Scripted(script)
    made = FunctionTool(order, effect, "order")  # type: ignore[arg-type]
    return Agent("clerk", model, tools=[stock, made]), model


async def cut(records: list[Record], n: int) -> MemoryStore:
    """A store that holds the first n records, as a crash left them."""
    store = MemoryStore(entropy=bytes)
    for record in records[:n]:
        open_runs = int(not any(isinstance(r.event, RunFinished) for r in records[: record.seq]))
        await store.append(Append("r", record.epoch, record.seq - 1, (record,), open_runs=open_runs))
    return store


async def uncut(effect: str) -> tuple[list[Record], dict[str, Any]]:
    store = MemoryStore()
    async with Runtime(store, [shop([], effect)[0]]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Get me apples", id="p"))
    return await store.read("r", limit=1000), run


def essence(run: dict[str, Any]) -> Any:
    """What people see of a run, without what a new attempt may change."""
    keep = ("type", "text", "name", "args", "state", "result", "error")
    return run["status"], [{key: part[key] for key in keep if key in part} for part in run["parts"]]


@pytest.mark.parametrize("effect", ["read", "write", "idempotent"])
async def test_a_cut_behind_any_record(effect: str, autojump_clock: trio.testing.MockClock) -> None:
    """AG12, AG13, AG14, AG15: recovery says the same, runs no write twice, and hangs nowhere."""
    records, whole = await uncut(effect)
    assert whole["status"] == "done"
    assert whole["parts"][-1]["text"] == "All is ordered now. "
    unknown = 0
    for n in range(1, len(records)):
        log: list[str] = []
        store = await cut(records, n)
        async with Runtime(store, [shop(log, effect)[0]]) as runtime:
            room = runtime.room("r")
            started = [type(record.event).__name__ + getattr(record.event, "step", "") for record in records[:n]]
            if effect == "write" and "ToolStartedall.1/0/call.0" in started and started[-1].startswith("ToolStarted"):
                unknown += 1
                with trio.fail_after(60):
                    async for record in room.follow(n):
                        if isinstance(record.event, ToolOutcomeUnknown):
                            break
                assert (await room.runs())["000000000001"]["status"] == "waiting"
                await room.stop()
                assert (await room.wait("000000000001"))["status"] == "stopped"
                assert not log
            else:
                with trio.fail_after(60):
                    again = await room.wait("000000000001")
                assert essence(again) == essence(whole), f"cut behind record {n}"
                happened = any(name == "ToolReturnedall.1/0/call.0" for name in started)
                assert log.count("order pears") == (0 if happened else 1)
        final = await store.read("r", limit=1000)
        terminal = [r for r in final if type(r.event).__name__ in ("RunFinished", "RunStopped", "RunFailed")]
        assert len(terminal) == 1
        assert (await store.head("r")).open_runs == 0
    assert unknown == (1 if effect == "write" else 0)


async def test_rooms_with_open_runs_wake_by_themselves(autojump_clock: trio.testing.MockClock) -> None:
    """RM33: nobody asks for the room; its run goes on because the process started, and the room sleeps again."""
    records, _ = await uncut("read")
    store = await cut(records, 4)
    async with Runtime(store, [shop([], "read")[0]]) as runtime:
        await trio.sleep(600)
        assert (await store.head("r")).open_runs == 0
        assert runtime.rooms.statistics()["rooms"] == 0


async def test_a_cut_stream_is_superseded(autojump_clock: trio.testing.MockClock) -> None:
    """AG15: the half reply stays in the log, leaves the document, and the next attempt has parts of its own."""
    records, _ = await uncut("read")
    middle = next(record.seq for record in records if type(record.event).__name__ == "TextStreamed")
    store = await cut(records, middle)
    async with Runtime(store, [shop([], "read")[0]]) as runtime:
        run = await runtime.room("r").wait("000000000001")
    assert [part["attempt"] for part in run["parts"] if part["step"] == "generate.0"] == [2, 2, 2, 2]
    final = await store.read("r", limit=1000)
    assert final[: middle - 1] == records[: middle - 1]
    assert sum(isinstance(record.event, ModelInterrupted) for record in final) == 1


async def test_an_idempotent_tool_keeps_its_key() -> None:
    """AG14: the key of the second try is the key of the first, within one lineage."""
    keys: list[str] = []

    async def order(item: str, key: str) -> str:
        """Order an item."""
        keys.append(key)
        return item

    made = FunctionTool(order, "idempotent", "order")

    def clerk() -> Agent:
        script = Scripted(lambda r: says("Done.") if answered(r) else calls(("c1", "order", '{"item":"pears"}')))
        return Agent("clerk", script, tools=[made])

    store = MemoryStore(entropy=bytes)
    async with Runtime(store, [clerk()]) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("Go"))
    records = await store.read("r", limit=1000)
    started = next(record.seq for record in records if isinstance(record.event, ToolStarted))
    async with Runtime(await cut(records, started), [clerk()]) as runtime:
        await runtime.room("r").wait("000000000001")
    assert len(keys) == 2
    assert len(set(keys)) == 1
