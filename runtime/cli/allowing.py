"""What an operator lets in, as options: one for each limit that may be changed, with its default and its reason."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ...protocol.admission import CHANGEABLE

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
