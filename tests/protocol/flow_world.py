"""Random flows, and a world that carries their moves out in random order, crashes, and goes on from its log.

What a step gives is a hash of where it stands, so the order in which steps are carried out, and how often a crash
interrupts it, must not be seen in what a flow returns. Nothing here waits and nothing knows of Trio.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import Any

import msgspec
from plait.protocol.events import (
    Event,
    ModelAnswered,
    ModelFailed,
    ModelRequested,
    QuestionAnswered,
    Record,
    RunFailed,
    RunFinished,
    RunRequested,
    RunSteered,
    RunStopped,
    StopRequested,
    TextStreamed,
    ToolFailed,
    ToolResolved,
    ToolReturned,
    ToolStarted,
    Usage,
    ValueNoted,
    run_id,
)
from plait.protocol.flow import AskedWord, FlowFunction, FlowRun, StepFailed
from plait.protocol.fold import fold
from plait.protocol.move import Call, Decide, Generate, Move, Note, Wake
from plait.protocol.moves import moves
from plait.protocol.replay import Flows, Policy
from plait.protocol.state import TERMINAL, RoomState, Run

Program = tuple[Any, ...]
TOOLS = ("read", "idempotent", "write")

# --- programs ---------------------------------------------------------------------------------------------------------


def random_program(rng: random.Random, depth: int = 0, children: bool = True) -> Program:
    """A tree of sequences, parallel branches, loops and choices over steps; below a certain depth, steps only."""
    kinds = ["seq", "all", "loop", "choice", "try"] if depth < 3 else []
    kinds += ["generate", "call", "call", "once", "ask", "sleep", "now", "random", "inbox"]
    kinds += ["spawn"] if children else []
    kind = rng.choice(kinds) if depth else rng.choice(["seq", "all", "loop"])

    def part() -> Program:
        return random_program(rng, depth + 1, children)

    match kind:
        case "seq":
            return kind, [part() for _ in range(rng.randint(1, 3))]
        case "all":
            return kind, {name: part() for name in "abc"[: rng.randint(0, 3)]}
        case "loop":
            return kind, part(), part()
        case "choice":
            return kind, part(), part(), part()
        case "try":
            return kind, part()
        case "call" | "once":
            return kind, rng.choice(TOOLS), rng.randint(0, 9)
        case _:
            return kind, rng.randint(0, 9)


async def play(run: FlowRun, program: Program) -> Any:
    """Carry a program out, as a flow would be written by hand."""
    match program:
        case ("seq", parts):
            return [await play(run, part) for part in parts]
        case ("all", parts):
            return await run.all({name: play(run, part) for name, part in parts.items()})
        case ("loop", count, body):
            times = number(await play(run, count)) % 3
            return [await play(run, body) for _ in range(times)]
        case ("choice", which, left, right):
            return await play(run, left if number(await play(run, which)) % 2 else right)
        case ("try", part):
            try:
                return await play(run, part)
            except StepFailed as failed:
                return failed.code
        case ("generate", n):
            return (await run.generate(instructions=str(n))).text
        case ("call", tool, n):
            return (await run.call(tool, n=n)).value
        case ("once", effect, n):

            async def gives() -> int:  # Not a sync one: it would run in a thread, for which a mock clock does not wait.
                return n

            return await run.once(f"once{n}", gives, effect=effect)
        case ("spawn", n):
            return (await run.spawn("child", str(n))).value
        case ("ask", n):
            return await run.ask(f"What is {n}?")
        case ("sleep", n):
            return await run.sleep_until(n * 1_000_000)
        case ("now", _):
            return str(await run.now())
        case ("random", _):
            return await run.random()
        case ("inbox", _):
            return (await run.inbox()).text
        case _:
            raise AssertionError(program)


def number(value: Any) -> int:
    """Some number that depends on the value alone."""
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:4], "big")


def flow_of(program: Program) -> FlowFunction:
    """The program as a flow."""

    async def run_it(run: FlowRun) -> Any:
        return await play(run, program)

    return run_it


# --- the world --------------------------------------------------------------------------------------------------------


class World:
    """A room without documents, tasks and time: the fold, the moves, and a dice that says what happens next."""

    def __init__(self, programs: dict[str, Program], seed: int, records: Sequence[Record] = ()) -> None:
        self.workers = {name: Policy(flow_of(program), TOOLS) for name, program in programs.items()}
        self.flows = Flows(self.workers)
        self.rng = random.Random(seed)
        self.state = RoomState()
        self.records: list[Record] = []
        for record in records:
            self.records.append(record)
            fold(self.state, record)
        self.epoch = self.state.epoch + 1
        self.now = max((record.time for record in records), default=1)
        self.begun: set[tuple[str, str, int]] = set()
        if not records:
            self.append(RunRequested("root", "go", after=""), run_id(1))

    @property
    def root(self) -> Run:
        return self.state.runs[run_id(1)]

    def append(self, event: Event, run: str) -> None:
        record = Record(self.state.seq + 1, self.now, "x", run, self.epoch, event)
        ended = isinstance(event, RunFinished | RunFailed | RunStopped) and run in self.state.runs
        if ended:
            assert not any(child.open for child in self.state.children(run)), "a run ended before the runs below it"
        self.records.append(record)
        fold(self.state, record)
        if ended:
            self.flows.forget(run)

    def play(self, limit: int = 3000) -> "World":
        """Go on until the prompt's run has ended."""
        while self.root.open:
            assert len(self.records) < limit, f"no end in sight: {self.root.steps}"
            self.turn()
        self.flows.clear()
        return self

    def turn(self) -> None:
        """One thing happens."""
        found = moves(self.state, self.epoch, self.flows, self.now)
        fresh = Flows(self.workers)
        assert shape(found) == shape(moves(self.state, self.epoch, fresh, self.now)), (
            "the cache says what the log does not"
        )
        fresh.clear()
        decided = [move for move in found if isinstance(move, Decide | Note)]
        for move in decided:
            self.decide(move)
        if not decided:
            chances = [*found, *self.people(), *self.cancelled(found)]
            assert chances, f"nothing can happen any more: {self.root}"
            self.carry_out(self.rng.choice(chances))

    def decide(self, move: Decide | Note) -> None:
        if isinstance(move, Note):
            value = number(self.key(move.run, move.step))
            self.append(ValueNoted(move.step, str(value if move.what == "now" else value / (1 << 32))), move.run)
        elif isinstance(move.event, RunRequested):
            self.append(move.event, run_id(self.state.seq + 1))
        else:
            self.append(move.event, move.run)

    def key(self, run: str, step: str) -> str:
        """Where a step stands, whatever the ids of runs are."""
        return f"{self.state.runs[run].agent} {self.state.runs[run].prompt} {step}"

    def people(self) -> list[tuple[str, str, Any]]:
        """What people could do now: answer, say what became of a call, speak to a run that listens."""
        found: list[tuple[str, str, Any]] = []
        for run in self.state.open_runs():
            if run.status == "queued" or run.stopping:
                continue
            for step in run.steps.values():
                if step.status == "asking":
                    found.append(("say", run.id, QuestionAnswered(step.id, self.value(run.id, step.id))))
                elif step.status == "unknown":
                    happened = not self.fails(run.id, step.id) and self.rng.random() < 0.5
                    value = self.value(run.id, step.id)
                    found.append(("say", run.id, ToolResolved(step.id, "happened" if happened else "retry", value)))
            flow = self.flows.of(run)
            if flow is not None and any(isinstance(asked, AskedWord) for _, asked in flow.waiting.values()):
                found.append(("say", run.id, RunSteered("hello")))
        return found

    def cancelled(self, found: Sequence[Move]) -> list[tuple[str, str, Any]]:
        """The last words of calls that are in progress and should not be any more."""
        wanted = {chance_key(move) for move in found if isinstance(move, Call)}
        return [
            ("say", run.id, ToolFailed(step.id, step.attempt, "tool-cancelled", "Cancelled."))
            for run in self.state.open_runs()
            for step in run.steps.values()
            if (step.kind, step.status) == ("tool", "open") and (run.id, step.id, step.attempt) not in wanted
        ]

    def value(self, run: str, step: str) -> str:
        return msgspec.json.encode(number(self.key(run, step)) % 1000).decode()

    def fails(self, run: str, step: str) -> bool:
        """Whether the step is one of those that fail for good."""
        return number(self.key(run, step)) % 10 == 0

    def carry_out(self, chance: Move | tuple[str, str, Any]) -> None:
        match chance:
            case ("say", run, event):
                self.append(event, run)
            case Wake(at):
                self.now = at
            case Generate(run, step, attempt) | Call(run, step, attempt) if chance_key(chance) not in self.begun:
                self.begun.add((run, step, attempt))
                if isinstance(chance, Generate):
                    self.append(ModelRequested(step, attempt, "m", b""), run)
                else:
                    call = chance.call
                    effect = chance.effect if chance.function is not None else call.name
                    given = call.args if call.id == step else ""
                    self.append(ToolStarted(step, attempt, call.id, call.name, effect, args=given), run)
            case Generate(run, step, attempt):
                if self.rng.random() < 0.2:
                    self.append(ModelFailed(step, attempt, "again", "Again.", retry_at=self.now), run)
                elif self.rng.random() < 0.5:
                    self.append(TextStreamed(step, attempt, 0, ""), run)
                elif self.fails(run, step):
                    self.append(ModelFailed(step, attempt, "boom", "Boom."), run)
                else:
                    self.append(TextStreamed(step, attempt, 0, self.value(run, step)), run)
                    self.append(ModelAnswered(step, attempt, "stop", (), Usage(1, 1)), run)
            case Call(run, step, attempt):
                if self.fails(run, step):
                    self.append(ToolFailed(step, attempt, "boom", "Boom."), run)
                else:
                    self.append(ToolReturned(step, attempt, self.value(run, step)), run)
            case _:
                raise AssertionError(chance)

    def stop(self) -> None:
        """Somebody stops the prompt's run, or one below it."""
        self.append(StopRequested(), self.rng.choice(self.state.open_runs()).id)


def chance_key(move: Generate | Call) -> tuple[str, str, int]:
    return move.run, move.step, move.attempt


def shape(found: Sequence[Move]) -> list[Any]:
    """Moves without the functions in them, which are new ones at each replay."""
    return [msgspec.structs.replace(move, function=None) if isinstance(move, Call) else move for move in found]


def end(world: World) -> tuple[str, str, str]:
    """How the prompt's run ended: what must not depend on order and crashes. Every run has ended with it."""
    assert all(run.status in TERMINAL for run in world.state.runs.values())
    return world.root.status, world.root.result, world.root.code
