"""`plait verify`: a whole log passes, and the first record that is not what was written is named."""

import json
from pathlib import Path

import pytest
import trio
from plait.protocol.events import DocumentEdited, Record, TextStreamed
from plait.runtime import cli
from plait.storage import Append, open_store
from pycrdt import Doc, Text

from .logs import RUN, TIME, change, write_store

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    write_store(tmp_path / "shop.db")
    return tmp_path / "shop.db"


def verify(database: Path, *more: str) -> int:
    return cli.run(["verify", "--store", f"sqlite:///{database}", *more])


def add(database: Path, record: Record) -> None:
    """Append one more record to room `kitchen`, as a writer of ours would, so that its seal is right."""

    async def main() -> None:
        async with open_store(f"sqlite:///{database}") as store:
            await store.append(Append("kitchen", 1, record.seq - 1, (record,)))

    trio.run(main)


def test_a_whole_store_passes(database: Path, capsys: Captured) -> None:
    """CL7: every room of a whole store passes, with how many records and the head's hash."""
    assert verify(database) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [each.split("; head ")[0] for each in lines[:2]] == [
        "kitchen: 7 records, all as they were written",
        "shop: 7 records, all as they were written",
    ]
    assert lines[2] == "2 rooms, 0 of them damaged"


def test_json(database: Path, capsys: Captured) -> None:
    """CL7: for machines, one object a room."""
    assert verify(database, "kitchen", "--json") == 0
    (verdict,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (verdict["room"], verdict["seq"], verdict["bad"]) == ("kitchen", 7, None)
    assert len(verdict["hash"]) == 64


@pytest.mark.parametrize(
    ("statement", "good", "why"),
    [
        ("UPDATE records SET author = 'eve' WHERE pos = 3", 2, "record 3"),
        ("UPDATE records SET time = time + 1 WHERE pos = 1", 0, "record 1"),
        ("UPDATE records SET body = (SELECT body FROM records WHERE pos = 6) WHERE pos = 2", 1, "record 2"),
        ("UPDATE records SET \"update\" = x'0000' WHERE pos = 4", 3, "record 4"),
        ("UPDATE records SET hash = zeroblob(32) WHERE pos = 7", 6, "record 7"),
        ("DELETE FROM records WHERE pos = 5", 4, "record 5 is missing"),
        ("DELETE FROM records WHERE pos = 7", 6, "record 7 is missing"),
        ("UPDATE rooms SET hash = zeroblob(32) WHERE name = 'kitchen'", 7, "does not name record 7"),
        ("UPDATE rooms SET seq = 6 WHERE name = 'kitchen'", 6, "does not name record 6"),
    ],
)
def test_what_was_changed_is_named(database: Path, statement: str, good: int, why: str, capsys: Captured) -> None:
    """CL8: whatever column was changed or row deleted, the first bad record is named, exit code 1; others pass."""
    change(database, statement)
    assert verify(database, "--json") == 1
    kitchen, shop = map(json.loads, capsys.readouterr().out.splitlines())
    assert kitchen["seq"] == good
    assert why in kitchen["bad"]
    assert shop["bad"] is None
    assert verify(database, "kitchen") == 1
    assert f"({good} good before it)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM blob_data", "is missing"),
        ("DELETE FROM blobs", "is missing"),
        ("UPDATE blob_data SET data = x'00'", "holds other bytes"),
        ("UPDATE blob_uses SET hash = replace(hash, 'a', 'b')", "is missing"),
    ],
)
def test_a_blob_that_was_changed_is_named(database: Path, statement: str, why: str, capsys: Captured) -> None:
    """CL17: a blob that a room refers to must be there and be what its name says."""

    async def attach() -> None:
        async with open_store(f"sqlite:///{database}") as store:
            name = await store.put_blob(b"a picture", "image/png")
            pad = Doc(client_id=21)
            pad["content"] = Text("see the picture")
            record = Record(8, TIME, "ann", "", 1, DocumentEdited(), "pad", pad.get_update())
            await store.append(Append("kitchen", 1, 7, (record,), blobs=(name,)))

    trio.run(attach)
    assert verify(database) == 0
    change(database, statement)
    assert verify(database, "--json") == 1
    lines = capsys.readouterr().out.splitlines()[-2:]
    kitchen, shop = map(json.loads, lines)
    assert kitchen["bad"].startswith("blob ")
    assert why in kitchen["bad"]
    assert shop["bad"] is None


def test_a_sealed_record_must_be_sound(database: Path, capsys: Captured) -> None:
    """CL8: a record with a good seal fails if its update leans on what the document never had."""
    doc = Doc(client_id=11)
    doc["content"] = text = Text()
    text += "one"
    before = doc.get_state()
    text += " two"
    add(database, Record(8, TIME, "ann", "", 1, DocumentEdited(), "notes", doc.get_update(before)))
    assert verify(database, "kitchen") == 1
    assert "record 8 is sealed but not sound: its update leans on" in capsys.readouterr().out


def test_a_sealed_record_must_follow(database: Path, capsys: Captured) -> None:
    """CL8: a record with a good seal fails if the fold cannot take it in."""
    add(database, Record(8, TIME, "agent:assistant", RUN, 1, TextStreamed("call_9/call.0", 1, 0, "?")))
    assert verify(database, "kitchen") == 1
    assert "record 8 is sealed but does not follow from the log" in capsys.readouterr().out
