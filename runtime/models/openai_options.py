"""What OpenAI's models take of the options, told by their names: the rules are the vendor's and change with each model.

What a model refuses is left out rather than sent, because a prompt that asks for a temperature wants an answer more
than it wants the temperature. A compatible server gets what was asked for, as it was asked: what it takes nobody here
knows. The table in specs/models.md says the same for people. Others measured it on the live API:
https://github.com/openai/openai-openapi/issues/541, https://github.com/BerriAI/litellm/pull/34569.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from ...protocol.options import Options
from .files import PDF, PICTURES, TEXT
from .model import JSON
from .structured import is_object, is_strict

_OWN_HOSTS = ("api.openai.com", ".openai.azure.com")

SHOWN = PICTURES | {PDF, TEXT}
"""All that chat completions have a place for here."""

_BLIND = re.compile(r"gpt-3.*|gpt-4(-\d.*)?|o1-(mini|preview).*|o3-mini.*")
"""Models of OpenAI's that take no pictures."""


class Kind(NamedTuple):
    """What a model is: whether OpenAI itself serves it, whether it reasons, its version if it has one, and the least
    that it can be asked to think."""

    own: bool
    reasons: bool = False
    version: tuple[int, int] = (0, 0)
    least: str = "none"


def kind_of_model(model: str, url: str | None) -> Kind:
    """By its name and by who serves it."""
    if url and not (urlsplit(url).hostname or "").endswith(_OWN_HOSTS):
        return Kind(own=False)
    name = model.removeprefix("ft:")
    if re.match(r"o\d", name):
        return Kind(True, True, least="low")
    found = re.match(r"gpt-(\d+)(?:\.(\d+))?(?!\w)", name)
    version = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if version < (5, 0) or "-chat" in name:
        return Kind(True, version=version)
    if "codex" in name:
        return Kind(True, True, version, "low")
    return Kind(True, True, version, "none" if version > (5, 0) else "minimal")


def takes_files(model: str, kind: Kind) -> frozenset[str]:
    """The media types that it can be shown. Compatible servers take pictures, if their model does, and no PDF."""
    if not kind.own:
        return PICTURES | {TEXT}
    return frozenset({TEXT}) if _BLIND.fullmatch(model.removeprefix("ft:")) else SHOWN


def option_fields(kind: Kind, options: Options, with_tools: bool) -> JSON:
    """The fields of a request that these options become."""
    effort = _effort(kind, options, with_tools)
    fields: JSON = {}
    # A model that thinks samples as it likes; one that has been kept from thinking does as it is told.
    if not kind.reasons or effort == "none":
        fields |= {"temperature": options.temperature, "top_p": options.top_p}
    fields["max_completion_tokens" if kind.own else "max_tokens"] = options.max_output_tokens
    fields |= {"reasoning_effort": effort, "seed": options.seed}
    if options.stop and not kind.reasons:
        fields["stop"] = list(options.stop)
    if options.output is not None and is_object(options.output.schema):
        name, schema = options.output.name, options.output.schema
        described = {"name": name, "schema": schema, "strict": is_strict(schema)}
        fields["response_format"] = {"type": "json_schema", "json_schema": described}
    return {field: value for field, value in fields.items() if value is not None}


def _effort(kind: Kind, options: Options, with_tools: bool) -> str | None:
    if kind.own and not kind.reasons:
        return None
    if with_tools and kind.version >= (5, 2):
        # Chat completions refuse tools to these unless they do not think, whatever was asked for or not.
        return kind.least
    return kind.least if options.reasoning == "off" else options.reasoning or None
