"""Clients behind a proxy that cuts, over servers that restart, and over a process that is killed: nothing is lost."""

from pathlib import Path

import pytest
import trio
from plait.protocol.codec import record_json
from plait.protocol.events import DocumentEdited, Record, RunRequested
from plait.protocol.update import read
from plait.runtime import connect
from plait.runtime.client import RemoteRoom
from pycrdt import Text

from tests.end_to_end.serving import serving

from .served import Cutter, served

PROMPTS = 12


class Busy:
    """Everything that a client can do at once, remembered so that it can be compared with the log."""

    def __init__(self, room: RemoteRoom, name: str) -> None:
        self.room = room
        self.name = name
        self.runs: dict[str, str] = {}
        self.records: list[Record] = []
        self._more = trio.Event()

    async def follow(self) -> None:
        async for record in self.room.follow():
            self.records.append(record)
            self._more.set()

    async def prompt(self, count: int = PROMPTS) -> None:
        for _ in range(count):
            text = f"{self.name}{len(self.runs)}"
            self.runs[text] = await self.room.prompt(text)

    async def write(self, count: int = 40) -> None:
        pad = await self.room.document("pad")
        for n in range(count):
            with pad.edit() as doc:
                text = doc.get("content", type=Text)
                text.insert(len(text) // 2, f"<{self.name}{n}>")
            if n % 10 == 0:
                await pad.saved()
        await pad.saved()
        assert not pad.unsaved

    async def followed(self, head: int) -> None:
        """Until every record up to the head has come."""
        while len(self.records) < head:
            self._more = trio.Event()
            await self._more.wait()

    def letters(self, count: int = 40) -> str:
        return "".join(f"<{self.name}{n}>" for n in range(count))


def prompts(records: list[Record]) -> dict[str, str]:
    asked = [(record.event.prompt, record.run) for record in records if isinstance(record.event, RunRequested)]
    assert len(asked) == len(dict(asked))
    return dict(asked)


async def test_a_proxy_that_cuts(tmp_path: Path) -> None:
    """CC2, CC6, CC10, CC19: cut in the middle of frames and again and again, nothing is lost and nothing doubled."""
    for seed in range(2):
        async with served(f"sqlite:///{tmp_path / f'{seed}.db'}") as server, trio.open_nursery() as nursery:
            cutter = Cutter(server, seed, cuts=20)
            await nursery.start(cutter.run)
            async with (
                connect(cutter.url, "busy", random=lambda: 0.0) as one,
                connect(cutter.url, "busy", random=lambda: 0.0) as two,
            ):
                clients = [Busy(one, "a"), Busy(two, "b")]
                async with trio.open_nursery() as following:
                    for client in clients:
                        following.start_soon(client.follow)
                    async with trio.open_nursery() as working:
                        for client in clients:
                            working.start_soon(client.prompt)
                            working.start_soon(client.write)
                    for client in clients:
                        for run in client.runs.values():
                            await client.room.wait(run)
                    log = await server.runtime.store.read("busy")
                    for client in clients:
                        await client.followed(len(log))
                    following.cancel_scope.cancel()
                log = await server.runtime.store.read("busy")
                for client in clients:
                    seen = [record_json(record) for record in client.records]
                    assert seen == [record_json(record) for record in log[: len(seen)]]
                assert prompts(log) == clients[0].runs | clients[1].runs
                edits = [read(record.update, own=True) for record in log if isinstance(record.event, DocumentEdited)]
                typed = sum(end - start for edit in edits for _, start, end in edit.inserted)
                assert typed == len(clients[0].letters() + clients[1].letters())
                texts = {str((await room.document("pad")).doc.get("content", type=Text)) for room in (one, two)}
                texts.add(str((await server.runtime.room("busy").document("pad")).get("content", type=Text)))
                assert sorted(texts.pop()) == sorted(clients[0].letters() + clients[1].letters())
                assert not texts
            assert not cutter.cuts
            nursery.cancel_scope.cancel()


async def test_a_server_that_restarts(tmp_path: Path) -> None:
    """CC2, CC6, CC10: what is asked and written while no server is there happens when one is, once."""
    async with (
        served(f"sqlite:///{tmp_path / 'plait.db'}") as server,
        connect(server.url, "busy", random=lambda: 0.0) as room,
        trio.open_nursery() as nursery,
    ):
        client = Busy(room, "a")
        nursery.start_soon(client.follow)
        await client.prompt(2)
        pad = await room.document("pad")
        for turn in range(2):
            await server.stop()
            with pad.edit() as doc:
                doc.get("content", type=Text).insert(0, str(turn))
            assert pad.unsaved == 1
            async with trio.open_nursery() as asking:
                asking.start_soon(client.prompt, 2)
                await trio.testing.wait_all_tasks_blocked()
                assert len(client.runs) == 2 + 2 * turn
                await server.start()
            await pad.saved()
        assert [(await room.wait(run))["status"] for run in client.runs.values()] == ["done"] * 6
        log = await server.runtime.store.read("busy")
        await client.followed(len(log))
        assert [record.seq for record in client.records] == list(range(1, len(client.records) + 1))
        assert prompts(client.records) == client.runs
        assert str((await server.runtime.room("busy").document("pad")).get("content", type=Text)) == "10"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_server_that_is_killed(tmp_path: Path, seed: int) -> None:
    """CC2, CC6, CC10: the same over `kill -9` of the real process, in the middle of an answer and of edits."""
    with trio.fail_after(240):
        async with (
            serving(tmp_path, model="echo:300") as server,
            connect(server.url, "busy", random=lambda: 0.0) as room,
            trio.open_nursery() as nursery,
        ):
            client = Busy(room, "a")
            nursery.start_soon(client.follow)
            run = await room.prompt(" ".join(f"word{n}" for n in range(300)), id="long")
            async with trio.open_nursery() as working:
                working.start_soon(client.prompt, 5)
                working.start_soon(client.write)
                # The moment is a number of records, not a time: slow machines get there too.
                await client.followed(20 + 7 * seed)
                await server.kill()
                await server.start()
            assert (await room.wait(run))["status"] == "done"
            assert await room.prompt(" ".join(f"word{n}" for n in range(300)), id="long") == run
            for other in client.runs.values():
                assert (await room.wait(other))["status"] == "done"
            log = await server.records("busy")
            await client.followed(len(log))
            assert [record.seq for record in client.records] == list(range(1, len(client.records) + 1))
            asked = [each for each in log if each["event"]["type"] == "run-requested"]
            assert [each["event"]["prompt"] for each in asked[1:]] == list(client.runs)
            pad = await room.document("pad")
            assert sorted(str(pad.doc.get("content", type=Text))) == sorted(client.letters())
            nursery.cancel_scope.cancel()
