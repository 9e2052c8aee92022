"""A tab with the stock y-websocket client: it speaks only the Yjs protocols, and offers all that it has on reconnect.

It remembers nothing of what it sent. While it is offline people go on writing into it; the server's step 1 asks for
that on the next socket. What it is sent is held against the disk at that moment: law 1, byte by byte.
"""

from typing import Any

import trio
from plait.protocol import frames, heard, limits
from plait.protocol.comeback import pause_s
from plait.protocol.heard import Change
from plait.protocol.sync import Step1
from plait.protocol.update import decode_state_vector
from plait.runtime.client.websocket import Closed, Rejected, WebSocket
from pycrdt import Doc, Text, TransactionEvent

from .people import World
from .presence import Presence


class StockTab:
    """One tab on one document; the room document without a name."""

    def __init__(self, name: str, room: str, document: str, world: World) -> None:
        self.name = name
        self.room = room
        self.document = document
        self._world = world
        self._dice = world.chance.dice(name)
        self.doc: Doc[Any] = Doc(client_id=self._dice.getrandbits(32))
        self.presence = Presence(self.doc.client_id, name)
        world.faces[self.doc.client_id] = name
        self.level = False
        self.over = ""
        self._disk = world.disk
        self._trace = world.trace
        self._path = f"/docs/{room}/{document}" if document else f"/rooms/{room}"
        self._socket: WebSocket | None = None
        self._out: list[bytes] = []
        self._wanted = trio.Event()
        self._writes = 0
        self._applying = False
        self._subscription: Any = self.doc.observe(self._observe)

    def release(self) -> None:
        self.doc.unobserve(self._subscription)

    @property
    def text(self) -> str:
        return str(self.doc.get("content", type=Text))

    async def run(self) -> None:
        """Come and go until cancelled, or until the server says not to come back."""
        failures = 0
        while not self.over:
            began = trio.current_time()
            try:
                await self._once()
            except (OSError, Closed, Rejected, trio.TooSlowError, trio.BrokenResourceError) as end:
                self._trace.say(self.name, f"lost its socket: {end}")
                if isinstance(end, Closed) and 4400 <= end.code <= 4499:
                    self.over = str(end)
                    if end.code != 4404 or self.room not in self._world.condemned:
                        self._trace.breach(self.name, f"was sent away: {end}")
            self.level = False
            failures = 0 if trio.current_time() - began > 5 else failures + 1
            await trio.sleep(pause_s(failures, self._dice.random))

    def write(self) -> None:
        """Write or delete something and move the cursor, whether there is a socket or not."""
        self._writes += 1
        if not self._world.chance.happens(f"{self.name} writes {self._writes}"):
            return
        self._say(frames.awareness(self.presence.moved()))
        if not self.document:
            return
        text = self.doc.get("content", type=Text)
        length = len(text.to_py() or "")
        if length > 20 and self._dice.random() < 0.3:
            at = self._dice.randrange(length - 5)
            del text[at : at + self._dice.randrange(1, 5)]
        else:
            text.insert(self._dice.randrange(length + 1), self._dice.choice("abcdefgh") * self._dice.randrange(1, 6))

    def _observe(self, event: TransactionEvent) -> None:
        if not self._applying and self._socket is not None:
            self._say(frames.update(event.update))

    def _say(self, frame: bytes) -> None:
        self._out.append(frame)
        self._wanted.set()

    async def _once(self) -> None:
        with trio.fail_after(limits.CLIENT_CONNECT_S):
            stream = await self._world.house.dial(self.name, self._dice.choice((0.001, 0.05)))
        async with stream:
            socket = WebSocket(stream)
            with trio.fail_after(limits.CLIENT_CONNECT_S):
                await socket.shake_hands("127.0.0.1", self._path, [])
            self._out = [frames.step1(self.doc.get_state()), frames.awareness(self.presence.mine())]
            self._socket = socket
            try:
                await self._speak(socket)
            finally:
                self._socket = None
                self.presence.alone()

    async def _speak(self, socket: WebSocket) -> None:
        ending: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, socket)
            nursery.start_soon(self._stay)
            try:
                await self._read(socket)
            except (Closed, trio.TooSlowError) as end:  # A nursery would wrap it in a group.
                ending = end
            nursery.cancel_scope.cancel()
        if ending is not None:
            raise ending

    async def _write(self, socket: WebSocket) -> None:
        try:
            while True:
                self._wanted = trio.Event()
                out, self._out = self._out, []
                for frame in out:
                    await socket.send(frame)
                if not out:
                    await self._wanted.wait()
        except Closed:
            pass

    async def _stay(self) -> None:
        while True:
            await trio.sleep(3)
            for payload in self.presence.tick():
                self._say(frames.awareness(payload))

    async def _read(self, socket: WebSocket) -> None:
        while True:
            with trio.fail_after(limits.SILENCE_S):
                message = await socket.receive()
            if not isinstance(message, bytes):
                continue
            if message[0] == frames.AWARENESS:
                self._hear(frames.read_bytes(message, 1)[0])
            for said in heard.read(message):
                match said:
                    case Step1():
                        self._say(frames.step2(self.doc.get_update(said.state_vector)))
                    case Change():
                        self._take(said)
                    case _:
                        self._trace.say(self.name, f"is told {said.code}: {said.message}", count="denied")

    def _hear(self, payload: bytes) -> None:
        again = self.presence.take(payload)
        if again is not None:
            self._trace.say(self.name, f"sees {len(self.presence.seen)}", count="seen")
            self._say(frames.awareness(again))
        for client, shown in self.presence.seen.items():
            if self._world.faces.get(client) != shown.get("tab"):
                self._trace.breach(self.name, f"is shown {shown} under the id of {self._world.faces.get(client)}")

    @property
    def online(self) -> bool:
        return self._socket is not None

    def _take(self, change: Change) -> None:
        strange = self._disk.uncommitted(self.room, self.document, change.update)
        if strange:
            self._trace.breach(self.name, f"was sent uncommitted structs: {strange}")
        self._applying = True
        try:
            self.doc.apply_update(change.update)
        finally:
            self._applying = False
        self.level = self.level or change.step2

    def saved(self) -> bool:
        """Whether all that was ever written here is on disk."""
        mine = decode_state_vector(self.doc.get_state()).get(self.doc.client_id, 0)
        return self._disk.has(self.room, self.document, self.doc.client_id, mine)
