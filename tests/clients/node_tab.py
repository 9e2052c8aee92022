"""A stock browser tab in a Node process: yjs and y-websocket as they are published, driven from Trio.

    async with node_tab(f"{server.ws}/rooms", "lobby") as tab:
        await tab.wait_runs(1, "done")

Every question has a deadline, and a deadline that passes says what the tab looked like. Nothing here sleeps: a wait is
answered by the tab at the moment when its condition holds.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import trio

from tests.conftest import need

HERE = Path(__file__).parent
PATIENCE_S = 60.0

JSON = dict[str, Any]


class NodeTab:
    """One tab, or one socket with many documents, for which only `ask` is meant.

    Text roots default to `content`, as in plait's console."""

    def __init__(self, process: trio.Process, errors: IO[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._in = process.stdin
        self._out = process.stdout
        self._errors = errors
        self._asked = 0
        self._answers: dict[int, JSON] = {}
        self._sending = trio.Lock()
        self._reading = trio.Lock()
        self._buffer = bytearray()

    async def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            more = await self._out.receive_some()
            if not more:
                raise AssertionError(f"the tab's process ended: {self._complaints()}")
            self._buffer += more
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _complaints(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-2000:]

    async def _ask(self, do: str, fields: JSON) -> Any:
        self._asked += 1
        n = self._asked
        async with self._sending:
            await self._in.send_all(json.dumps({"n": n, "do": do, **fields}).encode() + b"\n")
        # Whoever waits reads, and keeps for the others what was theirs: no background task, so no nursery.
        while n not in self._answers:
            async with self._reading:
                if n not in self._answers:
                    answer = json.loads(await self._read_line())
                    self._answers[answer["n"]] = answer
        answer = self._answers.pop(n)
        if "error" in answer:
            raise AssertionError(f"{do}: {answer['error']}")
        return answer["ok"]

    async def ask(self, do: str, *, within_s: float = PATIENCE_S, **fields: Any) -> Any:
        """Have the tab do something and return its answer, or fail with a picture of the tab."""
        with trio.move_on_after(within_s):
            return await self._ask(do, fields)
        picture: object = "(it does not answer)"
        with trio.move_on_after(10):
            picture = await self._ask("look", {})
        raise AssertionError(f"{do} {fields} did not come true in {within_s} s: {picture} {self._complaints()}")

    async def close(self) -> None:
        """Close our ends of the pipes."""
        await self._in.aclose()
        await self._out.aclose()

    # --- the document -------------------------------------------------------------------------------------------------

    async def insert(self, at: int, text: str, root: str = "content") -> None:
        await self.ask("insert", at=at, text=text, root=root)

    async def insert_behind(self, piece: str, text: str, nth: int, root: str = "content") -> None:
        """Behind one of the places where the piece occurs, or at the end: `nth` counts round and round."""
        await self.ask("insert_behind", piece=piece, text=text, nth=nth, root=root)

    async def append(self, text: str, root: str = "content") -> None:
        await self.ask("append", text=text, root=root)

    async def delete(self, at: int, length: int, root: str = "content") -> None:
        await self.ask("delete", at=at, length=length, root=root)

    async def text(self, root: str = "content") -> str:
        return await self.ask("text", root=root)

    async def runs(self) -> list[JSON]:
        """The room document's runs as JSON, oldest first, each with `id` and the joined text as `answer`."""
        return await self.ask("runs")

    async def vector(self) -> dict[str, int]:
        """The document's state vector: client id to clock."""
        return await self.ask("vector")

    async def wait_synced(self, within_s: float = PATIENCE_S) -> None:
        await self.ask("wait_synced", within_s=within_s)

    async def wait_text(self, equals: str, root: str = "content", within_s: float = PATIENCE_S) -> None:
        await self.ask("wait_text", equals=equals, root=root, within_s=within_s)

    async def wait_pieces(self, contains: Sequence[str], root: str = "content", within_s: float = PATIENCE_S) -> None:
        await self.ask("wait_text", contains=list(contains), root=root, within_s=within_s)

    async def wait_runs(self, count: int, *statuses: str, within_s: float = PATIENCE_S) -> None:
        """At least so many runs, all of them in one of these states."""
        await self.ask("wait_runs", count=count, statuses=statuses, within_s=within_s)

    async def wait_answer(self, length: int, within_s: float = PATIENCE_S) -> None:
        """Some run's answer shows at least so many characters."""
        await self.ask("wait_answer", length=length, within_s=within_s)

    async def wait_acked(self, clock: int | None = None, within_s: float = PATIENCE_S) -> None:
        """All of the tab's own edits (or those below `clock`) came back from the server."""
        await self.ask("wait_acked", clock=clock, within_s=within_s)

    # --- the socket ---------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        await self.ask("connect")

    async def disconnect(self) -> None:
        await self.ask("disconnect")

    async def vanish(self) -> None:
        """Drop the TCP connection without a close frame and stay away."""
        await self.ask("vanish")

    async def pause(self) -> None:
        """Stop reading the socket, as a tab in a sleeping laptop does."""
        await self.ask("pause")

    async def resume(self) -> None:
        await self.ask("resume")

    async def wait_closed(self, code: int, within_s: float = PATIENCE_S) -> JSON:
        return await self.ask("wait_closed", code=code, within_s=within_s)

    async def wait_disconnected(self, within_s: float = PATIENCE_S) -> None:
        await self.ask("wait_disconnected", within_s=within_s)

    async def look(self) -> JSON:
        """What the harness counted: frames, closes, acknowledged clock, denials, torn answers."""
        return await self.ask("look")

    async def wait_saved(self, within_s: float = PATIENCE_S) -> None:
        """The provider itself says that all it has is saved."""
        await self.ask("wait_saved", within_s=within_s)

    # --- presence and control -----------------------------------------------------------------------------------------

    async def set_presence(self, state: JSON | None) -> None:
        await self.ask("set_presence", state=state)

    async def presence(self) -> dict[int, JSON]:
        return {entry["client"]: entry["state"] for entry in await self.ask("presence")}

    async def wait_peers(self, count: int, within_s: float = PATIENCE_S) -> None:
        """Exactly so many states in awareness, the tab's own included."""
        await self.ask("wait_peers", count=count, within_s=within_s)

    async def wait_presence(self, key: str, value: object) -> None:
        """Somebody's state holds that value under that key."""
        await self.ask("wait_presence", key=key, value=value)

    async def send_control(self, **frame: Any) -> int:
        """Send a command; returns how many text frames had come before."""
        return await self.ask("send_text", text=json.dumps(frame))

    async def control(self, within_s: float = PATIENCE_S, **frame: Any) -> JSON:
        """Send a command and return its answer."""
        after = await self.send_control(**frame)
        return await self.wait_frame("id", frame["id"], after=after, within_s=within_s)

    async def wait_frame(self, key: str, value: object = None, *, after: int = 0, within_s: float = PATIENCE_S) -> JSON:
        """The first text frame with that key (and value) behind the first `after` ones."""
        return (await self.ask("wait_frame", key=key, value=value, after=after, within_s=within_s))["frame"]

    async def wait_record(self, seq: int) -> None:
        """The followed log has come to that seq."""
        await self.ask("wait_record", seq=seq)

    async def frames(self) -> list[JSON]:
        """All text frames in order, each as {frame, runs: ids in the document when it came, updates: seen by then}."""
        return await self.ask("frames")


def require_node() -> None:
    """Skip, or fail under PLAIT_REQUIRE_ALL, where Node or the pinned packages are missing."""
    if shutil.which("node") is None:
        need("Node.js 20 or later", "apt-get install nodejs npm")
    if not (HERE / "node_modules" / "y-websocket").is_dir():
        need("the stock Yjs client", "npm ci --prefix tests/clients")


@asynccontextmanager
async def node_tab(
    url: str,
    room: str,
    *,
    protocols: Sequence[str] = (),
    params: dict[str, str] | None = None,
    connect: bool = True,
    echo: bool = False,
    kind: str = "y-websocket",
    **more: Any,
) -> AsyncIterator[NodeTab]:
    """A tab on `url/room`, with the provider of that package (clients/providers.mjs, which knows what `more` is). With
    `echo` it checks at every change that each answer is a prefix of its prompt."""
    fields = {"protocols": list(protocols), "params": params or {}, "connect": connect, "echo": echo}
    async with _process("tab.mjs", url=url, room=room, kind=kind, **fields, **more) as tab:
        yield tab


@asynccontextmanager
async def many_documents(url: str, kind: str = "@hocuspocus/provider") -> AsyncIterator[NodeTab]:
    """One Hocuspocus socket for many documents; `ask("attach", as=…, name=…)` begins each (clients/many.mjs)."""
    async with _process("many.mjs", url=url, kind=kind) as tab:
        yield tab


@asynccontextmanager
async def _process(script: str, **fields: Any) -> AsyncIterator[NodeTab]:
    """A script in Node that was told `open` with these fields."""
    require_node()
    command = ["node", str(HERE / script)]
    with tempfile.TemporaryFile() as errors:
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        tab = NodeTab(process, errors)
        try:
            await tab.ask("open", **fields)
            yield tab
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()
                await tab.close()
