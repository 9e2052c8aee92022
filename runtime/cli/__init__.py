"""The command line: one file per verb, loaded when its verb is called.

`plait serve` must answer at once and `plait log` must not load a server, so a verb's module is imported only when that
verb is asked for (or for the list in `plait --help`). What a verb may raise is translated here and nowhere else:

- exit 0: it did what was asked; 1: it could not, or the check that it makes failed; 2: it was called wrongly.
- An error that we or the operating system raise on purpose is one line on stderr. Anything else is a bug of ours, and
  a bug keeps its traceback.
"""

import importlib
import os
import sys
from typing import Any

import click

from ...protocol.errors import PlaitError
from . import paging

VERBS = (
    "serve",
    "log",
    "replay",
    "diff",
    "fork",
    "merge",
    "bisect",
    "blame",
    "effects",
    "view",
    "verify",
    "export",
    "import",
    "delete",
    "erase",
    "reproject",
    "keys",
    "grant",
)
"""In the order in which `plait --help` tells them; each is a module beside this one with a command named `verb`."""


class Verbs(click.Group):
    """The group of all verbs, which imports none of them before it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f".{cmd_name}", __package__).verb


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plait", message="plait %(version)s")
def plait() -> None:
    """Agents whose every step is in a log, and every tab shows the same."""


def main() -> None:
    """What the installed `plait` command calls."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        done: Any = 0
        with paging.paged(arguments):
            done = plait.main(arguments, prog_name="plait", standalone_mode=False)
        sys.stdout.flush()
        return done if isinstance(done, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except click.Abort:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`plait log room | head`). Nothing more can be said to them, and the
        # interpreter must not try to flush what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except BaseException as error:
        leaves = _leaves(error)
        if all(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
            return 130
        if not all(isinstance(leaf, PlaitError | OSError) for leaf in leaves):
            raise
        return _say(str(leaves[0]), 1)


def _say(sentence: str, code: int) -> int:
    print(f"plait: {' '.join(sentence.split())}", file=sys.stderr)
    return code


def _leaves(error: BaseException) -> list[BaseException]:
    """The errors inside the groups that Trio's nurseries make of them."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
