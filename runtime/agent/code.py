"""The version of an agent's code: a name that is the same for the same code, and another one when it changes.

It says which code began a run, so that whoever re-runs a log (runtime/replay) is told whether the code is another one.
It covers what the agent was made of: its flow, its instructions, its tools' schemas and bodies; not what those call in
turn, nor tools that live elsewhere.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import msgspec

from ..tools.tool import Tool

_HEX = 12


def code_version(flow: Callable[..., Any], instructions: str, tools: Iterable[Tool]) -> str:
    """The version of an agent made of these: the house's version, and twelve hex digits of a hash of the rest."""
    told = [_source(flow), instructions]
    for tool in sorted(tools, key=lambda each: each.schema.name):
        schema = tool.schema
        told += [schema.name, schema.description, msgspec.json.encode(schema.parameters).decode(), tool.effect]
        told.append(_source(getattr(tool, "body", None)))
    digest = hashlib.sha256(msgspec.json.encode(told)).hexdigest()
    return f"{version('plait')}+{digest[:_HEX]}"


def _source(function: Any) -> str:
    """A function's text; what has none, made elsewhere or at a prompt, is told by its name."""
    if function is None:
        return ""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return str(getattr(function, "__qualname__", type(function).__name__))
