"""Forms: answers against their JSON Schema."""

import time
from typing import Any

import msgspec
import pytest
from plait.protocol.errors import Refused
from plait.protocol.forms import check_form, check_schema

FORM = msgspec.json.encode(
    {
        "type": "object",
        "properties": {
            "tone": {"enum": ["plain", "proud"]},
            "days": {"type": "integer", "minimum": 0},
            "words": {"type": "array", "items": {"type": "string", "maxLength": 3}},
        },
        "required": ["days"],
        "additionalProperties": False,
    }
).decode()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"days": 3}, ""),
        ({"days": 3.0, "words": ["abc"]}, ""),
        ({"days": -1}, "At $.days: what is there is less than the minimum of 0"),
        ({"days": "3"}, 'At $.days: what is there is not of type "integer"'),
        ({"tone": "plain"}, 'At $: "days" is a required property'),
        ({"days": 1, "words": ["abc", "long"]}, "At $.words[1]: what is there is longer than 3 characters"),
        ({"days": 1, "more": 2}, "At $: Additional properties are not allowed ('more' was unexpected)"),
        (None, 'At $: what is there is not of type "object"'),
    ],
)
def test_an_answer_is_what_the_form_asks_for(answer: Any, told: str) -> None:
    """DE15: what is wrong is told with its place."""
    if not told:
        check_form(FORM, answer)
        return
    with pytest.raises(Refused) as refused:
        check_form(FORM, answer)
    assert (refused.value.code, refused.value.message) == ("bad-answer", told)


def test_what_is_told_is_short() -> None:
    """DE15: also where what was said is long."""
    with pytest.raises(Refused) as refused:
        check_form(FORM, {"days": 1, "y" * 100_000: 2})
    assert len(refused.value.message) <= 300


def test_a_pattern_takes_no_time() -> None:
    """DE15: a text that a backtracking matcher would look at for years."""
    began = time.process_time()
    with pytest.raises(Refused):
        check_form('{"type":"string","pattern":"^(a+)+$"}', "a" * 50_000 + "!")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("schema", ["", "{", '{"type":"nope"}', '{"$ref":"http://127.0.0.1:9/x"}', '{"$ref":"#/no"}'])
def test_a_form_that_cannot_be_read_checks_nothing(schema: str) -> None:
    """DE15: and nothing is fetched, or this would wait for a connection."""
    check_form(schema, {"anything": 1})


@pytest.mark.parametrize(
    "schema", [{"type": "nope"}, {"$ref": "http://127.0.0.1:9/x"}, {"pattern": "(?=x)"}, [], {"$ref": "#/$defs/no"}]
)
def test_a_form_is_a_schema_that_stands_alone(schema: Any) -> None:
    """DE15: refused where it is made."""
    with pytest.raises(ValueError, match="that is no JSON Schema that stands alone"):
        check_schema(schema)
    check_schema({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string", "pattern": "^a+$"}}})
