"""A person with a plait tab: prompts, steers, stops, decides, edits, lends a tool, follows the log, and comes and goes.

The tab is the Python client, whose machines are the ones that any client has. It checks what it is told at the moment
at which it is told: an ack means that the record is on disk, a follower sees the log and nothing but the log, and a
document holds no struct of somebody else's that is not on disk.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from random import Random
from typing import Any

import trio
from plait.protocol.commands import (
    Answer,
    Approve,
    Asked,
    Deny,
    EditPrompt,
    Prompt,
    ProvideContext,
    Regenerate,
    Resolve,
    SetRoom,
    Steer,
    Stop,
)
from plait.protocol.errors import OutcomeUnknown, Refused
from plait.protocol.events import Record, command_record_id
from plait.protocol.shape import ROOT
from plait.runtime import Call, connect, tool
from plait.runtime.client import RemoteRoom
from pycrdt import Doc, Map, Text, TransactionEvent

from .chance import Chance
from .crew import AGENTS, PROMPTS, Acts
from .disk import Disk
from .house import House
from .trace import Trace

OPEN = ("queued", "running", "waiting")

_NEWEST = 12

Acked = dict[tuple[str, str], tuple[Asked, int, str]]
"""Every command that was ever acked, by room and id: what was asked, and the answer."""


class World:
    """What people share: where they live, and what was promised to them. `calm`: nobody begins anything now."""

    def __init__(self, chance: Chance, trace: Trace, disk: Disk, house: House, acts: Acts) -> None:
        self.chance = chance
        self.trace = trace
        self.disk = disk
        self.house = house
        self.acts = acts
        self.acked: Acked = {}
        self.refused: set[tuple[str, str]] = set()
        self.faces: dict[int, str] = {}
        """Whose the client ids are that stock tabs show themselves under."""
        self.condemned: set[str] = set()
        """Rooms whose deletion was asked for: who was in one may be told that it is gone before it is (specs/rooms)."""
        self.calm = False
        self.troubles = 0
        self.since = 0
        """When it last got calm, in µs."""

    def acks(self, who: str, room: str, command: Asked, seq: int | None, run: str) -> None:
        """Somebody was told that the command is done: hold it against the disk, and against what was said before."""
        said = type(command).__name__
        self.trace.say(who, f"{said} {command.id} is {seq}", count="acked")
        log = self.disk.log(room)
        if seq is None or seq > len(log) or log[seq - 1].id != command_record_id(command.id):
            self.trace.breach(who, f"{command.id} was acked as {seq}, which is not on disk")
            return
        known = self.acked.setdefault((room, command.id), (command, seq, run))
        if known[1:] != (seq, run):
            self.trace.breach(who, f"{command.id} was {known[1:]} before and is {(seq, run)} now")

    def refuses(self, who: str, room: str, command: Asked, code: str) -> None:
        """Somebody was told that the command did not happen, and will not."""
        self.trace.say(who, f"{type(command).__name__} {command.id} is refused: {code}", count="refused")
        self.refused.add((room, command.id))


class Person:
    """Somebody in one room, with one tab at a time."""

    def __init__(self, name: str, room: str, world: World) -> None:
        self.name = name
        self.room = room
        self.tab: RemoteRoom | None = None
        self.idle = True
        self._world = world
        self._dice: Random = world.chance.dice(name)
        self._asked = self._acts = 0
        self._follows = self._dice.random() < 0.6
        self._lends = self._dice.random() < 0.7
        self._writes = self._dice.random() < 0.7

    async def run(self) -> None:
        """One visit after another, until cancelled."""
        visit = 0
        while True:
            visit += 1
            try:
                with trio.CancelScope() as scope:
                    await self._visit(visit, scope)
            except* Refused as refused:
                self._moves_out(refused)
            self.tab = None
            self._world.trace.say(self.name, "leaves")
            await trio.sleep(0.1 if self._world.calm else self._dice.choice((0.5, 5.0, 40.0)))

    def _moves_out(self, refused: ExceptionGroup[Refused]) -> None:
        """The room says that it is not there: who is told so goes elsewhere."""
        if self.room not in self._world.condemned or any(each.code != "no-such-room" for each in leaves(refused)):
            self._world.trace.breach(self.name, f"is sent away from {self.room}: {leaves(refused)}")
        self.room = "den"

    async def _visit(self, visit: int, scope: trio.CancelScope) -> None:
        world, dice = self._world, self._world.chance.dice(f"{self.name} {visit}")
        world.trace.say(self.name, f"comes for visit {visit}", count="visits")
        dial = world.house.dialler(f"{self.name}.{visit}")
        url = "ws://127.0.0.1:8787"
        async with AsyncExitStack() as stack:
            tab = await stack.enter_async_context(
                connect(url, self.room, random=dice.random, entropy=dice.randbytes, dial=dial)
            )
            self.tab = tab
            nursery = await stack.enter_async_context(trio.open_nursery())
            if self._follows:
                nursery.start_soon(self._follow, tab, dice.choice((0, len(world.disk.log(self.room)))))
            if self._lends:
                nursery.start_soon(self._lend, tab)
            nursery.start_soon(self._watch, tab)
            until = trio.current_time() + dice.choice((3.0, 30.0, 120.0))
            # A visit is left in the midst of things, but not while the world is looked at.
            while world.calm or trio.current_time() < until:
                await trio.sleep(dice.expovariate(1 / 1.5))
                self._acts += 1
                if not world.calm and world.chance.happens(f"{self.name} acts {self._acts}"):
                    nursery.start_soon(self._act, tab, world.chance.dice(f"{self.name} acts {self._acts}"))
            scope.cancel()

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _follow(self, tab: RemoteRoom, after: int) -> None:
        seq = after
        async with tab.follow(after) as records:
            async for record in records:
                seq += 1
                log = self._world.disk.log(self.room)
                if record.seq != seq:
                    self._world.trace.breach(self.name, f"follows from {seq - 1} and is given {record.seq}")
                elif seq > len(log) or _shown(record) != _shown(log[seq - 1]):
                    self._world.trace.breach(self.name, f"is given a record {seq} that is not the log's")
                self._world.trace.say(self.name, f"follows {seq}", count="followed")

    async def _watch(self, tab: RemoteRoom) -> None:
        """Hold what the documents get against the disk, for as long as there is the tab."""
        with ExitStack() as watching:
            for name in ("", "notes") if self._writes else ("",):
                document = await tab.document(name)

                def check(event: TransactionEvent, name: str = name, own: int = document.doc.client_id) -> None:
                    strange = self._world.disk.uncommitted(self.room, name, event.update, own)
                    if strange:
                        self._world.trace.breach(self.name, f"was sent uncommitted structs: {strange}")

                # An observer that stays holds its document, and with it this world, for as long as the process lives.
                watching.callback(document.doc.unobserve, document.doc.observe(check))
            await trio.sleep_forever()

    # --- lending a tool -----------------------------------------------------------------------------------------------

    async def _lend(self, tab: RemoteRoom) -> None:
        @tool
        async def paint(call: Call, colour: str = "white") -> str:
            """Paint it."""
            self._world.acts.note("paint", call)
            await trio.sleep(self._dice.choice((0.0, 0.2, 3.0)))
            return f"painted {colour}"

        async with tab.serve([paint], lasting=self._dice.random() < 0.5):
            await trio.sleep_forever()

    # --- acting -------------------------------------------------------------------------------------------------------

    async def _act(self, tab: RemoteRoom, dice: Random) -> None:
        choice = dice.random()
        if 0.6 <= choice < 0.85:
            await self._write(tab, dice)
            return
        if choice >= 0.96:
            await self._ask_again(tab, dice)
            return
        runs = shown((await tab.document()).doc)
        open_runs = [run for run, shown in runs.items() if shown["status"] in OPEN]
        if choice < 0.25 and len(open_runs) < 5:
            text = f"{dice.choice(PROMPTS)} {dice.randrange(100)}"
            await self._ask(tab, Prompt(id=self._id(), text=text, agent=dice.choice(AGENTS)))
        elif choice < 0.32:
            await self._ask(tab, Steer(id=self._id(), text="hurry"))
        elif choice < 0.38:
            run = dice.choice(["", *open_runs])
            await self._ask(tab, Stop(id=self._id(), run=run))
        elif choice < 0.6:
            for command in decisions(runs, dice, self._id):
                await self._ask(tab, command)
        elif choice < 0.9 and runs:
            run = dice.choice(list(runs))
            again = dice.random() < 0.5
            await self._ask(
                tab, Regenerate(id=self._id(), run=run) if again else EditPrompt(id=self._id(), run=run, text="say it")
            )
        elif choice < 0.94:
            facts: dict[str, str | None] = {dice.choice("abc"): dice.choice(("x", "y", None))}
            await self._ask(tab, ProvideContext(id=self._id(), facts=facts))
        else:
            await self._ask(tab, SetRoom(id=self._id(), title=f"title {dice.randrange(9)}"))

    def _id(self) -> str:
        self._asked += 1
        return f"{self.name}-{self._asked}"

    async def _ask(self, tab: RemoteRoom, command: Asked) -> None:
        try:
            done = await tab._ask(command)
        except Refused as refused:
            self._world.refuses(self.name, self.room, command, refused.code)
        except OutcomeUnknown:
            self._world.trace.say(self.name, f"{type(command).__name__} {command.id}: unknown", count="unknown")
        else:
            self._world.acks(self.name, self.room, command, done.seq, done.run)

    async def _ask_again(self, tab: RemoteRoom, dice: Random) -> None:
        """Ask what somebody was told already, in this process or in an earlier one."""
        asked = [command for (room, _), (command, _, _) in self._world.acked.items() if room == self.room]
        if asked:
            await self._ask(tab, dice.choice(asked))

    async def _write(self, tab: RemoteRoom, dice: Random) -> None:
        notes = await tab.document("notes")
        with notes.edit() as doc:
            text = doc.get("content", type=Text)
            length = len(str(text))
            if length > 20 and dice.random() < 0.3:
                at = dice.randrange(length - 5)
                del text[at : at + dice.randrange(1, 5)]
            else:
                text.insert(dice.randrange(length + 1), f"<{dice.randrange(1000)}>")
        mark = dict(notes.replica._clocks).get(notes.doc.client_id, 0)
        self._world.trace.say(self.name, f"writes up to {mark}", count="edits")
        await notes.saved()
        if not self._world.disk.has(self.room, "notes", notes.doc.client_id, mark):
            self._world.trace.breach(self.name, f"an edit up to {mark} is said to be saved and is not on disk")


def shown(doc: "Doc[Any]") -> dict[str, Any]:
    """The newest runs of a room document; what is closed shows its status alone, for all of it would take long."""
    with doc.transaction():
        runs = doc.get(ROOT, type=Map)
        newest = {run: runs[run] for run in sorted(runs.keys())[-_NEWEST:]}
        return {
            run: shown.to_py() if shown["status"] in OPEN else {"status": shown["status"]}
            for run, shown in newest.items()
        }


def decisions(runs: Mapping[str, Any], dice: Random, new_id: Any) -> list[Asked]:
    """What may be decided just now, decided at random."""
    made: list[Asked] = []
    for run, shown in runs.items():
        if shown["status"] not in OPEN:
            continue
        for part in shown["parts"]:
            step, state = part.get("call", ""), part.get("state")
            if state == "asking" and part.get("asks") == "approval":
                yes = dice.random() < 0.7
                made.append(Approve(id=new_id(), run=run, step=step) if yes else Deny(id=new_id(), run=run, step=step))
            elif state == "asking":
                made.append(Answer(id=new_id(), run=run, step=step, answer={"answer": "the red one"}))
            elif state == "unknown":
                verdict = dice.choice(("happened", "did-not-happen", "retry"))
                made.append(Resolve(id=new_id(), run=run, step=step, verdict=verdict, result="done"))
    return made


def _shown(record: Record) -> tuple[Any, ...]:
    """What outsiders see of a record."""
    return (
        *(record.seq, record.time, record.author, record.run, record.epoch),
        *(record.event, record.document, record.update),
    )


def leaves(group: BaseExceptionGroup[Any]) -> list[Any]:
    """The errors of a group, however deep they stand."""
    nested = (leaves(each) if isinstance(each, BaseExceptionGroup) else [each] for each in group.exceptions)
    return [leaf for found in nested for leaf in found]
