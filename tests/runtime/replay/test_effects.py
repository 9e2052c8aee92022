"""All that one record did, in Python, over HTTP and at a terminal."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.errors import Refused
from plait.protocol.events import ModelAnswered, RunRequested, ToolReturned, ToolStarted
from plait.runtime import Agent, Runtime, cli, effects
from plait.runtime.replay.effects import shown
from plait.storage import open_store
from plait.storage.memory import MemoryStore
from pycrdt import Text

from ..agent.scripted import Scripted, says
from ..client.served import served
from .asked import get
from .test_moment import lived


async def test_a_run() -> None:
    """RP60, RP62: a prompt began a run and caused all of it; a call began its step and caused its result."""
    store = MemoryStore()
    await lived(store)
    records = await store.read("r")
    asked = next(record for record in records if isinstance(record.event, RunRequested))
    found = await effects(store, "r", asked.seq)
    began = next(change for change in found.changed if change.place.path == f"/runs/{asked.run}")
    assert (began.value["prompt"], began.value["status"], began.still) == ("Note one", "queued", True)
    assert [(turn.run, turn.step, turn.was, turn.now) for turn in found.steps] == [(asked.run, "", None, "queued")]
    mine = [record.seq for record in records if record.run == asked.run and record.seq > asked.seq]
    told = [seq for each in found.caused for seq in range(each.seq, each.last + 1)]
    assert set(mine) <= set(told)
    call = next(record for record in records if isinstance(record.event, ToolStarted))
    found = await effects(store, "r", call.seq)
    (turn,) = found.steps
    assert (turn.run, turn.name, turn.was, turn.now) == (call.run, "note", None, "open")
    assert {"document-edited", "tool-returned"} <= {each.event for each in found.caused}
    answer = next(record for record in records if isinstance(record.event, ModelAnswered))
    assert "tool-started" in {each.event for each in (await effects(store, "r", answer.seq)).caused}
    result = next(record for record in records if isinstance(record.event, ToolReturned))
    (told_of,) = (await effects(store, "r", result.seq)).caused
    assert (told_of.event, told_of.seq == told_of.last) == ("model-requested", True)
    for seq in (0, len(records) + 1):
        with pytest.raises(Refused, match="no-such-moment"):
            await effects(store, "r", seq)


async def test_what_deleted_it() -> None:
    """RP61: each piece names the record that took it away, also a run that left the document; or leaves it open."""
    store = MemoryStore()
    async with Runtime(store, [Agent("a", Scripted(lambda request: says("Yes.")))]) as runtime:
        room = runtime.room("r").by("ann")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "abcdef"))
        for _ in range(3):
            await room.edit("main", lambda doc: doc.get("content", type=Text).__delitem__(slice(0, 1)))
        await room.wait(await room.prompt("Go"))
    found = await effects(store, "r", 1)
    assert [(each.text, found.deleted.get(index)) for index, each in enumerate(found.changed)] == [
        ("a", 2),
        ("b", 3),
        ("c", 4),
        ("def", None),
    ]
    gone = await effects(store, "r", 3)
    assert [(each.did, each.text) for each in gone.changed] == [("deleted", "b")]
    told = shown(found)
    assert told["changed"][0]["deleted_by"] == 2
    assert told["changed"][3]["now"] == {"path": "/content", "units": (0, 3)}


async def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """RP61, RP63: few looks leave open who deleted; few places are told, the others counted."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r").by("ann")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "abcdef"))
        for _ in range(5):
            await room.edit("main", lambda doc: doc.get("content", type=Text).__delitem__(slice(0, 1)))
    monkeypatch.setattr(limits, "EFFECTS_LOOKS", 2)
    monkeypatch.setattr(limits, "BLAME_SPANS", 2)
    found = await effects(store, "r", 1)
    assert [(each.text, each.still) for each in found.changed] == [("a", False), ("bcde", False), ("f", True)]
    assert found.deleted == {0: 2}
    told = shown(found)
    assert (len(told["changed"]), told["more"]) == (2, 1)


def test_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RP63: a line for each place, or JSON; a record that is not there is one line on stderr."""
    url = f"sqlite:///{tmp_path / 'log.db'}"

    async def main() -> None:
        async with open_store(url) as store, Runtime(store) as runtime:
            room = runtime.room("r").by("ann")
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "a\x1b[31mb"))
            await room.edit("main", lambda doc: doc.get("content", type=Text).__delitem__(slice(0, 1)))

    trio.run(main)
    assert cli.run(["effects", "r", "1", "--store", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ['  + main /content:0 "a" (deleted by 2)', '  + main /content:1 "\\u001b[31mb"']
    assert cli.run(["effects", "r", "1", "--json", "--store", url]) == 0
    told: Any = json.loads(capsys.readouterr().out)
    assert [each.get("deleted_by") for each in told["changed"]] == [2, None]
    assert cli.run(["effects", "r", "9", "--store", url]) == 1
    assert capsys.readouterr().err.count("\n") == 1


async def test_over_http() -> None:
    """RP63: what Python and the terminal tell, for whoever may read all of the room."""
    async with served("sqlite:///:memory:", Agent("a", Scripted(lambda request: says("Yes.")))) as server:
        room = server.runtime.room("r").by("ann")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "abc"))
        await room.edit("main", lambda doc: doc.get("content", type=Text).__delitem__(slice(0, 1)))

        status, told = await get(server, "/api/rooms/r/effects?seq=1")
        assert (status, told["event"]["type"], told["author"]) == (200, "document-edited", "ann")
        gone, here = told["changed"]
        place = {"document": "main", "did": "inserted", "path": "/content"}
        assert gone == place | {"units": [0, 1], "text": "a", "still": False, "deleted_by": 2}
        now = {"path": "/content", "units": [0, 2]}
        assert here == place | {"units": [1, 3], "text": "bc", "still": True, "now": now}
        assert (await get(server, "/api/rooms/r/effects?seq=99"))[1]["code"] == "no-such-moment"
        assert (await get(server, "/api/rooms/r/effects"))[0] == 400
