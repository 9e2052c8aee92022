"""The pages that are derived from the code are current, and the schemas say what the code does."""

import hashlib
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from plait.protocol import control, schema
from plait.protocol.errors import CODES, Refused
from plait.protocol.events import Event, Record, RunRequested, TextStreamed, kebab
from plait.protocol.parsing import NAMES, CommandRefused, parse

from tests.generate import SPECS, TYPES, generated


@pytest.mark.parametrize("path", sorted(generated()), ids=lambda path: path.name)
def test_a_derived_page_is_current(path: Any):
    """CT9: if this fails, run `python -m tests.generate` and commit what it wrote."""
    assert path.read_text() == generated()[path]


@pytest.mark.parametrize("name", sorted(schema.ALL))
def test_the_types_of_the_browser_client_are_current(name: str):
    """CT9: each file names its schema; if this fails, run `npm run generate --prefix protocol/js`."""
    digest = hashlib.sha256((SPECS / "schema" / f"{name}.json").read_bytes()).hexdigest()
    assert f"// sha256 {digest}\n" in (TYPES / f"{name}.ts").read_text()


def validator(name: str) -> Draft202012Validator:
    document = json.loads((SPECS / "schema" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"1","do":"prompt","text":"hé","agent":"a"}',
        '{"id":"1","do":"stop"}',
        '{"id":"1","do":"follow","after":7}',
        '{"id":"1","do":"ping"}',
        '{"id":"1","do":"ping","after":7}',
        '{"id":"1","do":"steer"}',
        '{"id":"","do":"ping"}',
        '{"id":"a\\n","do":"ping"}',
        '{"id":"a b\\u00e9","do":"ping"}',
        '{"do":"ping"}',
        '{"id":"1","do":"prompt","text":""}',
        '{"id":"1","do":"follow","after":-1}',
        "[]",
    ],
)
def test_the_schema_of_commands_accepts_what_parse_accepts(text: str):
    """CT9: and nothing else."""
    try:
        parse(text)
        accepted = True
    except CommandRefused:
        accepted = False
    assert validator("commands").is_valid(json.loads(text)) == accepted


def test_the_schema_of_events_accepts_every_record():
    """CT9: a record as it is shown; one with an event of no known type is not valid."""
    valid = validator("events")
    for event, update in ((RunRequested("a", "hé"), b"\x00\x00"), (TextStreamed("generate.0", 1, 0, "x"), b"")):
        frame = json.loads(control.record(Record(1, 1, "ann", "", 1, event, "", update)))
        valid.validate(frame["record"])
        validator("answers").validate(frame)
        frame["record"]["event"]["type"] = "nothing-happened"
        assert not valid.is_valid(frame["record"])
    assert {"RunRequested", "DocumentEdited"} < set(schema.events()["$defs"])


@pytest.mark.parametrize(
    "frame",
    [
        control.ok("1", 12, "000000000012"),
        control.pong("1"),
        control.refused(None, Refused("bad-json")),
        control.unknown("1"),
        control.caught_up(3),
    ],
)
def test_the_schema_of_answers_accepts_every_answer(frame: bytes):
    """CT6, CT9: whatever the server writes."""
    validator("answers").validate(json.loads(frame))


def test_the_pages_name_everything():
    """CT9: no code, command or event is missing from its page."""
    page = (SPECS / "codes.md").read_text()
    assert all(f"`{code}`" in page for code in CODES)
    text = json.dumps(schema.commands())
    assert all(f'"{name}"' in text for name in NAMES)
    text = json.dumps(schema.events())
    assert all(f'"{kebab(event.__name__)}"' in text for event in Event.__args__)


GOLDEN = sorted(path for path in (SPECS.parent / "tests" / "golden").glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_golden_run_has_the_shape(path: Any):
    """DO8: and each kind of part has no key but its own."""
    shown = json.loads(path.read_text())
    shapes = schema.document()["$defs"]
    whole = {"room": shown.get("room", {}), "drafts": shown.get("drafts", {}), "runs": shown["runs"]}
    validator("document").validate(whole)
    kinds = {each["properties"]["type"]["enum"][0]: each for name, each in shapes.items() if name.endswith("Part")}
    for run in shown["runs"].values():
        assert set(run) <= set(shapes["ShownRun"]["properties"])
        assert all(set(part) <= set(kinds[part["type"]]["properties"]) for part in run["parts"])
