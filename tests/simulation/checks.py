"""What must be true whenever the world is quiet: law by law, from the log, against everybody's memory.

`quiet` waits until nobody has anything to do and then compares. The log that counts is the witness's (`Disk.logs`), so
a store that lost a record would be caught as well as a room that forgot one.
"""

import json
from random import Random
from typing import Any

import trio
from plait.protocol.events import (
    ModelAnswered,
    Record,
    RoomChanged,
    RunRequested,
    StopRequested,
    TextStreamed,
    TimerFired,
    TimerSet,
    ToolResolved,
    command_record_id,
)
from plait.protocol.shape import ROOM, ROOT
from plait.protocol.update import decode_state_vector
from plait.runtime.cli.verify import check as verify
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.live import Live
from plait.runtime.room.opening import open_live, replay
from plait.runtime.room.snapshots import take_snapshot
from plait.storage.errors import RoomDeleted
from plait.storage.memory import MemoryStore
from plait.storage.store import Append
from pycrdt import Doc, Map, Text

from .crew import SAYINGS
from .disk import ENDS, Disk
from .people import Person, World
from .stock import StockTab

_LATE_US = 45_000_000
"""A timer that nothing hindered has fired by then; a room whose disk failed often keeps quiet for 30 s."""


def looks(doc: "Doc[Any]", document: str) -> tuple[Any, ...]:
    """All that can be seen of a document, and what it is made of."""
    roots = [("content", Text)] if document else [(ROOT, Map), (ROOM, Map)]
    with doc.transaction():  # One for all: else every look at a value is one of its own.
        seen = [doc.get(name, type=kind).to_py() for name, kind in roots]
    return (json.dumps(seen, sort_keys=True), made_of(doc))


def made_of(doc: "Doc[Any]") -> tuple[tuple[int, int], ...]:
    """The clocks of a document: who has other ones has other structs; who has the same may lack deletions."""
    return tuple(sorted(decode_state_vector(doc.get_state()).items()))


class Truth:
    """The documents that the log says, by its stored bytes alone."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._read: dict[tuple[str, str], tuple[int, Doc[Any]]] = {}

    def document(self, room: str, name: str) -> "Doc[Any]":
        done, doc = self._read.get((room, name), (0, Doc()))
        log = self._disk.logs[room]
        for record in log[done:]:
            if record.update and record.document == name:
                doc.apply_update(record.update)
        self._read[room, name] = (len(log), doc)
        return doc


def log_alone(world: World) -> None:
    """What needs nobody's memory: acks, commands, ends, writes, answers, timers."""
    for (room, command), (_, seq, _) in world.acked.items():
        log = world.disk.log(room)
        if seq > len(log) or log[seq - 1].id != command_record_id(command):
            world.trace.breach("check", f"{command} was acked as {seq} of {room} and is lost")
    for room, log in world.disk.logs.items():
        _commands(world, room, log)
        _answers(world, room, log)
        _timers(world, room, log)
        begun = [record.run for record in log if isinstance(record.event, RunRequested)]
        ended = {record.run for record in log if isinstance(record.event, ENDS)}
        for run in begun:
            if run not in ended:
                world.trace.breach("check", f"run {run} of {room} never ended")
    for (room, run, step, name), times in world.acts.done.items():
        again = sum(
            record.run == run
            and isinstance(record.event, ToolResolved)
            and record.event.step == step
            and record.event.verdict == "retry"
            for record in world.disk.log(room)
        )
        if times > 1 + again:
            world.trace.breach("check", f"{name} of {room}/{run}/{step} happened {times} times, asked for {1 + again}")


def _commands(world: World, room: str, log: list[Record]) -> None:
    ids = [record.id for record in log if record.id is not None]
    unique = set(ids)
    for twice in sorted({each for each in ids if ids.count(each) > 1}) if len(unique) < len(ids) else ():
        world.trace.breach("check", f"{twice} is twice in the log of {room}")
    for command in (command for at, command in world.refused if at == room):
        if command_record_id(command) in unique and (room, command) not in world.acked:
            world.trace.breach("check", f"{command} was refused and is in the log of {room}")


def _answers(world: World, room: str, log: list[Record]) -> None:
    """What was streamed of an attempt is a beginning of what its model said, and of one that ended, all of it."""
    texts: dict[tuple[str, str, int], str] = {}
    for record in log:
        match record.event:
            case TextStreamed(step=step, attempt=attempt, text=text):
                key = (record.run, step, attempt)
                texts[key] = texts.get(key, "") + text
            case ModelAnswered(step=step, attempt=attempt, usage=usage):
                said = texts.get((record.run, step, attempt), "")
                if len(said.split()) != usage.output:
                    world.trace.breach("check", f"{room}/{record.run}/{step} ended with {said!r}: {usage}")
            case _:
                pass
    for (run, step, attempt), said in texts.items():
        if not any(whole.startswith(said) for whole in SAYINGS):
            world.trace.breach("check", f"attempt {attempt} of {room}/{run}/{step} is made to say {said!r}")


def _timers(world: World, room: str, log: list[Record]) -> None:
    """No timer fires early, or never."""
    due: dict[tuple[str, str], int] = {}
    for record in log:
        match record.event:
            case TimerSet(step=step, at=at):
                due[record.run, step] = at
            case TimerFired(step=step):
                world.trace.counts["timers"] = world.trace.counts.get("timers", 0) + 1
                if record.time < due.pop((record.run, step)):
                    world.trace.breach("check", f"a timer of {room}/{record.run} fired before its time")
            case StopRequested():
                late = [at for (run, _), at in due.items() if run == record.run and record.time - at > _LATE_US]
                if late and world.since <= record.time - _LATE_US:
                    world.trace.breach("check", f"a timer of {room}/{record.run} never fired")
            case _:
                pass


async def stored(world: World) -> None:
    """What the store says is what the witness saw; a deleted room is gone; the list of rooms is right."""
    assert world.house.runtime is not None
    store = world.house.runtime.store
    for room, log in world.disk.logs.items():
        kept: list[Record] = []
        while page := await store.read(room, len(kept)):
            kept += page
        if kept != log:
            world.trace.breach("check", f"the store has {len(kept)} records of {room} and not the {len(log)} committed")
        verdict = await verify(store, await store.head(room), lambda _: None)
        if verdict.bad:
            world.trace.breach("check", f"the log of {room} does not verify: {verdict.bad}")
    for room in world.disk.deleted:
        try:
            kept = await store.read(room)
            world.trace.breach("check", f"{room} was deleted and gives {len(kept)} records")
        except RoomDeleted:
            pass
    listed = {one.head.room: (one.head.seq, one.head.open_runs, one.about.title) for one in (await store.rooms()).rooms}
    expected = {room: (len(log), 0, _title(log)) for room, log in world.disk.logs.items()}
    if listed != expected:
        world.trace.breach("check", f"the list of rooms says {listed} and not {expected}")


def _title(log: list[Record]) -> str:
    given = [r.event.title for r in log if isinstance(r.event, RoomChanged) and r.event.title is not None]
    return given[-1] if given else ""


def strangers(tabs: list[StockTab]) -> list[str]:
    """Which tabs do not see exactly those who are there, as they show themselves."""
    wrong = []
    for tab in tabs:
        there = [other for other in tabs if (other.room, other.document) == (tab.room, tab.document) and other.online]
        shown = {
            other.presence.client: {**other.presence.seen[other.presence.client], "user": {"role": "person"}}
            for other in there
            if other is not tab
        }
        if tab.online and {c: s for c, s in tab.presence.seen.items() if c != tab.presence.client} != shown:
            wrong.append(f"{tab.name} sees {tab.presence.seen} where {sorted(shown)} are")
    return wrong


async def documents(world: World, truth: Truth, tabs: list[StockTab], people: list[Person]) -> list[str]:
    """Who shows something else than the log says; empty if nobody does."""
    assert world.house.runtime is not None
    held: list[tuple[str, str, str, Doc[Any]]] = []
    for room in world.disk.logs:
        for name in ("", "notes"):
            own = await world.house.runtime.room(room).document(name)
            held.append((f"the room {room}/{name} itself", room, name, own))
    held += [(tab.name, tab.room, tab.document, tab.doc) for tab in tabs]
    for person in people:
        for name, document in person.tab._documents.items() if person.tab is not None else ():
            held.append((f"{person.name}/{name}", person.room, name, document.doc))
    held = [one for one in held if one[1] in world.disk.logs]
    wrong = [who for who, room, name, doc in held if made_of(doc) != made_of(truth.document(room, name))]
    if wrong:
        return wrong
    seen = {(room, name): looks(truth.document(room, name), name) for _, room, name, _ in held}
    return [who for who, room, name, doc in held if looks(doc, name) != seen[room, name]]


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
    truth = Truth(world.disk)
    for _ in range(300):
        await trio.sleep(1)
        if world.house.runtime is None:
            continue
        if await world.house.runtime.store.unfinished():
            wrong = ["there are open runs"]
            continue
        here = [tab for tab in tabs if not tab.over]
        wrong = [tab.name for tab in here if tab.document and not tab.saved()]
        wrong = wrong or strangers(here) or await documents(world, truth, here, people)
        if not wrong:
            return True
    world.trace.breach("check", f"never agrees with the log: {', '.join(wrong)}")
    return False
