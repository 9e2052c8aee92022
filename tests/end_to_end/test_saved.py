"""What stock providers call saved, while the store is slow or fails: the real server with a store that a test stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from plait.runtime import Runtime
from plait.storage.errors import StoreFull
from plait.storage.memory import MemoryStore
from plait.storage.store import Append, Head

from tests.clients.node_tab import NodeTab, node_tab

BOUND_S = 60


class Disk(MemoryStore):
    """A store whose appends wait while it is `stopped`, and are refused while it is `full`."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.waiting = 0
        self.asked = trio.Event()
        self._go_on = trio.Event()
        self._go_on.set()

    def stop(self) -> None:
        self._go_on = trio.Event()
        self.asked = trio.Event()

    def go_on(self) -> None:
        self._go_on.set()

    async def append(self, append: Append) -> Head:
        self.asked.set()
        await self._go_on.wait()
        if self.full:
            raise StoreFull("the disk is full")
        return await super().append(append)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[str, Disk]]:
    with trio.fail_after(BOUND_S):
        disk = Disk()
        async with Runtime(disk) as runtime, trio.open_nursery() as nursery:
            url = await nursery.start(runtime.serve, "127.0.0.1", 0)
            try:
                yield url.replace("http", "ws"), disk
            finally:
                disk.full = False
                disk.go_on()
                nursery.cancel_scope.cancel()


KINDS = {"@hocuspocus/provider": "/hocuspocus", "@hocuspocus/provider-3": "/hocuspocus", "@y-sweet/client": "/docs"}


async def _saved(tab: NodeTab) -> bool:
    return bool((await tab.look())["saved"])


@pytest.mark.parametrize("kind", KINDS)
async def test_saved_means_on_disk(kind: str) -> None:
    """HP5, YS1: while the commit is on its way the provider has unsynced changes, and nobody else has seen the text."""
    async with serving() as (url, disk), node_tab(f"{url}{KINDS[kind]}", "pad/main", kind=kind) as tab:
        await tab.wait_saved()
        async with node_tab(f"{url}/docs", "pad") as other:
            await other.wait_synced()
            disk.stop()
            await tab.insert(0, "one ")
            await disk.asked.wait()
            await tab.append("two")
            # A second tab's sync is behind the commit too, so what it knows now is all that anybody was told.
            await trio.sleep(0.5)  # Nothing is waited for: this is how long a wrong answer has to show itself.
            assert not await _saved(tab)
            assert await other.text() == ""
            disk.go_on()
            await tab.wait_saved()
            await other.wait_text("one two")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_full_disk_lost_is_not_saved(kind: str) -> None:
    """HP5, HP7, YS2: edits that the store refused count as unsaved until the server has asked for them again and they
    are on disk; the socket stays."""
    async with serving() as (url, disk), node_tab(f"{url}{KINDS[kind]}", "pad/main", kind=kind) as tab:
        await tab.wait_saved()
        disk.full = True
        await tab.insert(0, "one ")
        await tab.append("two ")
        await disk.asked.wait()
        if kind.startswith("@hocuspocus"):
            assert "store-full" in await tab.ask("wait_stateless")
        else:
            await tab.ask("wait_denied")
        assert not await _saved(tab)
        disk.full = False
        await tab.wait_saved()
        async with node_tab(f"{url}/docs", "pad") as other:
            await other.wait_text("one two ")
        assert (await tab.look())["opened"] == 1 or not kind.startswith("@hocuspocus")
