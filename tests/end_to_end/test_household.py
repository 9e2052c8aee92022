"""`kill -9` at random moments of work with timers, sub-agents, approvals and writes: each write happens once."""

import http.client
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import trio

from .household import EFFECTS, WRITES
from .serving import ServerProcess, serving

ROOMS = ("attic", "cellar", "garden")
KILLS = 15
_LOST = (OSError, http.client.HTTPException, ValueError)
"""What asking a server that is being killed raises."""


class Resident:
    """A person who sees to one room: approves, says what became of a call by looking, and stops what goes on for ever.

    They keep nothing but the room's name: all that they do follows from the log as they read it.
    """

    def __init__(self, server: ServerProcess, room: str, effects: Path) -> None:
        self.server = server
        self.room = room
        self.effects = effects
        self.log: list[dict[str, Any]] = []

    async def live(self) -> None:
        """Until both prompts have ended; whatever is lost with the server is asked again."""
        while True:
            try:
                if await self._look():
                    return
            except _LOST:
                pass
            await trio.sleep(0.05)

    async def _look(self) -> bool:
        await self._ask("p1", do="prompt", agent="host", text=self.room)
        await self._ask("p2", do="prompt", agent="assistant", text=" ".join(["on"] * 5000))
        self.log = await self.server.records(self.room)
        decided = {(r["run"], r["event"]["step"]) for r in self.log if r["event"]["type"] == "approval-granted"}
        resolved = Counter((r["run"], r["event"]["step"]) for r in self.log if r["event"]["type"] == "tool-resolved")
        roots = [r["run"] for r in self.log if r["event"]["type"] == "run-requested" and "parent" not in r["event"]]
        for record in self.log:
            event, step = record["event"], (record["run"], record["event"].get("step"))
            if event["type"] == "approval-requested" and step not in decided:
                await self._ask(f"y{record['seq']}", do="approve", run=step[0], step=step[1])
            elif event["type"] == "tool-outcome-unknown":
                resolved[step] -= 1
                if resolved[step] < 0:
                    await self._resolve(record, step)
            elif event["type"] == "text-streamed" and record["run"] == roots[1]:
                await self._ask("stop", do="stop", run=roots[1])
        ended = {r["run"] for r in self.log if r["event"]["type"] in ("run-finished", "run-stopped", "run-failed")}
        return set(roots) <= ended

    async def _resolve(self, record: dict[str, Any], step: tuple[str, str]) -> None:
        """What became of it is in the world outside, for whoever looks."""
        started = [r["event"] for r in self.log if (r["run"], r["event"].get("step")) == step]
        name = next(event["name"] for event in started if event["type"] == "tool-started")
        what = f"{self.room} {name}"
        if what in self.effects.read_text().splitlines():
            await self._ask(
                f"r{record['seq']}", do="resolve", run=step[0], step=step[1], verdict="happened", result=what
            )
        else:
            await self._ask(f"r{record['seq']}", do="resolve", run=step[0], step=step[1], verdict="retry")

    async def _ask(self, command: str, **body: Any) -> None:
        status, answer = await self.server.post(f"/api/rooms/{self.room}/commands", {"id": command, **body})
        # What was decided a moment ago is decided; what the server could not say is asked again.
        assert status in (200, 409, 503), answer


async def test_no_write_happens_twice_however_often_the_server_is_killed(tmp_path: Path) -> None:
    """AG61: fifteen kills at random moments; every prompt ends, with the result that it would have had, and each write
    is in the world outside exactly once, because a person is asked about each that was cut."""
    effects = tmp_path / "effects"
    effects.touch()
    rng = random.Random(61)
    more = ("--agent", "tests.end_to_end.household:host")
    async with serving(tmp_path, model="echo:100", arguments=more, env={EFFECTS: str(effects)}) as server:
        residents = [Resident(server, room, effects) for room in ROOMS]
        with trio.fail_after(480):
            async with trio.open_nursery() as nursery:
                for resident in residents:
                    nursery.start_soon(resident.live)
                for _ in range(KILLS):
                    await trio.sleep(rng.uniform(0.02, 0.4))
                    await server.kill()
                    await server.start()
        assert "Traceback" not in server.log
    happened = Counter(effects.read_text().splitlines())
    for resident in residents:
        expected = [f"{resident.room} order", *(f"{resident.room} write{n}" for n in range(WRITES))]
        assert [happened[what] for what in expected] == [1] * len(expected)
        result = ["cellar is fine", "one two three", *expected, resident.room]
        results = [r["event"].get("result") for r in resident.log if r["event"]["type"] == "run-finished"]
        assert json.dumps(result, separators=(",", ":")) in results
        assert "run-stopped" in [r["event"]["type"] for r in resident.log]
    assert sum(happened.values()) == len(ROOMS) * (WRITES + 1)
