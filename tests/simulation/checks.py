"""What must be true whenever the world is quiet: law by law, from the log, against everybody's memory.

`quiet` waits until nobody has anything to do and then compares. The log that counts is the witness's (`Disk.logs`), so
a store that lost a record would be caught as well as a room that forgot one.
"""

import json
from random import Random
from typing import Any

import trio
from plait.protocol.document import ROOM, ROOT
from plait.protocol.events import Record, RunRequested, ToolResolved, command_record_id
from plait.protocol.update import decode_state_vector
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.live import Live
from plait.runtime.room.opening import open_live, replay, take_snapshot
from plait.storage.memory import MemoryStore
from plait.storage.store import Append
from pycrdt import Doc, Map, Text

from .disk import ENDS
from .people import Person, World
from .stock import StockTab


def materialised(log: list[Record], document: str) -> "Doc[Any]":
    """The document that a log says, by its stored bytes alone."""
    doc: Doc[Any] = Doc()
    for record in log:
        if record.update and record.document == document:
            doc.apply_update(record.update)
    return doc


def looks(doc: "Doc[Any]", document: str) -> tuple[Any, ...]:
    """All that can be seen of a document, and what it is made of."""
    roots = [("content", Text)] if document else [(ROOT, Map), (ROOM, Map)]
    seen = json.dumps([doc.get(name, type=kind).to_py() for name, kind in roots], sort_keys=True)
    return (seen, tuple(sorted(decode_state_vector(doc.get_state()).items())))


def log_alone(world: World) -> None:
    """What needs nobody's memory: acks, commands, ends, writes."""
    for (room, command), (_, seq, _) in world.acked.items():
        log = world.disk.logs.get(room, [])
        if seq > len(log) or log[seq - 1].id != command_record_id(command):
            world.trace.breach("check", f"{command} was acked as {seq} of {room} and is lost")
    for room, log in world.disk.logs.items():
        ids = [record.id for record in log if record.id is not None]
        for twice in sorted({each for each in ids if ids.count(each) > 1}) if len(set(ids)) < len(ids) else ():
            world.trace.breach("check", f"{twice} is twice in the log of {room}")
        for command in (command for at, command in world.refused if at == room):
            if command_record_id(command) in ids and (room, command) not in world.acked:
                world.trace.breach("check", f"{command} was refused and is in the log of {room}")
        begun = [record.run for record in log if isinstance(record.event, RunRequested)]
        ended = {record.run for record in log if isinstance(record.event, ENDS)}
        for run in begun:
            if run not in ended:
                world.trace.breach("check", f"run {run} of {room} never ended")
    for (room, run, step, name), times in world.acts.done.items():
        log = world.disk.logs[room]
        again = sum(
            record.run == run
            and isinstance(record.event, ToolResolved)
            and record.event.step == step
            and record.event.verdict == "retry"
            for record in log
        )
        if times > 1 + again:
            world.trace.breach("check", f"{name} of {room}/{run}/{step} happened {times} times, asked for {1 + again}")


async def documents(world: World, tabs: list[StockTab], people: list[Person]) -> list[str]:
    """Who shows something else than the log says; empty if nobody does."""
    assert world.house.runtime is not None
    wrong: list[str] = []
    for room, log in world.disk.logs.items():
        for name in ("", "notes"):
            truth = looks(materialised(log, name), name)
            if looks(await world.house.runtime.room(room).document(name), name) != truth:
                wrong.append(f"the room {room}/{name} itself")
            for tab in tabs:
                if (tab.room, tab.document) == (room, name) and looks(tab.doc, name) != truth:
                    wrong.append(tab.name)
            for person in people:
                document = person.tab._documents.get(name) if person.tab is not None else None
                if person.room == room and document is not None and looks(document.doc, name) != truth:
                    wrong.append(f"{person.name}/{name}")
    return wrong


async def replays(world: World, dice: Random) -> None:
    """Replay equals live, and a snapshot with the tail behind it equals replay (issue 4.5)."""
    assert world.house.runtime is not None
    for room, log in world.disk.logs.items():
        async with world.house.runtime.rooms.use(room) as awake:
            live, workers = awake._live, awake._crew.workers
            around = Surroundings(lambda: 0, bytes)
            store = MemoryStore(entropy=bytes)
            for record in log:
                await store.append(Append(room, record.epoch, record.seq - 1, (record,)))
            whole = await open_live(room, store, workers, around)
            assert live is not None
            if live.state != whole.state:
                world.trace.breach("check", f"the fold of {room} replayed is not the one that was lived")
            part = Live(room, 1, 1, workers, around)
            for record in log[: dice.randrange(len(log))]:
                replay(part, record)
            for shared in part.shared.values():
                shared.loaded()
            if part.state.seq:
                await store.save_snapshot(room, take_snapshot(part))
            tail = await open_live(room, store, workers, around)
            if tail.state != whole.state:
                world.trace.breach("check", f"a snapshot of {room} at {part.state.seq} and its tail fold otherwise")
            for name in ("", *whole.shared):
                if looks(tail.document(name), name) != looks(whole.document(name), name):
                    world.trace.breach("check", f"a snapshot of {room} at {part.state.seq} shows another {name!r}")
            for each in (whole, part, tail):
                each.release()


async def quiet(world: World, tabs: list[StockTab], people: list[Person]) -> bool:
    """Wait until everybody agrees with the log; False, and a breach, if that does not come to pass."""
    wrong: list[str] = ["nobody looked yet"]
    for _ in range(300):
        await trio.sleep(1)
        if world.house.runtime is None:
            continue
        if await world.house.runtime.store.unfinished():
            wrong = ["there are open runs"]
            continue
        late = [tab.name for tab in tabs if tab.document and not tab.saved()]
        wrong = late or await documents(world, tabs, people)
        if not wrong:
            return True
    world.trace.breach("check", f"never agrees with the log: {', '.join(wrong)}")
    return False
