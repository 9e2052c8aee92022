"""A WebSocket from its upgrade to its close code, over memory streams and the library's own client."""

import logging
from contextlib import suppress

import pytest
import trio
from plait.protocol import frames, limits
from plait.protocol.access import Grant
from plait.protocol.errors import Refused
from plait.runtime.auth.gate import Gate
from pycrdt import Doc
from trio.testing import wait_all_tasks_blocked
from trio_websocket import ConnectionClosed, WebSocketConnection

from .conftest import House
from .fake_rooms import text_update

EMPTY = b"\x00\x00\x01\x00"  # Sync step 1 with an empty state vector.


async def _closed(socket: WebSocketConnection) -> tuple[int, str]:
    """The close code, after whatever still came."""
    with suppress(ConnectionClosed):
        while True:
            await socket.get_message()
    assert socket.closed is not None
    return socket.closed.code, socket.closed.reason or ""


async def _said(socket: WebSocketConnection) -> bytes:
    """The next binary frame."""
    frame = await socket.get_message()
    assert isinstance(frame, bytes)
    return frame


async def _synced(socket: WebSocketConnection) -> bytes:
    """Sync as a stock client does; gives the update of the server's step 2."""
    assert (await _said(socket))[:2] == b"\x00\x00"
    await socket.send_message(EMPTY)
    step2 = await _said(socket)
    assert step2[:2] == b"\x00\x01"
    return frames.read_bytes(step2, 2)[0]


async def test_a_stock_client_syncs_both_ways(house: House) -> None:
    """SV10: the server sends its own step 1 unasked, answers step 1 with step 2, and echoes a committed edit."""
    room = house.rooms.room("r")
    room.change(text_update("before"))
    async with house.socket("/docs/r/notes") as socket:
        doc = Doc()
        doc.apply_update(await _synced(socket))
        assert doc.get_state() == room.doc.get_state()
        update = text_update("mine")
        await socket.send_message(frames.update(update))
        assert await socket.get_message() == frames.update(update)
    assert room.tabs == []


@pytest.mark.parametrize(
    "path", ["/rooms/", "/rooms/a%2Fb", "/rooms/rooms", "/docs/r/../x", "/docs/r/", "/elsewhere/r", "/rooms/%ff"]
)
async def test_a_bad_name_is_said_on_the_socket(house: House, path: str) -> None:
    """SV3: an upgrade to a bad name is accepted, then closed with 4400."""
    async with house.socket(path) as socket:
        code, reason = await _closed(socket)
    assert code == 4400
    assert reason


async def test_refusals_are_close_codes(house: House) -> None:
    """SV3: a deleted room is 4404, a grant that may not read 4403."""
    async with house.socket("/rooms/deleted") as socket:
        assert (await _closed(socket))[0] == 4404
    house.grant = Grant(read=False)
    async with house.socket("/rooms/r") as socket:
        assert (await _closed(socket))[0] == 4403


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        ((), None),
        (("plait.v1",), "plait.v1"),
        (("plait.sync", "plait.token.abc"), "plait.sync"),
        (("plait.token.abc", "plait.v1"), "plait.v1"),
        (("plait.token.abc",), None),
        (("other",), None),
    ],
)
async def test_subprotocols(house: House, offered: tuple[str, ...], selected: str | None) -> None:
    """SV4: plait.v1 or plait.sync is selected when offered, a token never."""
    async with house.socket("/rooms/r", *offered) as socket:
        assert socket.subprotocol == selected


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", 4400),
        (b"\x00", 4400),
        (b"\x00\x02\x05ab", 4400),
        (b"\x63", 4400),
        (b"\x01\x03\x01\x01\x01", 4400),
        (bytes(limits.FRAME_BYTES + 1), 4413),
        (bytes(2 * limits.FRAME_BYTES + 1), 1009),
        ("text without plait.v1", 4400),
    ],
)
async def test_a_bad_frame_costs_its_own_socket(
    house: House, frame: bytes | str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """SV5, SV6: a frame that cannot be understood ends its socket with a code; others live, the log has one line."""
    caplog.set_level(logging.INFO, "plait.server")
    async with house.socket("/docs/r") as other, house.socket("/docs/r") as socket:
        await _synced(other)
        await socket.send_message(frame)
        assert (await _closed(socket))[0] == code
        await other.send_message(frames.update(text_update("alive")))
        assert (await _said(other))[:2] == b"\x00\x02"
    lines = [record for record in caplog.records if record.name == "plait.server"]
    assert len(lines) == (0 if code == 1009 else 1)
    assert all(line.exc_info is None for line in lines)


@pytest.mark.parametrize("update", [b"explode", b"panic"])
async def test_a_handlers_exception_is_1011(house: House, update: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """SV7: what a handler raises, a panic that is no Exception included, costs its own tab and names the room."""
    caplog.set_level(logging.INFO, "plait.server")
    async with house.socket("/docs/r") as other, house.socket("/docs/r") as socket:
        await socket.send_message(frames.update(update))
        assert await _closed(socket) == (1011, "internal error")
        await _synced(other)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "room r" in errors[0].getMessage()
    assert errors[0].exc_info is None


async def test_a_room_that_cannot_be_opened(house: House) -> None:
    """RM36: its sockets are told to come again, and not where the database lies."""
    async with house.socket("/docs/unreadable") as socket:
        assert await _closed(socket) == (1013, "The room cannot be opened now; try again.")


async def test_an_edit_is_refused_without_ending_the_socket(house: House) -> None:
    """SV11: a refused edit is answered `2·0 code: sentence`, and the socket stays."""
    async with house.socket("/docs/r") as socket:
        await _synced(socket)
        await socket.send_message(frames.update(b"no"))
        assert await socket.get_message() == frames.denied("bad-update: Not an update.")
        await socket.send_message(frames.update(text_update("yes")))
        assert (await _said(socket))[:2] == b"\x00\x02"


async def test_status_frames_follow_the_edits_before_them(house: House) -> None:
    """SV12, YS1: y-sweet's status frame is echoed once every edit before it was answered."""
    room = house.rooms.room("r")
    async with house.socket("/docs/r") as socket:
        await _synced(socket)
        room.held = True
        update = text_update("x")
        await socket.send_message(frames.update(update))
        await socket.send_message(frames.sync_status(b"\x07"))
        await trio.testing.wait_all_tasks_blocked()
        room.held = False
        room.publish()
        assert await socket.get_message() == frames.update(update)
        assert await socket.get_message() == frames.sync_status(b"\x07")
        await socket.send_message(frames.sync_status(b"\x08"))
        assert await socket.get_message() == frames.sync_status(b"\x08")


async def test_no_status_while_an_edit_is_lost(house: House) -> None:
    """YS2: after an edit that the store lost no status is echoed until the step 2 that brings it again was taken."""
    async with house.socket("/docs/r") as socket:
        await _synced(socket)
        await socket.send_message(frames.update(b"lost") + frames.sync_status(b"\x01"))
        assert (await _said(socket))[:2] == b"\x02\x00"
        await socket.send_message(frames.update(b"\x00\x00") + frames.sync_status(b"\x02"))
        assert await _said(socket) == frames.update(b"\x00\x00")
        again = text_update("again")
        await socket.send_message(frames.step2(again) + frames.sync_status(b"\x03"))
        assert await _said(socket) == frames.update(again)
        assert await _said(socket) == frames.sync_status(b"\x03")


async def test_reading_pauses_while_edits_wait(house: House) -> None:
    """SV13: at most EDITS_UNANSWERED edits of a socket wait in the room."""
    room = house.rooms.room("r")
    async with house.socket("/docs/r") as socket:
        await _synced(socket)
        room.held = True
        for _ in range(limits.EDITS_UNANSWERED + 20):
            await socket.send_message(frames.update(b"no"))
        await trio.testing.wait_all_tasks_blocked()
        assert len(room.asked) == limits.EDITS_UNANSWERED
        room.held = False
        room.publish()
        await trio.testing.wait_all_tasks_blocked()
        assert len(room.asked) == limits.EDITS_UNANSWERED + 20


async def test_one_step_1_at_a_time(house: House) -> None:
    """SV13: a socket that asks for the document again and again is answered one by one."""
    room = house.rooms.room("r")
    async with house.socket("/docs/r") as socket:
        await socket.get_message()
        room.held = True
        for _ in range(5):
            await socket.send_message(EMPTY + EMPTY)
        await trio.testing.wait_all_tasks_blocked()
        assert room.waiting == 1
        room.held = False
        room.publish()


async def test_a_step_1_may_be_answered_by_the_end(house: House, autojump_clock: trio.testing.MockClock) -> None:
    """SV3: a room that closes a tab instead of answering its step 1 (4409) has its close code arrive, and at once."""
    room = house.rooms.room("r")
    began = trio.current_time()
    async with house.socket("/rooms/r") as socket:
        await socket.get_message()
        room.held = True
        await socket.send_message(EMPTY)
        await trio.testing.wait_all_tasks_blocked()
        room.tabs[0].close(4409, "lineage-changed")
        assert (await _closed(socket)) == (4409, "lineage-changed")
    assert trio.current_time() - began < 1


async def test_draining_ends_every_socket_with_1012(house: House) -> None:
    """SV8: a server that stops says 1012, to sockets that are open and to those that come."""
    async with house.socket("/rooms/r") as one, house.socket("/docs/r") as other:
        await one.get_message()
        house.server.drain()
        assert (await _closed(one))[0] == 1012
        assert (await _closed(other))[0] == 1012


@pytest.mark.parametrize("stops", [False, True])
async def test_what_changed_while_the_host_judged(house: House, monkeypatch: pytest.MonkeyPatch, stops: bool) -> None:
    """SV9: sockets that come together are counted together, and a server that stops keeps none of them."""
    house.allow(connections=2)
    judged = trio.Event()

    async def judge() -> Grant:
        await judged.wait()
        return Grant("ann")

    house.server.sockets._gate = Gate(lambda asker: judge())
    async with house.socket("/docs/r") as one, house.socket("/docs/r") as two, house.socket("/docs/r") as three:
        await wait_all_tasks_blocked()
        if stops:
            house.server.drain()
        judged.set()
        await wait_all_tasks_blocked()
        codes = [socket.closed.code for socket in (one, two, three) if socket.closed is not None]
        assert codes == ([1012] * 3 if stops else [1013])


async def test_too_many_documents_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """SV9: as of sockets, so of the documents that several sockets ask for at once."""
    judged = trio.Event()

    async def judge() -> Grant:
        await judged.wait()
        return Grant("ann")

    house.allow(connections=4)
    house.server.sockets._gate = Gate(lambda asker: judge())
    auth = b"\x03one" + b"\x02\x00" + frames.write_string("token") + frames.write_string("4.0.0")
    sockets = [house.socket("/hocuspocus") for _ in range(3)]
    async with sockets[0] as one, sockets[1] as two, sockets[2] as three:
        for socket in (one, two, three):
            await socket.send_message(auth)
        await wait_all_tasks_blocked()
        judged.set()
        await wait_all_tasks_blocked()
        assert [socket.closed.code for socket in (one, two, three) if socket.closed is not None] == [1013, 1013]


async def test_overloaded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """SV9: beyond CONNECTIONS a socket is closed with 1013."""
    house.allow(connections=1)
    async with house.socket("/rooms/r") as one:
        await one.get_message()
        async with house.socket("/rooms/r") as other:
            assert (await _closed(other))[0] == 1013


async def test_a_refused_handshake_by_the_room(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """SV3: a refusal without a close code of its own is 1013 where trying again may help."""

    async def admit(asker: object) -> Grant:
        raise Refused("store-failed")

    monkeypatch.setattr(house.server.sockets._gate, "admit", admit)
    async with house.socket("/rooms/r") as socket:
        assert (await _closed(socket))[0] == 1013


async def test_keepalive(house: House, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """SV14: a client that hears nothing else is sent an empty awareness frame within KEEPALIVE_S, again and again."""
    nursery.start_soon(house.server.sockets.keep_alive, limits.KEEPALIVE_S / 4)
    async with house.socket("/rooms/r") as socket:
        await _synced(socket)
        for _ in range(3):
            heard = trio.current_time()
            assert await socket.get_message() == frames.KEEPALIVE
            assert trio.current_time() - heard <= limits.KEEPALIVE_S
        # The library's client cannot answer a ping that comes while it says goodbye, so it does that between two.
        await trio.sleep(1)
