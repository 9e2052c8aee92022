"""A real server whose clock is stepped, back and forth, while a crowd and an agent with timers are at work."""

import json
from pathlib import Path
from typing import Any

import trio

from .crowd import crowd
from .disk import well
from .killing import Say, verify
from .server import TriedServer

CLOCKED = Path(__file__).with_name("clocked.py")
RUN_S = 120.0


class Clock:
    """The seconds by which the server's clock is wrong."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step(0)

    def step(self, seconds: float) -> None:
        """From now on the clock is that far ahead of the right time, whole at every moment for whoever reads it."""
        half = self._file.with_suffix(".half")
        half.write_text(str(seconds))
        half.replace(self._file)


async def stepped(folder: Path, say: Say) -> None:
    """An hour back at work, a kill and a start there, two hours ahead, a few seconds back within a timer."""
    file = folder / "clock"
    clock = Clock(file)
    effects = folder / "effects"
    env = {"STEPPED_CLOCK": str(file), "PLAIT_TEST_EFFECTS": str(effects)}
    server = TriedServer(folder, env=env, program=CLOCKED, arguments=("--agent", "tests.end_to_end.household:host"))
    await server.start()
    try:
        async with crowd(server) as people:
            await people.meet()
            clock.step(-3600)
            await well(server, people, "back")
            await _timer(server, "back")
            await server.kill()
            await people.leave()
            await server.start()
            await people.check()
            await people.meet()
            clock.step(7200)
            await well(server, people, "ahead")
            await _timer(server, "ahead")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_timer, server, "within")
                await trio.sleep(0.05)
                clock.step(7198)
            await people.agree()
            await people.check()
            back = sum(one["time"] > other["time"] for one, other in zip(people.log, people.log[1:], strict=False))
            assert back >= 1, "the clock was not stepped"
            rooms = await _rooms(server)
            assert sorted(rooms) == ["ahead", "back", "beside", "pad", "within"]
            say(f"{len(people.log)} records, {back} of them earlier than the one before; {len(people.acked)} prompts")
            assert await server.terminate() == 0
        assert len(effects.read_text().splitlines()) == 3 * 7
        await verify(server.path)
    finally:
        await server.close()


async def _timer(server: TriedServer, room: str) -> None:
    """A run with a timer, a sub-agent, an approval and seven writes, from its prompt to its end."""
    path = f"/api/rooms/{room}/commands"
    status, answer = await server.post(path, {"id": "p", "do": "prompt", "agent": "host", "text": room})
    assert status == 200, answer
    with trio.fail_after(RUN_S):
        approval = (await _event(server, room, "approval-requested"))["event"]["step"]
        run = answer["ok"]["run"]
        status, answer = await server.post(path, {"id": "y", "do": "approve", "run": run, "step": approval})
        assert status == 200, answer
        await _event(server, room, "run-finished", run)


async def _event(server: TriedServer, room: str, kind: str, run: str = "") -> dict[str, Any]:
    """The first record of that kind (and of that run), once there is one."""
    while True:
        for record in await server.records(room):
            if record["event"]["type"] == kind and run in ("", record["run"]):
                return record
        await trio.sleep(0.05)


async def _rooms(server: TriedServer) -> list[str]:
    """The names of all rooms, as often as they are listed."""
    names: list[str] = []
    cursor = ""
    while True:
        status, body = await server.get(f"/api/rooms?cursor={cursor}")
        assert status == 200, body
        page = json.loads(body)
        names += [room["name"] for room in page["rooms"]]
        cursor = page.get("cursor", "")
        if not cursor:
            return names
