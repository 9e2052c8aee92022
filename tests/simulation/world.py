"""One simulated world, from a seed: storms in which everything fails, and quiet in which everything is compared."""

import logging
import time
import traceback
from random import Random

import trio
from msgspec import Struct
from plait.protocol.commands import Asked, Stop
from plait.protocol.errors import PlaitError
from plait.runtime.room.identity import Surroundings
from plait.storage.memory import MemoryStore
from trio.testing import MockClock

from . import checks
from .chance import Chance
from .crew import Acts
from .disk import Disk
from .house import House
from .network import Network
from .people import Person, World, decisions, shown
from .stock import StockTab
from .trace import Listening, Trace

_EPOCH_US = 1_700_000_000_000_000
STORMS = 2
STORM_S = 60.0


class Outcome(Struct):
    """What became of a seed. `seconds` is real time, `virtual_s` the time that passed inside."""

    seed: int
    broken: list[str]
    digest: str
    lines: list[str]
    counts: dict[str, int]
    seconds: float
    virtual_s: float


def simulate(seed: int, storms: int = STORMS) -> Outcome:
    """Run one world to its end. Raises nothing for a broken promise: it is in `broken`."""
    chance, trace = Chance(seed), Trace()
    clock = MockClock(autojump_threshold=0)
    began = time.perf_counter()
    plait_log = logging.getLogger("plait")
    listening, level, goes_on = Listening(trace), plait_log.level, plait_log.propagate
    plait_log.addHandler(listening)
    plait_log.setLevel(logging.INFO)
    plait_log.propagate = False
    try:
        with chance.rules():
            trio.run(_play, chance, trace, storms, clock=clock)
    except Exception as error:
        trace.lines += traceback.format_exception(error)
        trace.broken.append(f"the world ended by {type(error).__name__}: {_innermost(error)}")
    finally:
        plait_log.removeHandler(listening)
        plait_log.setLevel(level)
        plait_log.propagate = goes_on
    seconds = time.perf_counter() - began
    return Outcome(seed, trace.broken, trace.digest, trace.lines, trace.counts, seconds, clock.current_time())


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _play(chance: Chance, trace: Trace, storms: int) -> None:
    def now() -> int:
        return _EPOCH_US + int(trio.current_time() * 1_000_000)

    around = Surroundings(now, chance.dice("entropy").randbytes)
    store = MemoryStore(entropy=chance.dice("lineages").randbytes, now=now)
    disk = Disk(trace, chance.dice("disk"), store)
    acts = Acts(disk, trace)
    async with trio.open_nursery() as nursery:
        network = Network(trace, chance.dice, nursery)
        house = House(chance, trace, disk, network, acts, around)
        world = World(chance, trace, disk, house, acts)
        dice = chance.dice("world")
        rooms = ["den", "lab"][: dice.choice((1, 2))]
        people = [Person(f"person{n}", dice.choice(rooms), world) for n in range(dice.randrange(1, 4))]
        tabs = [
            StockTab(f"tab{n}", dice.choice(rooms), dice.choice(("", "notes")), chance, house, disk, trace)
            for n in range(dice.randrange(1, 4))
        ]
        nursery.start_soon(house.run)
        for somebody in (*people, *tabs):
            nursery.start_soon(somebody.run)
        for _ in range(storms):
            await _storm(world, network, tabs, dice)
            if not await _quiet(world, network, tabs, people, dice):
                break
        for tab in tabs:
            tab.release()
        nursery.cancel_scope.cancel()


async def _storm(world: World, network: Network, tabs: list[StockTab], dice: Random) -> None:
    """Everything happens, and everything fails."""
    world.trace.say("world", "a storm begins", count="storms")
    world.calm = network.weather.calm = False
    world.disk.failing = True
    async with trio.open_nursery() as nursery:
        for tab in tabs:
            if tab.document:
                nursery.start_soon(_keep_writing, tab, dice)
        with trio.move_on_after(STORM_S):
            while True:
                await trio.sleep(dice.expovariate(1 / 30))
                (world.house.crash if dice.random() < 0.7 else world.house.deploy)()
        nursery.cancel_scope.cancel()


async def _keep_writing(tab: StockTab, dice: Random) -> None:
    while True:
        await trio.sleep(dice.expovariate(1 / 2))
        tab.write()


async def _quiet(world: World, network: Network, tabs: list[StockTab], people: list[Person], dice: Random) -> bool:
    """Nothing fails any more, everything is decided, and everybody agrees."""
    world.trace.say("world", "it gets quiet")
    world.calm = network.weather.calm = True
    world.disk.failing = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_settle, world, dice)
        agreed = await checks.quiet(world, tabs, people)
        nursery.cancel_scope.cancel()
    checks.log_alone(world)
    if agreed:
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
                    await room._ask(command, "settler")
                except PlaitError as error:
                    world.trace.say("settler", f"{name}: {command}: {error}")
