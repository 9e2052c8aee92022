"""The vectors of specs/vectors: bytes that other people's code made, read by ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from plait.protocol import awareness, frames
from plait.protocol.errors import Refused
from plait.protocol.names import Target, parse_path
from plait.protocol.parsing import CommandRefused, digest, parse
from plait.protocol.sync import Aware, Edit, QueryAware, Step1, SyncStatus, receive
from plait.protocol.update import decode_state_vector, encode_state_vector, fits, read, splits

VECTORS = Path(__file__).parent.parent.parent / "specs" / "vectors"


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((VECTORS / name).read_text())


FRAMES = load("frames.yaml")
UPDATES = load("updates.yaml")
AWARENESS = load("awareness.yaml")
NAMES = load("names.yaml")
COMMANDS = load("commands.yaml")


def named(case: dict[str, Any]) -> str:
    return str(case.get("name") or case.get("path") or case.get("text"))


@pytest.mark.parametrize("case", FRAMES["integers"], ids=lambda c: str(c["value"]))
def test_integers(case: dict[str, Any]):
    """SY1: as lib0 writes them."""
    data = bytes.fromhex(case["bytes"])
    assert frames.write_uint(case["value"]) == data
    assert frames.read_uint(data, 0) == (case["value"], len(data))


@pytest.mark.parametrize("case", FRAMES["strings"], ids=lambda c: repr(c["value"][:8]))
def test_strings(case: dict[str, Any]):
    """SY1: as lib0 writes them."""
    data = bytes.fromhex(case["bytes"])
    assert frames.write_string(case["value"]) == data
    assert frames.read_string(data, 0) == (case["value"], len(data))


@pytest.mark.parametrize("case", FRAMES["messages"], ids=named)
def test_messages(case: dict[str, Any]):
    """SY2: as y-protocols writes them; what the server says is the same bytes."""
    frame, payload = bytes.fromhex(case["frame"]), bytes.fromhex(case["payload"])
    match case["name"]:
        case "step1":
            assert frames.step1(payload) == frame
            assert receive(frame) == [Step1(payload, decode_state_vector(payload))]
        case "step2":
            assert frames.step2(payload) == frame
            assert receive(frame) == [Edit(payload, step2=True)]
        case "update":
            assert frames.update(payload) == frame
            assert receive(frame) == [Edit(payload, step2=False)]
        case "awareness":
            assert frames.awareness(payload) == frame
            assert receive(frame) == [Aware(payload)]
        case "query-awareness":
            assert frame == frames.ASK_AWARENESS
            assert receive(frame) == [QueryAware()]
        case "sync-status":
            assert frames.sync_status(payload) == frame
            assert receive(frame) == [SyncStatus(payload)]
        case "denied":
            assert frames.denied(payload.decode()) == frame
        case other:
            pytest.fail(f"no such message: {other}")


@pytest.mark.parametrize("case", UPDATES["updates"], ids=named)
def test_updates(case: dict[str, Any]):
    """UP2, UP4: what an update holds and whether it fits, as Yjs itself says."""
    update = read(bytes.fromhex(case["bytes"]))
    assert [list(r) for r in update.inserted] == case["inserted"]
    assert [list(r) for r in update.deleted] == case["deleted"]
    for fit in case.get("fits", ()):
        assert fits(update, dict(fit["state"])) == fit["whole"], fit


def test_pairs_cut_by_browsers():
    """UP7: both ways in which Yjs cuts a pair are seen."""
    cases = {case["name"]: read(bytes.fromhex(case["bytes"])) for case in UPDATES["updates"]}
    pairs = cases["pair"].pairs
    assert splits(cases["pair-cut-by-deletion"], pairs)
    assert splits(cases["pair-cut-by-insertion"], pairs)
    assert not any(splits(update, ()) for update in cases.values())


@pytest.mark.parametrize("case", UPDATES["refused"], ids=named)
def test_updates_that_are_refused(case: dict[str, Any]):
    """UP3: Yjs writes them and yrs does not survive them."""
    with pytest.raises(Refused) as refused:
        read(bytes.fromhex(case["bytes"]))
    assert refused.value.code == "bad-update"


@pytest.mark.parametrize("case", UPDATES["state-vectors"], ids=lambda c: c["bytes"])
def test_state_vectors(case: dict[str, Any]):
    """SY8: as Yjs writes them, highest client id first."""
    clocks = dict(case["clocks"])
    assert decode_state_vector(bytes.fromhex(case["bytes"])) == clocks
    assert encode_state_vector(clocks).hex() == case["bytes"]


@pytest.mark.parametrize("case", AWARENESS["stories"], ids=named)
def test_awareness(case: dict[str, Any]):
    """AW1: after each payload the registry shows what a stock client shows."""
    registry = awareness.Registry()
    for step in case["steps"]:
        registry.receive("tab", bytes.fromhex(step["payload"]), author="ann")
        shown = awareness.decode(registry.full() or b"\x00")
        assert {str(entry.client): json.loads(entry.state) for entry in shown} == step["heard"]


@pytest.mark.parametrize("case", NAMES["targets"], ids=named)
def test_names(case: dict[str, str]):
    """NM1: what a path means."""
    kind = "room" if case["kind"] == "room" else "doc"
    assert parse_path(case["path"]) == Target(kind, case["room"], case["document"])


@pytest.mark.parametrize("path", NAMES["refused"])
def test_names_that_are_refused(path: str):
    """NM1, NM2, NM3: what means nothing."""
    with pytest.raises(Refused) as refused:
        parse_path(path)
    assert refused.value.code == "bad-name"


@pytest.mark.parametrize("case", COMMANDS["accepted"], ids=named)
def test_commands(case: dict[str, str]):
    """CT5: a command and its canonical form are one command."""
    assert digest(parse(case["text"])).hex() == case["digest"]
    assert parse(case["canonical"]) == parse(case["text"])


@pytest.mark.parametrize("case", COMMANDS["refused"], ids=named)
def test_commands_that_are_refused(case: dict[str, str | None]):
    """CT2: with which code, under which id."""
    assert case["text"]
    with pytest.raises(CommandRefused) as refused:
        parse(case["text"])
    assert (refused.value.code, refused.value.id) == (case["code"], case["id"])
