"""How a model is asked to answer: what an agent sets for all its requests and a prompt may say otherwise for its own.

Every field may be left out, and then nothing is sent, so that a vendor's own default counts and a compatible server
that knows fewer fields is not disturbed. The ranges are the widest that any vendor takes; what one of them does not
take is left out of its request (specs/models.md has the table). They stand here because commands and records carry
them.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from .limits import MODEL_STOP_CHARS, MODEL_STOPS, OUTPUT_TOKENS

END = r"$(?![\s\S])"
"""The end of a text in a pattern. A `$` alone lets a line feed pass in Python, and none in JavaScript."""

Reasoning = Literal["", "off", "low", "medium", "high"]
"""How much a model thinks before it answers; empty is the vendor's own default."""


class OutputSchema(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON Schema that an answer's text follows, under the name that OpenAI wants for it."""

    name: Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}")]
    schema: dict[str, Any]


class Options(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What may be asked of a model beside its conversation. `max_output_tokens` counts reasoning too."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=OUTPUT_TOKENS)] | None = None
    reasoning: Reasoning = ""
    seed: Annotated[int, Meta(ge=0, le=(1 << 53) - 1)] | None = None
    stop: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=MODEL_STOP_CHARS)], ...], Meta(max_length=MODEL_STOPS)
    ] = ()
    output: OutputSchema | None = None

    def changed_by(self, other: "Options") -> "Options":
        """These, with whatever `other` says in place of what they say."""
        fields = self.__struct_fields__
        return replace(self, **{f: said for f in fields if (said := getattr(other, f)) not in (None, "", ())})


DEFAULTS = Options()
"""Nothing asked for: every vendor's own defaults."""
