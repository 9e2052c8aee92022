"""Company: our agents as people see them in shared documents: a name, what they are doing, a cursor.

An agent is in a document from its run's first look into it or edit of it until the run has ended. Presence is not in
the log, so a process that dies takes it along; the next one shows the same run under the same id with a newer clock,
and tabs forget whoever is silent for 30 s. Rules (specs/shared.md):

- A run has one id in a document, made of the room's tag, the run and the document.
- It is said again every `PRESENCE_S` as long as somebody could be listening.
"""

import hashlib
from typing import Any

import trio

from ...protocol import limits
from ...protocol.state import RoomState, Run
from .audience import Audience
from .identity import server_tag

_COLOURS = ("#0b7285", "#5f3dc4", "#2b8a3e", "#c92a2a", "#a61e4d", "#1864ab", "#d9480f", "#364fc7")


class Company:
    """The agents that are seen in one room's documents."""

    def __init__(self, room: str, audience: Audience) -> None:
        self._room = room
        self._audience = audience
        self._shown: dict[tuple[str, str], dict[str, Any]] = {}
        self._came = trio.Event()

    def seen(self, run: Run, document: str, epoch: int, cursor: tuple[int, int] | None) -> None:
        """A run looks into a document, or has just written what ends with that struct (client, clock)."""
        state = dict(self._shown.get((run.id, document)) or _state(run))
        if cursor is not None:
            place = {"item": {"client": cursor[0], "clock": cursor[1]}, "assoc": -1}
            state["cursor"] = {"anchor": place, "head": place}
        self._show(run.id, document, state, epoch)
        self._came.set()

    def settle(self, state: RoomState, epoch: int) -> None:
        """After a pass: who has ended leaves, and the others say what they are doing now."""
        for (run_id, document), shown in list(self._shown.items()):
            run = state.runs.get(run_id)
            if run is None or not run.open:
                del self._shown[run_id, document]
                self._audience.withdraw(document, self._client(run_id, document))
            elif shown["status"] != _status(run):
                self._show(run_id, document, shown | {"status": _status(run)}, epoch)

    async def renew(self) -> None:
        """Say again who is here, for as long as the room is awake."""
        while True:
            await self._came.wait()
            await trio.sleep(limits.PRESENCE_S)
            if not self._shown:
                self._came = trio.Event()
            self._audience.renew()

    def _show(self, run: str, document: str, state: dict[str, Any], epoch: int) -> None:
        if self._shown.get((run, document)) != state:
            self._shown[run, document] = state
            self._audience.announce(document, self._client(run, document), state, epoch << 20)

    def _client(self, run: str, document: str) -> int:
        digest = hashlib.sha256(f"{self._room}/{run}/{document}".encode()).digest()
        return server_tag(self._room) << 32 | int.from_bytes(digest[:4], "big")


def _state(run: Run) -> dict[str, Any]:
    """What tabs are told of an agent; `user` is what editors show beside a cursor."""
    colour = _COLOURS[sum(run.agent.encode()) % len(_COLOURS)]
    user = {"name": run.agent, "role": "agent", "color": colour, "colorLight": f"{colour}33"}
    return {"user": user, "run": run.id, "status": _status(run)}


def _status(run: Run) -> str:
    """`waiting` for somebody, `thinking` while a model answers, `working` otherwise."""
    if run.status == "waiting":
        return "waiting"
    thinking = any(step.kind == "model" and step.status == "open" for step in run.steps.values())
    return "thinking" if thinking else "working"
