"""What concerns forks: a room that begins as another one was, and what comes back of it."""

from typing import Literal

from .fact import Fact

Going = Literal["paused", "live", "recorded", "recorded-live"]
"""How the runs that a fork began with go on: not before somebody says so; by asking models and calling tools; or by
what the parent's log has, as far as the same is asked; then it is paused, or goes on live by itself."""


class Forked(Fact, frozen=True):
    """This room began as a copy of the records up to `at` of the room `of`, whose history was called `lineage` then.

    `change` says what is otherwise than there, empty for nothing: the record that stood there next has another
    `prompt`, `options`, `result`, `decision` or `answer` in the record between `at` and this one, by whoever forked.
    `writes`: tools may change the world outside, as they may not in other forks. `command` is the id under which it was
    asked for, if it had one.
    """

    of: str
    lineage: str
    at: int
    change: str = ""
    writes: bool = False
    going: Going = "paused"
    command: str = ""


class ForkResumed(Fact, frozen=True):
    """The runs that the fork began with go on. Where the house says so, the record's run asked at `step` for `what`,
    which is not in the parent's log."""

    going: Going = "live"
    step: str = ""
    what: str = ""


class ForkMerged(Fact, frozen=True):
    """What was edited in `documents` of a fork, up to its record `until`, came back: the records behind this one say
    what, by whom. `lineage` is what the fork's history was called then; `kin` are rooms whose server wrote some of it,
    the fork among them; `edits` says how many there were in each of the documents."""

    fork: str
    lineage: str
    until: int
    documents: tuple[str, ...]
    kin: tuple[str, ...] = ()
    edits: tuple[int, ...] = ()


ForkFact = Forked | ForkResumed | ForkMerged
