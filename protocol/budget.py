"""What a run may take before it is ended: steps, tokens, money, time; its own and that of the runs it asked for.

Limits guard against an agent that does not stop by itself. What a step took is known when it has ended, so tokens and
cost may be exceeded by the last answer, never by two.
"""

from collections.abc import Iterable

from msgspec import Struct

from . import limits
from .events import RunFailed
from .state import Run


class Limits(Struct, frozen=True):
    """Of one run of an agent, with its sub-agents' runs; None leaves only the house's own.

    `steps`: model requests. `tokens`: read and written, as vendors count them. `cost`: in the agent's currency.
    `wall_s`: seconds from the moment when the run's turn came. Raises ValueError for a limit that allows nothing.
    """

    steps: int | None = None
    tokens: int | None = None
    cost: float | None = None
    wall_s: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"a limit is more than 0, and {name} is {value}")

    def deadline(self, now: int) -> int | None:
        """When a run that starts now (µs since 1970) has had its time."""
        return None if self.wall_s is None else now + int(self.wall_s * 1_000_000)


def over(run: Run, family: Iterable[Run], allowed: Limits, now: int) -> RunFailed | None:
    """The end of a run that took too much; `family` is the run and all runs below it."""
    family = tuple(family)
    if run.streamed > limits.RUN_BYTES:
        return RunFailed("run-too-long", f"The model streamed more than {limits.RUN_BYTES} characters.")
    if 0 < run.deadline <= now:
        return RunFailed("run-timed-out", "The run was not done in its time.")
    tokens = sum(each.spent.input + each.spent.output for each in family)
    if allowed.tokens is not None and tokens > allowed.tokens:
        return RunFailed("run-too-many-tokens", f"The run took {tokens} tokens and may take {allowed.tokens}.")
    cost = sum(each.spent.cost for each in family) / 1_000_000
    if allowed.cost is not None and cost > allowed.cost:
        return RunFailed("run-too-expensive", f"The run cost {cost:g} and may cost {allowed.cost:g}.")
    return None


def out_of_steps(run: Run, family: Iterable[Run], allowed: Limits) -> RunFailed | None:
    """The end of a run that would ask a model once more and may not."""
    if allowed.steps is not None and sum(map(_requests, family)) >= allowed.steps:
        return RunFailed("run-too-many-steps", f"The run may ask a model {allowed.steps} times, and has.")
    if _requests(run) >= limits.RUN_STEPS:
        return RunFailed("run-too-many-steps", f"A run may ask a model {limits.RUN_STEPS} times, and this one has.")
    return None


def _requests(run: Run) -> int:
    return sum(step.kind == "model" for step in run.steps.values())
