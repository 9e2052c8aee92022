"""Answers that follow a schema: asked of the vendor where it can be held to one, in words where it cannot.

Whether an answer follows its schema is checked by whoever asked; what is here only makes it likely.
"""

from typing import Any

from ...protocol.options import OutputSchema
from .model import canonical

_STRICT = frozenset(
    {
        *("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs"),
        *("title", "description", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("multipleOf", "minItems", "maxItems"),
    }
)
"""The words that a schema may use where OpenAI follows it strictly; a schema with others is refused as a whole."""


def in_instructions(instructions: str, output: OutputSchema) -> str:
    """The instructions with the schema in words, for a model that cannot be held to it."""
    schema = canonical(output.schema).decode()
    asked = f"Your answer is nothing but one JSON value, without a code block, that follows this JSON Schema:\n{schema}"
    return f"{instructions}\n\n{asked}" if instructions else asked


def is_object(schema: dict[str, Any]) -> bool:
    """Whether every answer is an object, which is all that OpenAI can be held to."""
    return schema.get("type") == "object"


def is_strict(schema: Any) -> bool:
    """Whether OpenAI can follow it to the letter: all properties required, none beside them, no word that it lacks.

    A schema that cannot be followed so is given as a hint instead. It is not made strict here, because an object in
    which everything is required is another schema.
    """
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT:
        return False
    properties, required = schema.get("properties", {}), schema.get("required", [])
    defined, either = schema.get("$defs", {}), schema.get("anyOf", [])
    # It may be anybody's rubbish, which is for the vendor to refuse.
    shapes = ((properties, dict), (required, list), (defined, dict), (either, list))
    if not all(isinstance(value, kind) for value, kind in shapes):
        return False
    whole = schema.get("additionalProperties") is False and {*map(str, required)} == {*properties}
    if not whole and (properties or "object" in str(schema.get("type"))):
        return False
    inner = [*properties.values(), *defined.values(), *either]
    inner += [schema["items"]] if "items" in schema else []
    return all(is_strict(each) for each in inner)
