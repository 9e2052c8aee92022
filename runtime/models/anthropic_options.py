"""What Anthropic's models take of the options, told by their names: the rules are the vendor's and change each time.

What a model refuses is left out rather than sent, because a prompt that asks for a temperature wants an answer more
than it wants the temperature. A name that is not understood is taken for a model that is newer than all that are, or,
on a server that is not the vendor's, for one that takes what models always took. The table in specs/models.md says the
same for people; the vendor's own pages are "Thinking", "Effort" and "What's new" of each model at platform.claude.com.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from ...protocol.options import Options
from .model import JSON

_NEWEST = (99, 0)

_OF_OTHERS = (4, 1)
"""What imitators imitate: sampling, thinking by a budget, and no schemas."""

_NAME = re.compile(r"claude-(?:(\d+)(?:[-.](\d))?-)?(opus|sonnet|haiku)(?:-(\d+)(?:[-.](\d{1,2})(?!\d))?)?")
"""Older names have the version first (`claude-3-7-sonnet-20250219`), newer ones last (`claude-opus-4-5-20251101`)."""

_BUDGETS = {"low": 2048, "medium": 8192, "high": 16384}
"""Tokens of thinking for models that are given a number; 1,024 is the least that the vendor takes."""

_LEAST_BUDGET = 1024


class Kind(NamedTuple):
    """What a model is: its family, empty if unknown, and its version."""

    family: str
    version: tuple[int, int]


def kind_of_model(model: str, url: str | None) -> Kind:
    """By its name; a date behind it and whatever a gateway puts before it do not matter."""
    found = _NAME.search(model)
    if found is None:
        own = not url or (urlsplit(url).hostname or "").endswith("anthropic.com")
        return Kind("", _NEWEST if own else _OF_OTHERS)
    major, minor = (found[1], found[2]) if found[1] else (found[4], found[5])
    # `claude-sonnet-4-20250514`: what follows the major version is a date.
    return Kind(found[3], (int(major), int(minor or 0)) if major else _NEWEST)


def option_fields(kind: Kind, options: Options, max_tokens: int, after_result: bool) -> JSON:
    """The fields of a request that these options become, where an answer may have `max_tokens` if they do not say.
    `after_result` says that the request goes on after a tool's call."""
    thinking, effort, budget = _thinking(kind, options, after_result)
    fields: JSON = {}
    if options.max_output_tokens is not None:
        fields["max_tokens"] = options.max_output_tokens
    elif budget:
        # The vendor counts thinking as output, and a bound for the answer alone would leave it none.
        fields["max_tokens"] = max_tokens + budget
    if kind.version <= (4, 6) and not (thinking and thinking["type"] != "disabled"):
        if options.temperature is not None:
            fields["temperature"] = min(options.temperature, 1.0)
        elif options.top_p is not None:
            fields["top_p"] = options.top_p  # Beside a temperature it is refused.
    # One without a visible character is refused.
    if stops := [stop for stop in options.stop if stop.strip()]:
        fields["stop_sequences"] = stops
    if thinking is not None:
        fields["thinking"] = thinking
    config: JSON = {"effort": effort} if effort else {}
    if (schema := output_schema(kind, options)) is not None:
        config["format"] = {"type": "json_schema", "schema": schema}
    return fields | {"output_config": config} if config else fields


def output_schema(kind: Kind, options: Options) -> JSON | None:
    """The schema that the vendor can hold this model to, made by its own SDK; None if it must be asked in words."""
    if options.output is None or kind.version < (4, 5):
        return None
    # The SDK is an extra; only the file that is named for it imports it at once.
    import anthropic

    try:
        return anthropic.transform_schema(options.output.schema)
    except (ValueError, TypeError, AttributeError, AssertionError, RecursionError):
        return None  # A schema that says something which the SDK does not know.


def _thinking(kind: Kind, options: Options, after_result: bool) -> tuple[JSON | None, str, int]:
    """The field `thinking`, the effort and the budget; None, empty and 0 where there is none to send."""
    wanted = options.reasoning
    if not wanted:
        return None, "", 0
    if wanted == "off":
        return _unthinking(kind)
    if kind.version >= (4, 6):
        # Newer models tell nothing of what they think unless they are asked to.
        display = {"display": "summarized"} if kind.version > (4, 6) else {}
        return {"type": "adaptive", **display}, wanted, 0
    budget = min(_BUDGETS[wanted], (options.max_output_tokens or 1 << 20) - 1)
    # Going on after a call, these models want the thinking before it sent back, signed; a conversation here has none.
    if kind.version < (3, 7) or budget < _LEAST_BUDGET or after_result:
        return None, "", 0
    return {"type": "enabled", "budget_tokens": budget}, "", budget


def _unthinking(kind: Kind) -> tuple[JSON | None, str, int]:
    """How each model is kept from thinking: the older do not unless asked, the newest cannot but little."""
    if kind.version < (5, 0):
        return None, "", 0
    if kind.family == "sonnet" and kind.version == (5, 5):
        return {"type": "between_tools"}, "", 0
    if kind.version == (5, 0) or (kind.family == "haiku" and kind.version == (5, 5)):
        return {"type": "disabled"}, "", 0
    return None, "low", 0
