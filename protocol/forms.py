"""Forms: whether what a person says is what a JSON Schema asks for.

A bad answer must not use a question up: nobody could ask again. So it is judged before it is accepted, from the schema
that is in the log beside the question, which means the same in every process. Rules (specs/decisions.md):

- A schema is never fetched, and its patterns take time in the length of the text (no backtracking), whoever wrote it.
- A schema that cannot be read checks nothing; where a form is made, `check_schema` refuses it.
- What is wrong is told with its place, and without repeating what may be long.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from .errors import Refused
from .limits import FORM_ERROR_CHARS

if TYPE_CHECKING:
    from jsonschema_rs import Validator


def check_form(schema: str, value: Any) -> None:
    """Nothing, if the value is what the JSON Schema text asks for. Raises Refused('bad-answer')."""
    if not schema:
        return
    try:
        validator = _read(msgspec.json.decode(schema), "what is there")
    except ValueError:
        return
    found = next(validator.iter_errors(value), None)
    if found is not None:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in found.instance_path)
        raise Refused("bad-answer", f"At ${place}: {found.message}"[:FORM_ERROR_CHARS])


def check_schema(schema: Any) -> None:
    """Nothing, if that is a JSON Schema which needs nobody else's. Raises ValueError."""
    try:
        _read(schema)
    except ValueError as error:
        why = str(error).partition("\n")[0][:FORM_ERROR_CHARS]
        raise ValueError(f"that is no JSON Schema that stands alone: {why}") from None


def _read(schema: Any, called: str | None = None) -> "Validator":
    """What checks values, which it speaks of as `called`. Raises ValueError."""
    # Ten MB and a tenth of a second, which only a room where somebody answers pays.
    from jsonschema_rs import RegexOptions, validator_for

    return validator_for(schema, offline=True, pattern_options=RegexOptions(), mask=called)
