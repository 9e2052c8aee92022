"""What each tab had been sent and had taken: looked at, noted down, kept within bounds, told."""

import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from plait.protocol import limits
from plait.protocol.events import DocumentEdited, Record
from plait.protocol.names import Target
from plait.runtime import cli
from plait.runtime.replay.viewing import views
from plait.runtime.server.journal import Journal
from plait.storage import Append, open_store
from plait.storage.deliveries import Deliveries, Delivery, deliveries_of, forget_deliveries
from pycrdt import Text
from trio.testing import wait_all_tasks_blocked
from trio_websocket import open_websocket_url

from ..client.served import Served, served
from ..replay.asked import get
from .neighbours import closed
from .test_erasing import ask
from .test_serving import connect

S = 1_000_000
WRITTEN = 1_000 * S
RECORD = Record(7, WRITTEN, "ann", "", 1, DocumentEdited(), "main", b"\0\0")


def row(at_s: float, what: str, sent: int, head: int, tab: str = "t", **more: Any) -> Delivery:
    said: dict[str, Any] = {"subject": "eve", "document": "main", "acked": sent, "waiting": 0, "note": ""}
    return Delivery(room="r", at=WRITTEN + int(at_s * S), tab=tab, what=what, sent=sent, head=head, **(said | more))


@pytest.mark.parametrize(
    ("rows", "state", "words"),
    [
        ([row(-9, "joined", 3, 3), row(1, "seen", 7, 7)], "taken", "had it by"),
        ([row(-9, "joined", 3, 3), row(60, "seen", 7, 9)], "taken", "60 s after it was written"),
        ([row(-9, "joined", 3, 3), row(1, "seen", 7, 7, acked=3)], "sent", "that it was taken is not known"),
        ([row(-9, "joined", 3, 3), row(2, "seen", 3, 7, waiting=99)], "behind", "4 records behind since"),
        ([row(-9, "joined", 3, 3), row(2, "seen", 3, 7), row(9, "left", 3, 9)], "never", "left at"),
        ([row(-9, "joined", 3, 3), row(-5, "left", 3, 3)], "left", "with everything up to record 3"),
        ([row(5, "joined", 9, 9)], "taken", "later than the record"),
        ([row(5, "joined", 0, 9)], "later", "later than the record"),
        ([row(-9, "joined", 3, 3, document="notes")], "elsewhere", "showed document notes"),
        ([row(-9, "joined", 2, 2, note="past")], "past", "after record 2"),
        ([row(-9, "refused", 0, 0, tab="", note="not-allowed")], "refused", "not-allowed"),
    ],
    ids=lambda each: each if isinstance(each, str) and " " not in each else "",
)
def test_why(rows: list[Delivery], state: str, words: str) -> None:
    """RP77: every way in which a record reaches a tab or does not, in words."""
    (view,) = views(rows, RECORD)
    assert view.state == state
    assert words in view.sentence
    assert views(rows, RECORD, "other") == []


class FakeOutbox:
    clear = True
    waiting = 0


class FakeTab:
    """How a tab stands, for whoever looks."""

    def __init__(self) -> None:
        self.shows: int | None = 1
        self.past = False
        self.shown = True
        self.author = "eve"
        self.document = "main"
        self.target = Target("doc", "r", "main")
        self.outbox = FakeOutbox()


class FakeStream:
    unacknowledged = 0


def test_what_is_noted() -> None:
    """RP75: coming, stalling, being level, leaving at once; the rest now and then, nothing where nothing changes."""
    journal = Journal(Deliveries(None))
    tab, stream = FakeTab(), FakeStream()
    places: Any = [(tab, stream)]

    def look(at_s: float) -> list[tuple[str, int, int, int]]:
        journal.look(places, int(at_s * S))
        rows, journal._rows = journal._rows, []  # pyright: ignore[reportPrivateUsage]
        return [(each.what, each.sent, each.acked, each.head) for each in rows]

    assert look(0) == [("joined", 1, 1, 1)]
    assert look(30) == []
    tab.shows = 5
    assert look(31) == [("seen", 5, 5, 5)]
    tab.shows = 6
    assert look(32) == []
    assert look(36) == [("seen", 6, 6, 6)]
    tab.shows, stream.unacknowledged = 7, 10
    assert look(42) == [("seen", 7, 6, 7)]
    tab.shows, tab.outbox.clear = 9, False
    assert look(44) == [("seen", 7, 6, 9)]
    assert look(45) == []
    tab.outbox.clear, stream.unacknowledged = True, 0
    assert look(46) == [("seen", 9, 9, 9)]
    places.clear()
    assert look(47) == [("left", 9, 9, 9)]
    assert look(48) == []


def test_the_journal_keeps_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP76: by age and by rows; a room's and a person's rows go, and nothing of them stays in the file."""
    url = f"sqlite:///{tmp_path / 'p.db'}"
    with deliveries_of(url) as journal:
        journal.add(
            [row(at, "seen", 1, 1, tab=f"t{at}", subject="secret-eve" if at % 2 else "bob") for at in range(10)]
        )
        monkeypatch.setattr(limits, "DELIVERIES_S", 7)
        journal.sweep(WRITTEN + 9 * S)
        assert [each.tab for each in journal.of("r", 0, 1 << 60)] == [f"t{n}" for n in range(2, 10)]
        monkeypatch.setattr(limits, "DELIVERIES_ROWS", 5)
        journal.sweep(WRITTEN)
        assert [each.tab for each in journal.of("r", 0, 1 << 60)] == ["t5", "t6", "t7", "t8", "t9"]
    forget_deliveries(url, subject="secret-eve")
    with deliveries_of(url, readonly=True) as journal:
        assert [each.tab for each in journal.of("r", 0, 1 << 60)] == ["t6", "t8"]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secret-eve" not in kept
    assert b"bob" in kept
    forget_deliveries(url, room="r")
    with deliveries_of(url, readonly=True) as journal:
        assert journal.of("r", 0, 1 << 60) == []
    with deliveries_of(f"sqlite:///{tmp_path / 'none.db'}", readonly=True) as journal:
        assert journal.of("r", 0, 1 << 60) == []
    assert not list(tmp_path.glob("none*"))
    (tmp_path / "bad.db-deliveries").write_bytes(b"no database at all, and longer than a header would be" * 9)
    with deliveries_of(f"sqlite:///{tmp_path / 'bad.db'}") as journal:
        journal.add([row(0, "seen", 1, 1)])
        assert len(journal.of("r", 0, 1 << 60)) == 1


async def asked_until(server: Served, at: int, wanted: set[str]) -> dict[str, Any]:
    """Ask until tabs of all these states are told of; the views by state."""
    with trio.fail_after(60):
        while True:
            status, said = await get(server, f"/api/rooms/r/view?at={at}")
            assert status == 200
            found = {view["state"]: view for view in said["tabs"]}
            if wanted <= found.keys():
                return found
            await trio.sleep(0.02)
    raise AssertionError


async def test_a_tab_on_a_real_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """RP75, RP77: a tab that reads had it, and one that shows another document could not see it."""
    monkeypatch.setattr(limits, "DELIVERIES_LOOK_S", 0.01)
    monkeypatch.setattr(limits, "DELIVERIES_EVERY_S", 0)
    url = f"sqlite:///{tmp_path / 'p.db'}"
    async with served(url) as server:
        room = server.runtime.room("r").by("ann")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "one"))
        async with (
            open_websocket_url(f"{server.url}/docs/r/main") as tab,
            open_websocket_url(f"{server.url}/docs/r/notes") as other,
        ):
            for socket in (tab, other):
                await socket.send_message(b"\x00\x00\x01\x00")
            await asked_until(server, 1, {"taken", "elsewhere"})
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "two"))
            had = (await asked_until(server, 2, {"taken"}))["taken"]
            assert (had["document"], had["subject"]) == ("main", "anonymous")
            assert had["sent_at"] <= had["acked_at"]
            _, alone = await get(server, f"/api/rooms/r/view?at=2&tab={had['tab']}")
            assert [view["tab"] for view in alone["tabs"]] == [had["tab"]]
        assert (await get(server, "/api/rooms/r/view?at=9"))[1]["code"] == "no-such-moment"
    assert (tmp_path / "p.db-deliveries").exists()


def test_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RP77: by record or by time, a sentence for each tab, escaped; without a journal nobody is known."""
    url = f"sqlite:///{tmp_path / 'p.db'}"

    async def main() -> None:
        async with open_store(url) as store:
            for seq in range(1, 8):
                record = Record(seq, WRITTEN - (7 - seq) * 60 * S, "ann", "", 1, DocumentEdited(), "main", b"\0\0")
                await store.append(Append("r", 1, seq - 1, (record,)))

    trio.run(main)

    def said(*words: str, code: int = 0) -> str:
        assert cli.run(["view", "r", "--store", url, *words]) == code
        return capsys.readouterr().out

    assert "nobody is known" in said()
    with deliveries_of(url) as journal:
        journal.add([row(-9, "joined", 3, 3, subject="e\x1bve"), row(1, "seen", 7, 7)])
    assert "t e\\x1bve at main: had it by" in said("--at", "7")
    assert json.loads(said("--time", "1970-01-01T00:15:00", "--json"))["seq"] == 5
    said("--time", "1970-01-01T00:00:01", code=1)
    said("--at", "1", "--time", "1970-01-01T00:00:01", code=2)


async def test_a_refusal_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP75: whom a document was refused, with the code."""
    monkeypatch.setattr(limits, "DELIVERIES_LOOK_S", 0.01)
    async with served(f"sqlite:///{tmp_path / 'p.db'}") as server:
        await server.runtime.room("r").edit("main", lambda doc: doc.get("content", type=Text).insert(0, "one"))
        upgrade = "GET /docs/r/main?at=99 HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            await stream.send_all((upgrade + key).encode())
            while b"ends at record" not in await stream.receive_some():  # As the close frame says.
                pass
        await server.runtime.room("r").edit("main", lambda doc: doc.get("content", type=Text).insert(0, "two"))
        found = await asked_until(server, 2, {"refused"})
        assert "no-such-moment" in found["refused"]["sentence"]


async def test_a_disk_that_fails_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """RP76: once until it is well again, and then once more; what could not be written is not written later."""

    class Failing(Deliveries):
        fails = True

        def add(self, deliveries: Iterable[Delivery]) -> None:
            if self.fails:
                raise sqlite3.OperationalError("database or disk is full")
            super().add(deliveries)

    deliveries = Failing(None)
    journal, tab = Journal(deliveries), FakeTab()
    places: Any = [(tab, FakeStream())]
    for at, fails, told in ((0, True, 1), (10, True, 1), (20, False, 1), (30, True, 2)):
        tab.shows, deliveries.fails = at + 1, fails
        journal.look(places, at * S)
        await journal.save()
        assert len(caplog.records) == told
    assert [each.head for each in deliveries.of("r", 0, 1 << 60)] == [21]


async def test_what_is_forgotten_is_not_noted_again() -> None:
    """RP76: neither what waits for the disk, nor what is being written, nor that their tabs leave."""
    journal = Journal(Deliveries(None))
    tabs = [FakeTab(), FakeTab(), FakeTab()]
    tabs[1].author, tabs[2].target = "bob", Target("doc", "s", "main")
    places: Any = []

    class Looked:
        def places(self) -> Any:
            return places

    def known() -> set[tuple[str, str]]:
        rows = [row for room in "rs" for row in journal.deliveries.of(room, 0, 1 << 60)]
        return {(row.room, row.subject) for row in rows}

    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run, Looked())
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    places.extend((tab, FakeStream()) for tab in tabs)
    journal.look(places, 10 * S)
    assert await journal.rooms_of("eve") == ["r", "s"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.save)
        nursery.start_soon(journal.forget, "r", "eve")
    assert known() == {("r", "bob"), ("s", "eve")}
    journal.look(places, 20 * S)
    await journal.forget("s")
    for tab in tabs:
        tab.shows = 30
    journal.look(places, 30 * S)
    places.clear()
    journal.look(places, 40 * S)
    await journal.save()
    assert known() == {("r", "bob")}


async def test_a_deleted_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP76: its rows go with it though a tab is in it, and when the server was killed in between, at the next start."""
    monkeypatch.setattr(limits, "DELIVERIES_LOOK_S", 0.01)
    url = f"sqlite:///{tmp_path / 'p.db'}"
    async with served(url) as server:
        await server.runtime.room("r").edit("main", lambda doc: doc.get("content", type=Text).insert(0, "one"))
        async with connect(f"{server.url}/docs/r/main") as tab:
            await tab.send_message(b"\x00\x00\x01\x00")
            await asked_until(server, 1, {"taken"})
            assert (await ask(f"http://127.0.0.1:{server.port}", "DELETE", "/api/rooms/r"))[0] == 204
            await closed(tab)
        await server.stop()
        with deliveries_of(url) as journal:
            assert journal.rooms() == []
            noted = replace(row(0, "seen", 1, 1), at=time.time_ns() // 1000)
            journal.add([noted, replace(noted, room="elsewhere")])
        await server.start()
        with deliveries_of(url, readonly=True) as journal, trio.fail_after(60):
            while journal.rooms() != ["elsewhere"]:  # noqa: ASYNC110 - another connection says nothing.
                await trio.sleep(0.01)
