"""What was found as people read it, in a terminal and in a failing test: nothing in it that a terminal would obey."""

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from .comparing import Difference

if TYPE_CHECKING:
    from .rerun import Divergence  # Who prints a difference has no agents to load.

VALUE_CHARS = 200
"""Of one value in a line for people; the whole stands in `--json`."""


def printable(text: str) -> str:
    """The text with everything escaped that a terminal would obey rather than show, and not longer than a line."""
    cut = text if len(text) <= VALUE_CHARS else text[: VALUE_CHARS - 1] + "…"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


def sentence(difference: Difference) -> str:
    """A difference as a line for people."""
    if difference.before is UNSET:
        return f"+ {difference.path}: {_value(difference.after)}"
    if difference.after is UNSET:
        return f"- {difference.path}: {_value(difference.before)}"
    return f"~ {difference.path}: {_value(difference.before)} -> {_value(difference.after)}"


def _value(value: object) -> str:
    return printable(msgspec.json.encode(value).decode())


def diverged(divergence: "Divergence") -> list[str]:
    """A divergence as lines for people: where it is, both versions of the code, what differs."""
    then, now = divergence.code
    lines = [
        f"run {divergence.run.lstrip('0')}, record {divergence.seq}: the log has {printable(divergence.recorded)}, "
        f"and the code wants {printable(divergence.requested)}",
        f"  code then {then or 'unknown'}, now {now}",
    ]
    return lines + [f"  {sentence(difference)}" for difference in divergence.differences]
