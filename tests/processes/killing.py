"""Kill real `plait serve` processes while stock tabs and prompts are at work, and look at what the log has then.

Each round starts the server under strace, which kills it at the nth `fdatasync`. A stock Yjs tab types, another
watches, prompts are asked over HTTP. What the tab was echoed, what the watcher saw and what the prompts were answered
must be in the log that the next process serves, and `plait verify` must find nothing.
"""

import http.client
import shutil
import subprocess
import sys
from pathlib import Path

import trio

from tests.clients.node_tab import NodeTab, node_tab
from tests.conftest import need
from tests.end_to_end.serving import START_S, ServerProcess

ROUND_S = 60.0


class TracedServer(ServerProcess):
    """A server that dies at its nth fdatasync; 0 is one that lives until it is killed."""

    def __init__(self, folder: Path, nth: int) -> None:
        super().__init__(folder, "echo", (), {})
        self.nth = nth

    def command(self, *more: str) -> list[str]:
        plain = super().command(*more)
        if not self.nth:
            return plain
        injected = f"inject=fdatasync:signal=SIGKILL:when={self.nth}"
        return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", injected, *plain]

    async def wait_dead(self) -> None:
        """Return once the injected kill has come."""
        assert self._process is not None
        with trio.fail_after(ROUND_S):
            await self._process.wait()
        assert self._process.stdout is not None
        await self._process.stdout.aclose()
        self._process = None


def require_strace() -> None:
    if shutil.which("strace") is None:
        need("strace", "apt-get install strace")


async def killed_at(folder: Path, nth: int) -> tuple[int, int]:
    """One round on a fresh store, after a plain start that made it; how many prompts and edits were acked."""
    server = TracedServer(folder, 0)
    await server.start()
    await server.terminate()
    server.nth = nth
    acked: dict[str, str] = {}
    await server.start(within_s=2 * START_S)
    try:
        async with node_tab(f"{server.ws}/docs", "pad") as tab, node_tab(f"{server.ws}/rooms", "pad") as watcher:
            await tab.wait_synced()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_type, tab)
                nursery.start_soon(_ask, server, acked)
                await server.wait_dead()
                nursery.cancel_scope.cancel()
            await tab.wait_disconnected()
            await tab.disconnect()
            await watcher.wait_disconnected()
            await watcher.disconnect()
            edits = await _check(server, tab, watcher, acked)
    finally:
        await server.close()
    verify = [str(Path(sys.executable).with_name("plait")), "verify", "--store", server.store]
    done = await trio.run_process(verify, capture_stdout=True, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode()
    return len(acked), edits


async def _type(tab: NodeTab) -> None:
    n = 0
    while True:
        await tab.append(f"<{n}>")
        await trio.sleep(0.01)  # A person's pace, so that edits make many commits and not one.
        n += 1


async def _ask(server: ServerProcess, acked: dict[str, str]) -> None:
    n = 0
    while True:
        asked = {"id": f"p{n}", "do": "prompt", "text": f"one two {n}"}
        try:
            status, answer = await server.post("/api/rooms/pad/commands", asked)
        except (OSError, http.client.HTTPException, ValueError):
            return  # The server is gone; nobody was told anything.
        if status == 200:
            acked[f"p{n}"] = answer["ok"]["run"]
        n += 1


async def _check(server: TracedServer, tab: NodeTab, watcher: NodeTab, acked: dict[str, str]) -> int:
    """The next process has what the dead one promised; returns how far the tab's own edits were echoed."""
    look = await tab.look()
    server.nth = 0
    await server.start()
    shown = await watcher.vector()
    async with node_tab(f"{server.ws}/docs", "pad") as fresh, node_tab(f"{server.ws}/rooms", "pad") as room:
        await fresh.wait_synced()
        assert (await fresh.vector()).get(str(look["client"]), 0) >= look["acked"]
        await room.wait_synced()
        held = await room.vector()
        assert all(held.get(client, 0) >= clock for client, clock in shown.items()), (shown, held)
    records = await server.records("pad")
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    runs = {record["run"] for record in records if record["event"]["type"] == "run-requested"}
    assert set(acked.values()) <= runs
    assert len(set(acked.values())) == len(acked)
    assert await server.terminate() == 0
    return int(look["acked"])
