"""The deep check, and the chain in parts: what passes, and the first record that does not."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from plait.protocol.events import EpochClosed, Record, RunStarted
from plait.protocol.state import VERSION
from plait.runtime import cli
from plait.runtime.cli import segments
from plait.runtime.replay.deep import deep
from plait.runtime.replay.moment import moment
from plait.storage import Append, Head, open_store
from plait.storage.deliveries import deliveries_of
from plait.storage.masters import Masters
from plait.storage.memory import MemoryStore
from plait.storage.opening import with_keys
from plait.storage.store import Snapshot

from ...golden.test_golden import LOGS, load
from ..cli.logs import change, records, write_store
from .test_moment import lived


async def kept(store: MemoryStore, seq: int) -> None:
    """Leave a snapshot there, as a room does."""
    await store.save_snapshot("r", Snapshot(seq, VERSION, (await moment(store, "r", seq)).kept()))


async def copied(records: list[Record], changed: Record) -> MemoryStore:
    """The same log with one record changed, sealed as if that had been written."""
    store = MemoryStore()
    for record in records:
        now = changed if changed.seq == record.seq else record
        await store.append(Append("r", record.epoch, record.seq - 1, (now,)))
    return store


async def test_a_room_that_is_as_it_should_be() -> None:
    """RP70, RP71: with snapshots and two epochs; up to any record."""
    store = MemoryStore()
    await lived(store)
    head = (await store.head("r")).seq
    for seq in (5, head // 2, head - 1):
        await kept(store, seq)
    ticks: list[int] = []
    assert await deep(store, "r", head, ticks.append) is None
    assert sum(ticks) == head
    assert await deep(store, "r", 7) is None


async def test_what_is_kept_is_wrong() -> None:
    """RP70: a snapshot of another fold, of another document; an epoch's end with another clock."""
    store = MemoryStore()
    await lived(store)
    records = await store.read("r")
    wrong = (await moment(store, "r", 6)).kept()
    await store.save_snapshot("r", Snapshot(6, VERSION, wrong))
    assert await deep(store, "r", len(records)) is None
    later = msgspec.msgpack.decode((await moment(store, "r", len(records))).kept())
    early = msgspec.msgpack.decode(wrong)
    for broken, why in (
        ({"state": early["state"], "documents": later["documents"]}, "document"),
        ({"state": later["state"] | {"seq": 6}, "documents": early["documents"]}, "fold"),
    ):
        await store.save_snapshot("r", Snapshot(6, VERSION, msgspec.msgpack.encode(broken)))
        fault = await deep(store, "r", len(records))
        assert fault is not None
        assert (fault.seq, fault.kind) == (6, "kept")
        assert why in fault.why
    closing_record = next(record for record in records if isinstance(record.event, EpochClosed))
    assert isinstance(closing_record.event, EpochClosed)
    event = EpochClosed(closing_record.event.client, {"": 1})
    fault = await deep(await copied(records, msgspec.structs.replace(closing_record, event=event)), "r", len(records))
    assert fault is not None
    assert (fault.seq, fault.kind) == (closing_record.seq, "kept")


async def test_another_shape() -> None:
    """RP71: the first record that today's code would show otherwise is named, wherever the comparison was made."""
    store = MemoryStore()
    await lived(store)
    records = await store.read("r")
    started = next(record for record in records if isinstance(record.event, RunStarted))
    fault = await deep(await copied(records, msgspec.structs.replace(started, update=b"")), "r", started.seq + 1)
    assert fault is not None
    assert (fault.seq, fault.kind) == (started.seq, "shape")
    assert f"/runs/{started.run}" in fault.why


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
async def test_old_logs(path: Path) -> None:
    """RP70, RP71: whatever was ever written is sound; what older code showed otherwise is a matter of shape."""
    store = MemoryStore(entropy=bytes)
    records = load(path)
    for record in records:
        await store.append(Append("r", record.epoch, record.seq - 1, (record,)))
    fault = await deep(store, "r", len(records))
    assert fault is None or fault.kind == "shape"


def verdicts(capsys: pytest.CaptureFixture[str], url: str, *words: str, code: int = 0) -> dict[str, Any]:
    assert cli.run(["verify", "--json", "--store", url, *words]) == code
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {each["room"]: each for each in found}


def test_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """RP70, RP72: all of it passes; a changed body is found by the chain alone where the whole check finds it."""
    path = tmp_path / "logs.db"
    url = write_store(path)
    found = verdicts(capsys, url, "--deep")
    assert [(each["seq"], each["deep"]) for each in found.values()] == [(7, True)] * 2
    for part in (50_000, 3, 1):
        monkeypatch.setattr(segments, "_PART", part)
        assert verdicts(capsys, url, "--chain") == {name: each | {"deep": False} for name, each in found.items()}
    change(path, "UPDATE records SET body = x'81' WHERE seq = 5 AND room_id = 1")
    whole = verdicts(capsys, url, code=1)
    for part in (50_000, 3, 1):
        monkeypatch.setattr(segments, "_PART", part)
        alone = verdicts(capsys, url, "--chain", code=1)
        assert {name: (each["seq"], each["bad"]) for name, each in alone.items()} == {
            name: (each["seq"], each["bad"]) for name, each in whole.items()
        }
    assert cli.run(["verify", "--chain", "--deep", "--store", url]) == 2


def test_a_hole_and_a_changed_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RP72: also where a part begins with it, and where the last record is gone."""
    path = tmp_path / "logs.db"
    url = write_store(path)
    monkeypatch.setattr(segments, "_PART", 2)
    change(path, "UPDATE records SET hash = zeroblob(32) WHERE seq = 4 AND room_id = 1")
    assert verdicts(capsys, url, "--chain", code=1)["kitchen"]["seq"] == 3
    change(path, "DELETE FROM records WHERE seq = 2 AND room_id = 1")
    change(path, "DELETE FROM records WHERE seq = 7 AND room_id = 2")
    found = verdicts(capsys, url, "--chain", code=1)
    assert [(each["seq"], each["bad"]) for each in found.values()] == [
        (1, "record 2 is missing; the next one kept is 3"),
        (6, "record 7 is missing"),
    ]


def test_in_processes_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP72: the same from two processes, of a room that is whole and of one that is not."""
    path = tmp_path / "logs.db"
    url = write_store(path)
    change(path, "UPDATE records SET author = 'eve' WHERE seq = 5 AND room_id = 2")
    monkeypatch.setattr(segments, "_PART", 3)
    monkeypatch.setattr(segments, "_ALONE", 0)

    async def main() -> tuple[list[Head], dict[str, segments.Checked]]:
        async with open_store(url, readonly=True) as reader:
            heads = [await reader.head(room) for room in ("kitchen", "shop")]
            return heads, await segments.check_chains(url, reader, heads, lambda _: None, 2)

    heads, found = trio.run(main)
    assert (found["kitchen"].good, found["kitchen"].hash, found["kitchen"].bad) == (7, heads[0].hash, None)
    assert (found["shop"].good, found["shop"].bad is None) == (4, False)


def test_an_encrypted_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RP72, RP70, RP76: the chain needs no keys, the documents do; and who saw it is not written down."""
    pytest.importorskip("cryptography")
    path = tmp_path / "logs.db"
    url = f"sqlite:///{path}"

    async def main() -> None:
        async with open_store(url, keys=Masters([b"k" * 32])) as store:
            for record in records():
                await store.append(Append("kitchen", record.epoch, record.seq - 1, (record,)))

    trio.run(main)
    assert verdicts(capsys, url, "--chain")["kitchen"]["bad"] is None
    (tmp_path / "master").write_bytes(b64encode(b"k" * 32))
    assert verdicts(capsys, with_keys(url, str(tmp_path / "master")), "--deep")["kitchen"]["deep"]
    with deliveries_of(url):
        pass
    assert not list(tmp_path.glob("*-deliveries*"))
    change(path, "UPDATE records SET body = x'81' WHERE seq = 5")
    assert verdicts(capsys, url, "--chain", code=1)["kitchen"]["seq"] == 4
