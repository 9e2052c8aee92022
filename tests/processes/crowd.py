"""Those who use one room while its server dies again and again, and what they were promised.

Two stock Yjs tabs type, a third one watches the runs, a control client prompts and follows the log, a back end prompts
over HTTP. All of them outlive the servers. What each was told, shown or sent is held against the log that the next
server serves; the tabs are away while that is done, so that nobody brings back what was lost.
"""

import base64
import http.client
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pycrdt
import trio
from plait.protocol.codec import record_json
from plait.protocol.errors import Refused
from plait.protocol.events import Record
from plait.protocol.update import decode_state_vector
from plait.runtime import connect
from plait.runtime.client.room import RemoteRoom

from tests.clients.node_tab import NodeTab, node_tab

from .server import TriedServer

ROOM = "pad"
WORDS = 25
"""Of a prompt, and so of its answer: long enough to be cut, short enough that the next one's turn comes."""

JSON = dict[str, Any]


def sentence(name: str) -> str:
    """A prompt that says who asked it, so that it is found in the log by its text."""
    return " ".join(f"{name}w{n}" for n in range(WORDS))


class Crowd:
    """`crowd(server)` makes one; `meet`, `leave`, `check` are called in turns with the server's starts and deaths."""

    def __init__(self, server: TriedServer, nursery: trio.Nursery, typists: list[NodeTab], watcher: NodeTab) -> None:
        self.acked: dict[str, tuple[int, str]] = {}
        """By the text of a prompt: the seq and the run that its asker was told."""
        self.edits = 0
        self.asked: set[str] = set()
        self.followed: list[Record] = []
        self.log: list[JSON] = []
        self._server = server
        self._nursery = nursery
        self._typists = typists
        self._watcher = watcher
        self._mirror: dict[str, pycrdt.Doc[Any]] = {"": pycrdt.Doc(), "main": pycrdt.Doc()}
        self._controlled = 0
        self._typing = trio.Event()
        self._present = trio.CancelScope()

    # --- what they do -------------------------------------------------------------------------------------------------

    async def meet(self) -> None:
        """Everybody is here, has what the others have, and types on."""
        for tab in (*self._typists, self._watcher):
            await tab.connect()
        for tab in (*self._typists, self._watcher):
            await tab.wait_synced()
        self._typing.set()
        self._present = trio.CancelScope()
        self._nursery.start_soon(self._control)

    async def leave(self) -> None:
        """The server is dead; nobody comes back by himself."""
        self._typing = trio.Event()
        self._present.cancel()
        for tab in (*self._typists, self._watcher):
            await tab.wait_disconnected()
            await tab.disconnect()

    async def type(self, tab: NodeTab, name: str) -> None:
        n = 0
        while True:
            await self._typing.wait()
            await tab.append(f"<{name}{n}>")
            await trio.sleep(0.01)  # A person's pace, so that edits make many commits and not one.
            n += 1

    async def prompt_over_http(self) -> None:
        """A back end, which asks again under the same id until it is told."""
        n = 0
        while True:
            text = sentence(f"http{n}")
            self.asked.add(text)
            try:
                status, answer = await self._server.post(
                    f"/api/rooms/{ROOM}/commands", {"id": f"h{n}", "do": "prompt", "text": text}
                )
            except (OSError, http.client.HTTPException, ValueError):
                await trio.sleep(0.05)
                continue
            if "unknown" in answer or status == 503:
                continue
            if "ok" in answer:
                self.acked[text] = (answer["ok"]["seq"], answer["ok"]["run"])
            else:
                self.asked.discard(text)
            n += 1
            await trio.sleep(0.1)

    async def _control(self) -> None:
        with self._present:
            await self.prompt_and_follow()

    async def prompt_and_follow(self) -> None:
        """A program, for as long as one server lives; what it was not told it asks the next one, under the same id."""
        async with connect(self._server.url, ROOM) as room, trio.open_nursery() as nursery:
            nursery.start_soon(self._follow, room)
            while True:
                n = self._controlled
                text = sentence(f"control{n}")
                self.asked.add(text)
                try:
                    run = await room.prompt(text, id=f"c{n}")
                except Refused:  # Too many wait already.
                    self.asked.discard(text)
                    await trio.sleep(0.1)
                    run = ""
                self._controlled += 1
                if run:
                    self.acked[text] = (int(run), run)
                    if n % 3 == 0:
                        await room.wait(run)

    async def _follow(self, room: RemoteRoom) -> None:
        async for record in room.follow(len(self.followed)):
            self.followed.append(record)

    # --- what they were promised --------------------------------------------------------------------------------------

    async def check(self) -> None:
        """All that they were told until now is in the log that this server serves."""
        acked, followed = dict(self.acked), list(self.followed)
        looks = [await tab.look() for tab in self._typists]
        shown = [("main", await tab.vector()) for tab in self._typists]
        shown.append(("", await self._watcher.vector()))
        await self._read_on()
        self._check_log(acked)
        for seq, record in enumerate(followed, 1):
            assert json.loads(record_json(record)) == self.log[seq - 1]
        for look, (document, vector) in zip(looks, shown, strict=False):
            assert not look["pending"]
            vector[str(look["client"])] = look["acked"]  # Its own structs are promised only when they came back.
            assert document == "main"
        for document, vector in shown:
            held = decode_state_vector(self._mirror[document].get_state())
            assert all(held.get(int(client), 0) >= clock for client, clock in vector.items()), (document, vector, held)
        assert (await self._watcher.look())["torn"] == []
        self.edits = sum(look["acked"] for look in looks)

    def _check_log(self, acked: dict[str, tuple[int, str]]) -> None:
        """Seqs have no gap, nothing that was asked is there twice, and what was acked is where its asker was told."""
        assert [record["seq"] for record in self.log] == list(range(1, len(self.log) + 1))
        by_prompt: dict[str, tuple[int, str]] = {}
        for record in self.log:
            if record["event"]["type"] == "run-requested":
                prompt = record["event"]["prompt"]
                assert prompt not in by_prompt, f"asked once and there twice: {prompt}"
                by_prompt[prompt] = (record["seq"], record["run"])
        assert set(by_prompt) <= self.asked
        assert acked.items() <= by_prompt.items()

    async def _read_on(self) -> None:
        after = len(self.log)
        while page := [json.loads(line) for line in (await self._page(after)).splitlines()]:
            for record in page:
                if record["update"]:
                    self._mirror[record["document"]].apply_update(base64.b64decode(record["update"]))
            self.log += page
            after = self.log[-1]["seq"]

    async def _page(self, after: int) -> bytes:
        status, body = await self._server.get(f"/api/rooms/{ROOM}/records?after={after}")
        assert status == 200, body
        return body

    async def agree(self) -> None:
        """On a server that stays: every tab shows what the log says, and nobody was told to stay away."""
        self._typing = trio.Event()
        for tab in self._typists:
            await tab.wait_acked()
            closes = (await tab.look())["closes"]
            assert {close["code"] for close in closes} <= {1006, 1012, 1013}, closes
        texts = {await tab.text() for tab in self._typists} if await self._level() else set[str]()
        assert texts == {str(self._mirror["main"].get("content", type=pycrdt.Text))}

    async def _level(self) -> bool:
        """Wait until both typists show what the log holds; each is sent the other's last keys a moment later."""
        await self._read_on()
        whole = str(self._mirror["main"].get("content", type=pycrdt.Text))
        for tab in self._typists:
            await tab.wait_text(whole)
        return True


@asynccontextmanager
async def crowd(server: TriedServer) -> AsyncIterator[Crowd]:
    """The crowd at work, away until `meet`. The server must have been started once, so that its port is known."""
    docs, rooms = f"{server.ws}/docs", f"{server.ws}/rooms"
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        typists = [await stack.enter_async_context(node_tab(docs, ROOM, connect=False)) for _ in range(2)]
        watcher = await stack.enter_async_context(node_tab(rooms, ROOM, connect=False, echo=True))
        people = Crowd(server, nursery, typists, watcher)
        for name, tab in zip("ab", typists, strict=True):
            nursery.start_soon(people.type, tab, name)
        nursery.start_soon(people.prompt_over_http)
        yield people
        nursery.cancel_scope.cancel()


def moment(chance: random.Random) -> float:
    """How long a server lives, in seconds: most often some commits, sometimes none and sometimes many."""
    return chance.choice((0.0, chance.uniform(0, 0.3), chance.uniform(0.3, 1.5), chance.uniform(1, 3)))
