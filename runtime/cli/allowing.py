"""What an operator lets in, as options: one for each limit that may be changed, with its default and its reason. All
the others are told below them, so that all stand in one place."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ...protocol.admission import CHANGEABLE
from ...protocol.limits import LIMITS

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def allowance_options(verb: _Verb) -> _Verb:
    """`--sockets-per-address` and its kin, in the order of the table."""
    for name, limit in reversed(CHANGEABLE.items()):
        verb = click.option(
            f"--{name.lower().replace('_', '-')}",
            type=click.IntRange(0 if limit.value == 0 else 1),
            default=limit.value,
            show_default=True,
            metavar=limit.unit.upper(),
            help=limit.reason,
        )(verb)
    return verb


class WithLimits(click.Command):
    """A verb whose help ends with all limits that are not options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its unit and its reason."""
        with formatter.section("Limits that nobody changes"):
            told = [(name, limit) for name, limit in LIMITS.items() if name not in CHANGEABLE]
            formatter.write_dl([(f"{name} {limit.value:,} {limit.unit}", limit.reason) for name, limit in told])
