"""The tabs of a browser on one socket, over loopback, with the real rooms: what each may rely on beside the others."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from plait.protocol import frames, limits
from plait.protocol.access import ANONYMOUS, Grant
from plait.protocol.awareness import Entry, decode, encode
from plait.protocol.commands import SetRoom
from plait.protocol.update import decode_state_vector, read
from plait.runtime import Agent, Runtime
from plait.runtime.auth.gate import Gate
from plait.runtime.server.listener import Server
from plait.runtime.server.multiplex import Multiplex
from plait.storage import open_store
from pycrdt import Doc, Text
from trio.testing import wait_all_tasks_blocked
from trio_websocket import WebSocketConnection, wrap_client_stream

from ..agent.test_tab_tools import STEP, painter
from .test_hocuspocus import AUTH, CLOSE, EMPTY

ONE, TWO, OTHER = "rooms/r\0one", "rooms/r\0two", "rooms/other"
BOUND_S = 60  # So that a bug is a failure and not a hang.
WINDOW_BYTES = 16 << 10
PAINT = {"name": "paint", "parameters": {"type": "object"}}


class Shop:
    """A server whose sockets a test may look at; `grant` is what whoever comes next gets."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.grant = ANONYMOUS
        self.server = Server(runtime.rooms, gate=Gate(lambda asker: self.grant))
        self.port = 0

    @property
    def socket(self) -> Multiplex:
        """The one that is open."""
        (socket,) = self.server.sockets._open
        assert isinstance(socket, Multiplex)
        return socket

    async def set_room(self, room: str, number: int, **metadata: str) -> int:
        async with self.runtime.rooms.use(room) as opened:
            command = SetRoom(id=f"set-{number}", title=str(number), metadata=dict(metadata))
            return (await opened.ask(ANONYMOUS, command)).seq


@asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    """On a free port, with an agent that asks tabs to paint."""
    agent, _ = painter()
    with trio.fail_after(BOUND_S):
        async with (
            open_store("sqlite:///:memory:") as store,
            Runtime(store, agents=[agent, Agent("echo", model="echo")]) as runtime,
            trio.open_nursery() as nursery,
        ):
            shop = Shop(runtime)
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            shop.port = listener.socket.getsockname()[1]
            await nursery.start(partial(trio.serve_listeners, shop.server.handle, [listener]))
            yield shop
            nursery.cancel_scope.cancel()


class Tab:
    """One tab's document, and what it heard: `texts` with the document's clocks at that moment."""

    def __init__(self, browser: "Browser", key: str) -> None:
        self.key = key
        self.prefix = frames.write_string(key)
        self.doc: Doc[Any] = Doc()
        self.texts: list[dict[str, Any]] = []
        self.clocks: list[dict[int, int]] = []
        self.present: dict[int, bytes] = {}
        self.denied = ""
        self._browser = browser

    def take(self, frame: bytes) -> None:
        if frame[:2] in (b"\0\1", b"\0\2"):
            self.doc.apply_update(frames.read_bytes(frame, 2)[0])
        elif frame[:1] == b"\1":
            for entry in decode(frames.read_bytes(frame, 1)[0]):
                self.present[entry.client] = entry.state
        elif frame[:2] == b"\2\1":
            self.denied = frames.read_string(frame, 2)[0]

    def hear(self, said: dict[str, Any]) -> None:
        self.texts.append(said)
        self.clocks.append(decode_state_vector(self.doc.get_state()))

    async def say(self, message: bytes) -> None:
        await self._browser.socket.send_message(self.prefix + message)

    async def open(self) -> None:
        """As a client would: everything in one go, and then what follows is live."""
        await self.say(AUTH)
        await self.say(EMPTY)
        await self.send(id="open", do="ping")
        await self.answer("open")

    async def send(self, **command: Any) -> None:
        await self._browser.socket.send_message(json.dumps({"to": self.key, **command}))

    async def ask(self, **command: Any) -> dict[str, Any]:
        await self.send(**command)
        return await self.answer(command["id"])

    async def answer(self, command: str) -> dict[str, Any]:
        await self._browser.until(lambda: any(each.get("id") == command for each in self.texts))
        return next(each for each in self.texts if each.get("id") == command)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of that kind that it followed."""
        records = (each["record"] for each in self.texts if "record" in each)
        return [record["event"] for record in records if record["event"]["type"] == kind]


class Browser:
    """One socket, and the tabs that share it."""

    def __init__(self, socket: WebSocketConnection, connection: trio.socket.SocketType) -> None:
        self.socket = socket
        self._connection = connection
        self.tabs: dict[str, Tab] = {}
        self.own: list[dict[str, Any]] = []

    def widen(self) -> None:
        """Buffer as much as others do, so that much is read soon."""
        self._connection.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4 << 20)

    async def tab(self, key: str) -> Tab:
        tab = self.tabs[key] = Tab(self, key)
        await tab.open()
        return tab

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            said = await self.socket.get_message()
            if isinstance(said, str):
                text = json.loads(said)
                to = text.pop("to", None)
                self.tabs[to].hear(text) if to in self.tabs else self.own.append(text)
            else:
                key, at = frames.read_string(said, 0)
                if key:
                    self.tabs[key].take(said[at:])

    async def ping(self) -> None:
        """Until the server has heard all that was said, and what it answered at once is here."""
        count = len(self.own)
        await self.socket.send_message(json.dumps({"id": f"ping-{count}", "do": "ping"}))
        await self.until(lambda: len(self.own) > count)


@asynccontextmanager
async def browser(shop: Shop) -> AsyncIterator[Browser]:
    connection = trio.socket.socket()
    connection.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, WINDOW_BYTES)
    await connection.connect(("127.0.0.1", shop.port))
    stream = trio.SocketStream(connection)
    async with stream, trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery,
            stream,
            "localhost",
            "/hocuspocus",
            subprotocols=["plait.v1"],
            max_message_size=limits.CLIENT_FRAME_BYTES,
        )
        yield Browser(socket, connection)
        await stream.aclose()


def _holds(tab: Tab, records: list[dict[str, Any]]) -> None:
    """Whatever the tab was told of seq n, it had the document of every record up to n by then."""
    ends: dict[int, dict[int, int]] = {0: {}}
    for record in records:
        clocks = dict(ends[record["seq"] - 1])
        if record["update"] and not record["document"]:
            for client, _, end in read(base64.b64decode(record["update"]), own=True).inserted:
                clocks[client] = max(end, clocks.get(client, 0))
        ends[record["seq"]] = clocks
    told = 0
    for text, clocks in zip(tab.texts, tab.clocks, strict=True):
        seq = text.get("caught_up", text.get("ok", {}).get("seq"))
        if seq is not None:
            told += 1
            assert all(clocks.get(client, 0) >= end for client, end in ends[seq].items()), text
    assert told


async def test_two_tabs_of_one_room() -> None:
    """HP17, HP18: each asks, follows and is answered by itself, and no answer comes before its document."""
    async with shop() as served, browser(served) as chrome:
        one, two = await chrome.tab(ONE), await chrome.tab(TWO)
        await one.ask(id="f", do="follow")
        for number in range(20):
            tab, agent = (one, two)[number % 2], "echo"
            assert "ok" in await tab.ask(id=f"p{number}", do="prompt", text=f"a b c {number}", agent=agent)
        async with served.runtime.rooms.use("r") as room:
            await chrome.until(lambda: len(one.events("run-finished")) == 20)
            head = room.head
        assert not any("record" in each for each in two.texts)
        await two.ask(id="f", do="follow", after=head)
        await chrome.until(lambda: {"caught_up": head} in two.texts)
        records = [each["record"] for each in one.texts if "record" in each]
        assert [record["seq"] for record in records] == list(range(1, head + 1))
        assert {each["id"] for each in one.texts if "id" in each} == {"open", "f", *(f"p{n}" for n in range(0, 20, 2))}
        assert {each["id"] for each in two.texts if "id" in each} == {"open", "f", *(f"p{n}" for n in range(1, 20, 2))}
        _holds(one, records)
        _holds(two, records)
        assert one.doc.get_state() == two.doc.get_state()


async def test_each_tab_has_its_tools() -> None:
    """HP17, HP19: a call is one session's and not its neighbour's; only a closed document's tools are gone."""
    async with shop() as served, browser(served) as chrome:
        one, two = await chrome.tab(ONE), await chrome.tab(TWO)
        for tab, name in ((one, "t1"), (two, "t2")):
            assert "ok" in await tab.ask(id=name, do="register-tools", tab=name, tools=[PAINT])
        await two.ask(id="f", do="follow")
        run = (await two.ask(id="p", do="prompt", text="paint"))["ok"]["run"]
        await chrome.until(lambda: bool(two.events("tool-assigned")))
        assert two.events("tool-assigned")[0]["tab"] == "t2"
        claim = {"do": "claim-tool", "run": run, "step": STEP, "number": 1}
        assert (await one.ask(id="c1", **claim))["refused"]["code"] == "not-claimed"
        assert "ok" in await two.ask(id="c2", **claim)
        await one.say(CLOSE)
        await chrome.until(lambda: bool(two.events("tab-left")))
        assert two.events("tab-left") == [{"type": "tab-left", "tab": "t1"}]
        assert "ok" in await two.ask(id="r", **{**claim, "do": "return-tool-result"}, result={"ok": True})
        await chrome.until(lambda: bool(two.events("run-finished")))


async def test_each_tab_has_its_grant() -> None:
    """HP17: what one session may not do, its neighbour may; who may not read gets no document and so no channel."""
    async with shop() as served, browser(served) as chrome:
        one = await chrome.tab(ONE)
        served.grant = Grant("guest", prompt=False, decide=False)
        two = await chrome.tab(TWO)
        served.grant = Grant("nobody", read=False)
        other = chrome.tabs[OTHER] = Tab(chrome, OTHER)
        await other.say(AUTH)
        await other.send(id="p", do="prompt", text="x")
        assert (await other.answer("p"))["refused"]["code"] == "no-such-document"
        assert other.denied == "not-allowed"
        assert (await two.ask(id="p", do="prompt", text="x", agent="echo"))["refused"]["code"] == "not-allowed"
        assert (await two.ask(id="f", do="follow"))["ok"] == {"seq": 0}
        assert "ok" in await one.ask(id="p", do="prompt", text="x", agent="echo")
        await chrome.until(lambda: bool(two.events("run-finished")))


async def test_each_tab_has_its_presence() -> None:
    """HP11, AW8: sessions own their ids as tabs with sockets of their own do, AWARENESS_IDS each."""
    async with shop() as served, browser(served) as chrome:
        one, two = await chrome.tab(ONE), await chrome.tab(TWO)
        for tab, first in ((one, 100), (two, 200)):
            entries = [Entry(first + n, 1, b"{}") for n in range(limits.AWARENESS_IDS + 1)]
            await tab.say(frames.awareness(encode(entries)))
        await two.say(frames.awareness(encode([Entry(100, 9, b'{"mine":1}')])))
        await chrome.ping()
        ids = {first + n for first in (100, 200) for n in range(limits.AWARENESS_IDS)}
        assert set(one.present) == set(two.present) == ids
        assert b"mine" not in one.present[100]
        await one.say(CLOSE)
        await chrome.until(lambda: two.present[100] == b"null")
        assert {client for client, state in two.present.items() if state != b"null"} == {n for n in ids if n >= 200}


async def test_a_room_that_is_deleted() -> None:
    """HP19: its documents are denied, followers and all; another room's tab on the same socket goes on."""
    async with shop() as served, browser(served) as chrome:
        one, two, other = [await chrome.tab(key) for key in (ONE, TWO, OTHER)]
        for tab in (one, two, other):
            await tab.ask(id="s", do="set-room", title="x")
            await tab.ask(id="f", do="follow")
        await served.runtime.rooms.delete("r")
        await chrome.until(lambda: one.denied == two.denied == "no-such-room")
        assert (await one.ask(id="z", do="ping"))["refused"]["code"] == "no-such-document"
        assert "ok" in await other.ask(id="z", do="set-room", title="y")
        await chrome.until(lambda: any(each.get("record", {}).get("seq") == 2 for each in other.texts))


async def test_a_socket_that_is_not_read() -> None:
    """HP20: what waits is bounded, whoever follows; then each tab has every record, its document, and its answers."""
    rounds = 80
    async with shop() as served, browser(served) as chrome:
        tabs = [await chrome.tab(f"rooms/r\0{n}") for n in range(5)]
        for tab in tabs:
            await tab.ask(id="f", do="follow")
            await chrome.until(lambda tab=tab: {"caught_up": 0} in tab.texts)
        most, missed = 0, 0
        for number in range(1, rounds + 1):
            large = f"{number:0{limits.METADATA_CHARS}}"
            await served.set_room("r", number, **{f"k{n}": large for n in range(limits.METADATA_KEYS)})
            missed += 2 * len(tabs) * limits.METADATA_CHARS * limits.METADATA_KEYS
            most = max(most, served.socket.crowd)
            if number == rounds // 2:
                await tabs[3].send(id="late", do="set-room", title="late")
        assert 0 < most <= limits.OUTBOX_BYTES + (128 << 10)
        assert missed > 20 * most
        async with served.runtime.rooms.use("r") as room:
            head = room.head
        chrome.widen()
        await chrome.until(lambda: all(any(each.get("caught_up", 0) >= head for each in tab.texts) for tab in tabs))
        assert [outbox.catch_ups for outbox in served.socket._lanes.outboxes] == [0, *[1] * len(tabs)]
        await tabs[3].answer("late")
        for tab in tabs:
            records = [each["record"] for each in tab.texts if "record" in each]
            assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
            assert len(records) >= head
            assert tab.doc.get_state() == tabs[0].doc.get_state()
            _holds(tab, records)


async def test_others_are_heard_while_a_large_document_leaves() -> None:
    """HP12: what waits of one tab's document keeps the server from hearing no other tab."""
    async with shop() as served, browser(served) as chrome:
        await served.runtime.room("r").seed("large", b"word " * (limits.SEED_BYTES // 5), "text")
        one = await chrome.tab(ONE)
        large = chrome.tabs["r/large"] = Tab(chrome, "r/large")
        await large.say(AUTH)
        await large.say(EMPTY)
        await wait_all_tasks_blocked(0.1)
        assert served.socket.crowd > limits.OUTBOX_BYTES
        async with served.runtime.rooms.use("r") as room:
            await one.send(id="w", do="ping")  # A frame that the server waited for before is read in any case.
            await one.send(id="s", do="set-room", title="heard")
            await room.beyond(room.head)
        await one.answer("s")
        assert str(large.doc.get("content", type=Text)).startswith("word word")
