"""From the state of a call to its records, the model's request and answer, the prompt and the person."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol.commands import Approve
from plait.protocol.digests import call_digest
from plait.protocol.errors import Refused
from plait.protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    ModelAnswered,
    ModelRequested,
    RunRequested,
    ToolReturned,
)
from plait.runtime import Agent, Runtime, called_by, cli, tool
from plait.runtime.replay.calls import shown
from plait.storage import MemoryStore, Store, open_store

from ...golden.test_golden import LOGS, load
from ...storage.test_encryption import MASTER
from ..agent.scripted import Scripted, answered, calls, says
from ..client.served import served
from .asked import get


@tool(effect="read")
async def look(item: str) -> str:
    """Look for an item."""
    return f"{item} is here"


@tool(approval="always")
async def send() -> str:
    """Send."""
    return "sent"


def crew() -> list[Agent]:
    def helper(request: Any) -> Any:
        return says("Done.") if answered(request) else calls(("c1", "look", '{"item":"figs"}'), ("c2", "send", "{}"))

    def chief(request: Any) -> Any:
        return says("All done.") if answered(request) else calls(("c1", "helper", '{"prompt":"Do it"}'))

    below = Agent("helper", Scripted(helper), tools=[look, send])
    return [Agent("chief", Scripted(chief), tools=[below]), below]


async def lived(store: Store) -> tuple[str, str]:
    """A run and the one below it, whose second call somebody allowed."""
    async with Runtime(store, crew()) as runtime:
        room = runtime.room("r").by("ann")
        run = await room.prompt("Ask the helper", agent="chief")
        async for record in room.follow():
            if isinstance(record.event, ApprovalRequested):
                allowed = Approve(id="y", run=record.run, step=record.event.step, shown=call_digest("send", "{}"))
                await runtime.room("r").by("bob").decide(allowed)
                await room.wait(run)
                return run, record.run
    raise AssertionError


@pytest.mark.parametrize("keys", [None, MASTER])
async def test_where_a_call_comes_from(tmp_path: Path, keys: Any) -> None:
    """BL19: by its step and by the model's id: what happened to it, in order, the request and the answer that asked for
    it, the prompt above it all and who gave that."""
    async with open_store(f"sqlite:///{tmp_path / 'plait.db'}", keys=keys, inline=True) as store:
        run, below = await lived(store)
        found = await called_by(store, "r", "c2")
        assert (found.run, found.call, found.author) == (below, "c2", "ann")
        assert found.prompt.seq == int(run)
        assert found.request is not None
        assert found.answer is not None
        assert isinstance(found.request.event, ModelRequested)
        assert isinstance(found.answer.event, ModelAnswered)
        told = shown(found)
        kinds = [one["event"] for one in told["records"]]
        assert kinds[0] == "arguments-streamed"
        assert [kind for kind in kinds if kind != "arguments-streamed"] == [
            "model-answered",
            "approval-requested",
            "approval-granted",
            "tool-started",
            "tool-returned",
        ]
        assert [one["author"] for one in told["records"] if one["event"] == "approval-granted"] == ["bob"]
        assert shown(await called_by(store, "r", found.step, below.lstrip("0"))) == told
        # The same id in the run above is another call, which a run carries out.
        above = await called_by(store, "r", "c1", run)
        assert (above.run, above.author) == (run, "ann")
        assert any(isinstance(one.event, RunRequested) and one.run == below for one in above.records)
        assert {one.run for one in (await called_by(store, "r", "c1", below)).records} == {below}
        for call, where in (("none", ""), ("none", run), ("c2", run), ("c2", "9999"), ("c2", "x"), ("c2", "2")):
            with pytest.raises(Refused, match="bad-request"):
                await called_by(store, "r", call, where)


async def test_each_call_of_the_golden_logs() -> None:
    """BL19: every call that was ever begun is found by its step, with its outcome, and by nothing of another one."""
    looked = 0
    for path in LOGS:
        store = MemoryStore()
        from plait.storage import Append

        for record in load(path):
            await store.append(Append("r", record.epoch, record.seq - 1, (record,)))
        for record in load(path):
            if isinstance(record.event, ToolReturned):
                found = await called_by(store, "r", record.event.step, record.run)
                assert record.seq in [one.seq for one in found.records]
                assert {getattr(one.event, "step", "") for one in found.records if not _models(one)} == {found.step}
                looked += 1
    assert looked > 5


def _models(one: Any) -> bool:
    return isinstance(one.event, ModelAnswered | ArgumentsStreamed | RunRequested)


async def test_over_http() -> None:
    """BL19: `call` in the place of a document."""
    async with served("sqlite:///:memory:", *crew()) as server:
        run, below = await lived(server.runtime.rooms.store)
        status, told = await get(server, "/api/rooms/r/blame?call=c2")
        assert (status, told["run"], told["prompt"], told["author"]) == (200, below, int(run), "ann")
        assert (await get(server, f"/api/rooms/r/blame?call=c2&run={run}"))[0] == 400


def test_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """BL19: for people a line for each record, for machines an object."""
    url = f"sqlite:///{tmp_path / 'plait.db'}"

    async def main() -> str:
        async with open_store(url) as store:
            return (await lived(store))[1]

    below = trio.run(main)
    assert cli.run(["blame", "r", "--call", "c2", "--json", "--store", url]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == below
    assert cli.run(["blame", "r", "--call", "c2", "--run", str(int(below)), "--store", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("prompt ")
    assert "Ask the helper" in lines[0]
    assert lines[1].startswith("request ")
    assert len(lines) == 2 + sum(one["event"] != "arguments-streamed" for one in told["records"])
    assert cli.run(["blame", "r", "--call", "c9", "--store", url]) == 1
    assert cli.run(["blame", "r", "--run", "1", "--store", url]) == 2
