"""What is long goes through a pager on a terminal: the one that `PAGER` names, or `less` where there is one.

`less` is told (unless `LESS` says otherwise) to leave where all fits on the screen, to show colours, and to let what it
showed stand. No verb knows of it: what the pager reads counts as the terminal, so people are shown the same.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast

import click

PAGED = ("log", "replay", "diff", "blame", "effects", "view")
"""The verbs that tell more than a screen holds."""

AS_IT_COMES = ("--follow", "--live")
"""Options under which somebody waits for what is told next."""


@contextmanager
def paged(arguments: Sequence[str]) -> Iterator[None]:
    """Have what this command line prints go through the pager, if it should. Whoever quits the pager wants no more."""
    if not is_paged(arguments):
        yield
        return
    os.environ.setdefault("LESS", "-FRX")
    with click.get_pager_file() as pager, redirect_stdout(cast("TextIO", _Screen(pager))):
        with suppress(SystemExit):  # So Click ends a verb whose reader has gone, and nothing else does.
            yield
        sys.stdout.flush()


def is_paged(arguments: Sequence[str]) -> bool:
    """Whether what it prints goes through a pager: at a terminal, unless `PAGER` is empty, `cat` or not there."""
    if not arguments or arguments[0] not in PAGED or any(option in arguments for option in AS_IT_COMES):
        return False
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    pager = shlex.split(os.environ.get("PAGER", "less"))
    return bool(pager) and pager[0] != "cat" and shutil.which(pager[0]) is not None


class _Screen:
    """What the pager reads."""

    def __init__(self, pager: TextIO) -> None:
        self._pager = pager

    def isatty(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pager, name)
