"""One simulated world, from a seed: storms in which everything fails, and quiet in which everything is compared."""

import logging
import time
import traceback
from collections.abc import Collection
from random import Random

import trio
from msgspec import Struct
from plait.protocol.commands import Asked, Stop
from plait.protocol.errors import PlaitError
from plait.runtime.room.identity import Surroundings
from trio.testing import MockClock

from . import checks
from .caller import Caller
from .chance import Chance
from .crew import Acts
from .disk import Disk
from .engines import Dicts, SqliteFile
from .house import House
from .network import Network
from .people import Person, World, decisions, shown
from .stock import StockTab
from .trace import Listening, Trace

_EPOCH_US = 1_700_000_000_000_000
STORMS = 2
STORM_S = (15.0, 40.0, 90.0)


class Outcome(Struct):
    """What became of a seed. `happened` is what could have been left out, by name; `seconds` is
    real time, `virtual_s` the time that passed inside."""

    seed: int
    broken: list[str]
    digest: str
    lines: list[str]
    counts: dict[str, int]
    happened: tuple[str, ...]
    seconds: float
    virtual_s: float


def simulate(
    seed: int, storms: int = STORMS, only: Collection[str] | None = None, *, to_the_end: bool = True
) -> Outcome:
    """Run one world. Raises nothing for a broken promise: it is in `broken`.

    `only`: what may happen in it, of what happens in the whole world of that seed. A world that is not played to its
    end is over with the first promise that it breaks.
    """
    chance, trace = Chance(seed, only), Trace()
    clock = MockClock(autojump_threshold=0)
    began = time.perf_counter()
    plait_log = logging.getLogger("plait")
    listening, level, goes_on = Listening(trace), plait_log.level, plait_log.propagate
    plait_log.addHandler(listening)
    plait_log.setLevel(logging.INFO)
    plait_log.propagate = False
    try:
        with chance.rules():
            trio.run(_play, chance, trace, storms, to_the_end, clock=clock)
    except Exception as error:
        trace.lines += traceback.format_exception(error)
        trace.broken.append(f"the world ended by {_innermost(error)!r}")
    finally:
        plait_log.removeHandler(listening)
        plait_log.setLevel(level)
        plait_log.propagate = goes_on
    seconds = time.perf_counter() - began
    happened = tuple(chance.happened)
    return Outcome(seed, trace.broken, trace.digest, trace.lines, trace.counts, happened, seconds, clock.current_time())


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _now() -> int:
    return _EPOCH_US + int(trio.current_time() * 1_000_000)


async def _play(chance: Chance, trace: Trace, storms: int, to_the_end: bool) -> None:
    dice = chance.dice("world")
    engine: Dicts | SqliteFile = dice.choice((Dicts, SqliteFile))(chance.dice("lineages").randbytes, _now)
    trace.folder = str(engine.folder) if isinstance(engine, SqliteFile) else ""
    trace.say("world", f"keeps its bytes in {type(engine).__name__}", count=f"worlds on {type(engine).__name__}")
    disk = Disk(chance, trace, engine)
    acts = Acts(disk, trace)
    try:
        async with trio.open_nursery() as nursery:
            if not to_the_end:
                trace.on_breach = nursery.cancel_scope.cancel
            network = Network(trace, chance, nursery)
            around = Surroundings(_now, chance.dice("entropy").randbytes)
            world = World(chance, trace, disk, House(chance, trace, disk, network, acts, around), acts)
            tabs, people = _inhabit(world, nursery)
            for _ in range(storms):
                await _storm(world, network, tabs, dice)
                if not await _quiet(world, network, tabs, people, dice):
                    break
            for tab in tabs:
                tab.release()
            nursery.cancel_scope.cancel()
    finally:
        engine.remove()


def _inhabit(world: World, nursery: trio.Nursery) -> tuple[list[StockTab], list[Person]]:
    """Who lives in this world: in one or two rooms that stay, and perhaps one that will be deleted."""
    dice = world.chance.dice("inhabitants")
    rooms = ["den", "lab", "barn"][: dice.choice((1, 2, 3))]
    doomed = "barn" if "barn" in rooms else ""
    people = [Person(f"person{n}", dice.choice(rooms), world) for n in range(dice.randrange(1, 4))]
    places = [(f"tab{n}", dice.choice(rooms), dice.choice(("", "notes", "notes"))) for n in range(dice.randrange(1, 5))]
    callers = [Caller(f"caller{n}", rooms, doomed, world) for n in range(dice.choice((0, 1, 1)))]
    people = [person for person in people if world.chance.happens(f"{person.name} comes")]
    tabs = [StockTab(*place, world) for place in places if world.chance.happens(f"{place[0]} comes")]
    callers = [caller for caller in callers if world.chance.happens(f"{caller.name} comes")]
    nursery.start_soon(world.house.run)
    for somebody in (*people, *tabs, *callers):
        nursery.start_soon(somebody.run)
    return tabs, people


async def _storm(world: World, network: Network, tabs: list[StockTab], dice: Random) -> None:
    """Everything happens, and everything fails."""
    storm_s = dice.choice(STORM_S)
    world.trace.say("world", f"a storm of {storm_s} s begins", count="storms")
    world.calm = network.weather.calm = False
    world.disk.failing = True
    async with trio.open_nursery() as nursery:
        for tab in tabs:
            nursery.start_soon(_keep_writing, tab, dice)
        with trio.move_on_after(storm_s):
            while True:
                await trio.sleep(dice.expovariate(1 / 30))
                world.troubles += 1
                fate = dice.choice(("crash", "crash", "deploy", "full disk"))
                if world.chance.happens(f"{fate} {world.troubles}"):
                    _befall(world, fate, dice)
        nursery.cancel_scope.cancel()


def _befall(world: World, fate: str, dice: Random) -> None:
    match fate:
        case "crash":
            world.house.crash()
        case "deploy":
            world.house.deploy()
        case _:
            world.disk.full_until = trio.current_time() + dice.choice((1.0, 10.0, 40.0))
            world.trace.say("world", "the disk is full", count="full disks")


async def _keep_writing(tab: StockTab, dice: Random) -> None:
    while True:
        await trio.sleep(dice.expovariate(1 / 2 if tab.document else 1 / 8))
        tab.write()


async def _quiet(world: World, network: Network, tabs: list[StockTab], people: list[Person], dice: Random) -> bool:
    """Nothing fails any more, everything is decided, and everybody agrees."""
    world.trace.say("world", "it gets quiet")
    world.calm = network.weather.calm = True
    world.disk.failing = False
    world.since = _now()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_settle, world, dice)
        agreed = await checks.quiet(world, tabs, people)
        nursery.cancel_scope.cancel()
    checks.log_alone(world)
    if agreed:
        await checks.stored(world)
        await checks.replays(world, dice)
    return agreed


async def _settle(world: World, dice: Random) -> None:
    """Somebody decides what waits for a person, and stops after a while what waits for something else."""
    asked, began = 0, trio.current_time()

    def new_id() -> str:
        nonlocal asked
        asked += 1
        return f"settle{began}-{asked}"

    while True:
        await trio.sleep(2)
        for name in list(world.disk.logs):
            runtime = world.house.runtime
            if runtime is None:
                continue
            room = runtime.room(name)
            made: list[Asked] = []
            try:
                made = decisions(shown(await room.document()), dice, new_id)
                if trio.current_time() > began + 60 and await runtime.store.unfinished():
                    made.append(Stop(id=new_id()))
            except PlaitError as error:
                world.trace.say("settler", f"{name}: {error}")
            for command in made:
                try:
                    await room.by("settler")._ask(command)
                except PlaitError as error:
                    world.trace.say("settler", f"{name}: {command}: {error}")
