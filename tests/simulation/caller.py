"""A back end, or somebody with curl: commands and the list of rooms over plain HTTP, and the deletion of a room.

A command is asked again under its id until it is answered, over as many connections as that takes, as the page
`control` tells a caller to do. What the list says is held against the log in quiet (`checks`).
"""

from random import Random
from typing import Any

import h11
import msgspec
import trio
from plait.protocol import control, limits
from plait.protocol.commands import Asked, Prompt, SetRoom, Stop
from plait.protocol.control import Denied, Ok
from plait.protocol.errors import PlaitError

from .crew import AGENTS, PROMPTS
from .people import World


class Caller:
    """One of them; it begins nothing while the world is calm, and finishes what it began."""

    def __init__(self, name: str, rooms: list[str], doomed: str, world: World) -> None:
        self.name = name
        self._rooms = rooms
        self._doomed = doomed
        self._world = world
        self._calls = 0
        self._dice = world.chance.dice(name)

    async def run(self) -> None:
        while True:
            await trio.sleep(self._dice.expovariate(1 / 6))
            self._calls += 1
            if not self._world.calm and self._world.chance.happens(f"{self.name} calls {self._calls}"):
                await self._call(self._world.chance.dice(f"{self.name} calls {self._calls}"))

    async def _call(self, dice: Random) -> None:
        choice, room, id_ = dice.random(), dice.choice(self._rooms), f"{self.name}-{self._calls}"
        if choice < 0.2:
            await self._list()
        elif choice < 0.27 and self._doomed in self._world.disk.logs:
            await self._delete(self._doomed)
        elif choice < 0.35:
            await self._command(room, Stop(id=id_))
        elif choice < 0.6:
            await self._command(room, SetRoom(id=id_, title=f"title {dice.randrange(9)} by {self.name}"))
        else:
            text = f"{dice.choice(PROMPTS)} {dice.randrange(100)}"
            await self._command(room, Prompt(id=id_, text=text, agent=dice.choice(AGENTS)))

    async def _command(self, room: str, command: Asked) -> None:
        body = msgspec.json.encode(command)
        while True:
            status, said = await self._try("POST", f"/api/rooms/{room}/commands", body)
            try:
                answer = control.read(said) if status else None
            except PlaitError:
                answer = None  # The room could not be opened: an answer to the request and not to the command.
            match answer:
                case Ok():
                    self._world.acks(self.name, room, command, answer.ok.seq, answer.ok.run)
                    return
                case Denied() if status < 500 and status != 429:
                    self._world.refuses(self.name, room, command, answer.refused.code)
                    return
                case _:
                    self._world.trace.say(self.name, f"{command.id}: {status} {said[:80]!r}", count="calls again")
            await trio.sleep(self._dice.choice((0.2, 2.0)))

    async def _list(self) -> None:
        """Nobody is listed who was deleted, and nothing that is not on disk."""
        gone = set(self._world.disk.deleted)
        status, said = await self._try("GET", "/api/rooms")
        if status == 200:
            self._world.trace.say(self.name, "is given the list of rooms", count="lists")
            for line in msgspec.json.decode(said)["rooms"]:
                if line["name"] in gone:
                    self._world.trace.breach(self.name, f"is told of {line['name']}, which was deleted")
                elif line["seq"] > len(self._world.disk.log(line["name"])):
                    self._world.trace.breach(self.name, f"is told of {line}, which is not on disk")

    async def _delete(self, room: str) -> None:
        self._world.condemned.add(room)
        while True:
            status, said = await self._try("DELETE", f"/api/rooms/{room}")
            self._world.trace.say(self.name, f"asks for the deletion of {room}: {status} {said[:80]!r}")
            if status == 204 and room not in self._world.disk.deleted:
                self._world.trace.breach(self.name, f"is told that {room} was deleted, and it is on disk")
            if status in (204, 404):
                return
            await trio.sleep(self._dice.choice((0.2, 2.0)))

    async def _try(self, method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
        """One request over a connection of its own; status 0 if no whole answer came."""
        try:
            with trio.fail_after(limits.CLIENT_CONNECT_S):
                stream = await self._world.house.dial(self.name, self._dice.choice((0.001, 0.05)))
                async with stream:
                    return await _exchange(stream, method, target, body)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, h11.RemoteProtocolError) as error:
            self._world.trace.say(self.name, f"{method} {target} fails: {type(error).__name__}")
            return 0, b""


async def _exchange(stream: trio.abc.Stream, method: str, target: str, body: bytes) -> tuple[int, bytes]:
    http = h11.Connection(h11.CLIENT)
    headers = [("host", "127.0.0.1"), ("content-length", str(len(body))), ("connection", "close")]
    request: list[Any] = [h11.Request(method=method, target=target, headers=headers)]
    request += [h11.Data(data=body), h11.EndOfMessage()]
    await stream.send_all(b"".join(http.send(event) or b"" for event in request))
    status, said = 0, b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(65536)))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            said += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, said
