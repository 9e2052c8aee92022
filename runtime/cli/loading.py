"""What a command line names by `MODULE:NAME`: somebody's own agents and functions."""

import importlib
import os
import sys
from typing import Any

import click

from .. import Agent


def agent_named(name: str) -> Agent:
    """The agent that `MODULE:NAME` means. Raises UsageError."""
    found = named("--agent", name)
    if not isinstance(found, Agent):
        raise click.UsageError(f"--agent {name} is a {type(found).__name__}, not an Agent")
    return found


def named(option: str, name: str) -> Any:
    """What `MODULE:NAME` means, with modules of the working folder among those that can be named. Raises UsageError."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise click.UsageError(f"{option} {name} is not MODULE:NAME")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise click.UsageError(f"{option} {name} cannot be loaded: {error}") from error
