"""A Hocuspocus socket over memory streams: many documents, each a tab of its room."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
import trio
from plait.protocol import frames, limits
from plait.protocol.access import Grant
from plait.protocol.awareness import Entry, encode
from plait.protocol.dialects import hocuspocus
from plait.protocol.errors import Refused
from plait.protocol.update import decode_state_vector
from pycrdt import Doc
from trio_websocket import ConnectionClosed, WebSocketConnection

from .conftest import House
from .fake_rooms import FakeRoom, text_update

EMPTY = frames.step1(frames.EMPTY_STATE_VECTOR)
AUTH = b"\x02\x00" + frames.write_string("token") + frames.write_string("4.8.0")
AUTHENTICATED = b"\x02\x02" + frames.write_string("read-write")
READONLY = b"\x02\x02" + frames.write_string("readonly")
SAVED, NOT_SAVED = b"\x08\x01", b"\x08\x00"
CLOSE = b"\x07"


class Provider:
    """One document's side of a socket: says frames under its key and hears those that carry it."""

    def __init__(self, socket: WebSocketConnection, key: str) -> None:
        self.socket = socket
        self.prefix = frames.write_string(key)

    async def say(self, *messages: bytes) -> None:
        for message in messages:
            await self.socket.send_message(self.prefix + message)

    async def hear(self) -> bytes:
        """The next frame, which must be this document's."""
        frame = await self.socket.get_message()
        assert isinstance(frame, bytes)
        assert frame.startswith(self.prefix), frame
        return frame[len(self.prefix) :]

    async def open(self, scope: bytes = AUTHENTICATED) -> None:
        """Authenticate and hear the room's first word."""
        await self.say(AUTH)
        assert await self.hear() == scope
        assert (await self.hear())[:2] == b"\x00\x00"

    async def sync(self) -> bytes:
        """As a stock provider does; the update of the server's step 2. Everything is saved then."""
        await self.open()
        await self.say(EMPTY)
        step2 = await self.hear()
        assert step2[:2] == b"\x00\x01"
        await self.say(frames.step2(frames.EMPTY_UPDATE))
        heard = await self.hear()
        while heard != SAVED:
            heard = await self.hear()
        return frames.read_bytes(step2, 2)[0]


def _clocks(doc: "Doc[Any]") -> dict[int, int]:
    return decode_state_vector(doc.get_state())


async def _closed(socket: WebSocketConnection) -> int:
    with suppress(ConnectionClosed):
        while True:
            await socket.get_message()
    assert socket.closed is not None
    return socket.closed.code


async def test_it_syncs_both_ways(house: House) -> None:
    """HP3, HP4, HP5: after its token a provider is authenticated, gets both steps; its update is echoed, then saved."""
    room = house.rooms.room("pad")
    room.change(text_update("before"))
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "pad/notes")
        doc: Doc[Any] = Doc()
        doc.apply_update(await provider.sync())
        assert _clocks(doc) == _clocks(room.doc)
        assert [(tab.author, tab.name, tab.document) for tab in room.tabs] == [("anonymous", "", "notes")]
        update = text_update("mine")
        await provider.say(frames.update(update))
        assert await provider.hear() == frames.update(update)
        assert await provider.hear() == SAVED
    assert room.tabs == []


async def test_saved_comes_after_the_commit(house: House) -> None:
    """HP5: nothing is called saved while the room has not answered, and each edit once when it has."""
    room = house.rooms.room("pad")
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "pad")
        await provider.sync()
        room.held = True
        updates = [text_update(text) for text in "ab"]
        await provider.say(*map(frames.update, updates), frames.ASK_AWARENESS)
        await trio.testing.wait_all_tasks_blocked()
        assert room.waiting == 3
        room.held = False
        room.publish()
        heard = [await provider.hear() for _ in range(5)]
        assert heard == [
            frames.update(updates[0]),
            SAVED,
            frames.update(updates[1]),
            SAVED,
            frames.awareness(b"\x00"),
        ]


@pytest.mark.parametrize(
    ("key", "room", "document", "scope"),
    [
        ("pad", "pad", "main", AUTHENTICATED),
        ("pad/a/b", "pad", "a/b", AUTHENTICATED),
        ("pad/a\0session", "pad", "a", AUTHENTICATED),
        ("rooms/pad", "pad", "", READONLY),
        ("rooms/pad\0s", "pad", "", READONLY),
    ],
)
async def test_names(house: House, key: str, room: str, document: str, scope: bytes) -> None:
    """HP2, HP3: what a key means; every reply carries it exactly as it came."""
    async with house.socket("/hocuspocus") as socket:
        await Provider(socket, key).open(scope)
        (tab,) = house.rooms.room(room).tabs
        assert tab.document == document


@pytest.mark.parametrize("key", ["", "docs/a", "a//b", "rooms/a/b", "-", "a b\0s", "x" * 401])
async def test_a_bad_name_is_denied(house: House, key: str) -> None:
    """HP2, HP9: a bad name is answered with PermissionDenied and its code; the socket and its documents stay."""
    async with house.socket("/hocuspocus") as socket:
        bad, good = Provider(socket, key), Provider(socket, "pad")
        await bad.say(AUTH)
        assert await bad.hear() == b"\x02\x01" + frames.write_string("bad-name")
        await bad.say(EMPTY)
        await good.sync()


async def test_sessions_of_one_document_are_tabs_of_their_own(house: House) -> None:
    """HP2: two providers of one socket on one document hear each other, each under its own key."""
    async with house.socket("/hocuspocus") as socket:
        one, two = Provider(socket, "pad\0one"), Provider(socket, "pad\0two")
        await one.sync()
        await two.sync()
        update = frames.update(text_update("x"))
        await one.say(update)
        heard = {await socket.get_message() for _ in range(3)}
        assert heard == {one.prefix + update, two.prefix + update, one.prefix + SAVED}


async def test_three_documents_on_one_socket(house: House) -> None:
    """HP8: what is said of a document goes to that one; CLOSE takes it off and leaves the others; it may come again."""
    async with house.socket("/hocuspocus") as socket:
        a, b, c = (Provider(socket, key) for key in ("a", "b/notes", "rooms/c"))
        await a.sync()
        await b.sync()
        await c.open(READONLY)
        update = frames.update(text_update("to b"))
        await b.say(update)
        assert await b.hear() == update
        assert await b.hear() == SAVED
        await b.say(CLOSE)
        await trio.testing.wait_all_tasks_blocked()
        assert house.rooms.room("b").tabs == []
        house.rooms.room("b").change(text_update("unheard"))
        update = frames.update(text_update("to a"))
        await a.say(update)
        assert await a.hear() == update
        assert await a.hear() == SAVED
        doc: Doc[Any] = Doc()
        doc.apply_update(await b.sync())
        assert _clocks(doc) == _clocks(house.rooms.room("b").doc)


async def test_each_step_1_asks_back(house: House) -> None:
    """HP4: a provider that syncs again is answered with a step 2 and a step 1, and saved after its step 2."""
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "pad")
        await provider.sync()
        await provider.say(EMPTY)
        heard = {(await provider.hear())[:2] for _ in range(2)}
        assert heard == {b"\x00\x00", b"\x00\x01"}
        await provider.say(frames.step2(frames.EMPTY_UPDATE))
        assert (await provider.hear())[:2] in (b"\x00\x02", SAVED)


async def test_what_comes_before_the_token_is_forgotten(house: House) -> None:
    """HP3: frames of a document without a grant change nothing and are answered by nothing."""
    room = house.rooms.room("pad")
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "pad")
        await provider.say(frames.update(text_update("early")), EMPTY, CLOSE, hocuspocus.stateless(b"", "x"))
        await provider.sync()
    assert room.asked == [("edit", frames.EMPTY_UPDATE, True)]


async def test_a_token_may_be_shown_again(house: House) -> None:
    """HP3: a second token for an open document is answered, and opens nothing twice."""
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "pad")
        await provider.sync()
        await provider.say(AUTH)
        assert await provider.hear() == AUTHENTICATED
        assert len(house.rooms.room("pad").tabs) == 1


async def test_a_grant_that_may_not_read_is_denied(house: House) -> None:
    """HP3: who may not read is told so for that document, in the place that asks for all sockets."""
    house.grant = Grant(read=False)
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "pad")
        await provider.say(AUTH)
        assert await provider.hear() == b"\x02\x01" + frames.write_string("not-allowed")


async def test_strangers_are_bounded(house: House) -> None:
    """HP12: a socket without a grant may say STRANGER_MESSAGES; one with a grant may go on about denied documents."""
    async with house.socket("/hocuspocus") as trusted, house.socket("/hocuspocus") as socket:
        stranger = Provider(socket, "pad")
        await Provider(trusted, "pad").sync()
        denied = Provider(trusted, "a b")
        for _ in range(limits.STRANGER_MESSAGES + 1):
            await stranger.say(EMPTY)
            await denied.say(EMPTY)
        assert await _closed(socket) == 4403
        await Provider(trusted, "other").open()


@pytest.mark.parametrize(
    "frame",
    [b"", b"\x01a", b"\x01a\x06\x01a", b"\x01a\x08\x01", b"\x01a\x00\x02\x05", b"\x09\x0a", "text"],
)
async def test_a_frame_that_is_none_ends_the_socket(house: House, frame: bytes | str) -> None:
    """HP1: it ends its own socket with 4400 and changes nothing for others."""
    async with house.socket("/hocuspocus") as other, house.socket("/hocuspocus") as socket:
        await Provider(other, "a").sync()
        await Provider(socket, "a").open()
        await socket.send_message(frame)
        assert await _closed(socket) == 4400
        provider = Provider(other, "a")
        await provider.say(frames.update(text_update("alive")))
        assert (await provider.hear())[:2] == b"\x00\x02"


async def test_too_large_is_said_of_the_document(house: House) -> None:
    """HP9: a frame over FRAME_BYTES takes its document off the socket, which stays; twice as much ends it with 1009."""
    async with house.socket("/hocuspocus") as socket:
        large, other = Provider(socket, "large"), Provider(socket, "other")
        await large.sync()
        await other.sync()
        await large.say(frames.update(bytes(limits.FRAME_BYTES)))
        assert await large.hear() == b"\x02\x01" + frames.write_string("too-large")
        await other.say(AUTH)
        assert await other.hear() == AUTHENTICATED
        assert house.rooms.room("large").tabs == []
        await large.say(bytes(2 * limits.FRAME_BYTES))
        assert await _closed(socket) == 1009


async def test_a_refused_edit(house: House) -> None:
    """HP7: a refused edit of a shared document is `8·0` and its sentence, as a stateless message; the next is taken."""
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "pad")
        await provider.sync()
        await provider.say(frames.update(b"no"))
        assert await provider.hear() == NOT_SAVED
        said = await provider.hear()
        assert said[:1] == b"\x05"
        payload, _ = frames.read_string(said, 1)
        assert msgspec.json.decode(payload) == {"refused": {"code": "bad-update", "message": "Not an update."}}
        update = frames.update(text_update("yes"))
        await provider.say(update)
        assert await provider.hear() == update
        assert await provider.hear() == SAVED


async def test_stateless_and_ping(house: House) -> None:
    """HP10: a stateless message goes nowhere, a ping is answered, a pong is not."""
    async with house.socket("/hocuspocus") as socket, house.socket("/hocuspocus") as other:
        one, two = Provider(socket, "pad"), Provider(other, "pad")
        await one.sync()
        await two.sync()
        await one.say(hocuspocus.stateless(b"", "to whom?"))
        await socket.send_message(hocuspocus.PONG)
        await socket.send_message(hocuspocus.PING)
        assert await socket.get_message() == hocuspocus.PONG
        await two.say(AUTH)
        assert await two.hear() == AUTHENTICATED


async def test_presence(house: House) -> None:
    """HP11: awareness goes to every tab of its document in its own dialect, and is told when asked for."""
    payload = encode([Entry(7, 1, b"{}")])
    async with house.socket("/hocuspocus") as socket, house.socket("/docs/pad/main") as stock:
        await stock.get_message()
        provider = Provider(socket, "pad")
        await provider.sync()
        await provider.say(frames.awareness(payload))
        assert await provider.hear() == frames.awareness(payload)
        assert await stock.get_message() == frames.awareness(payload)
        await provider.say(frames.ASK_AWARENESS)
        assert await provider.hear() == frames.awareness(b"\x00")


async def test_a_bad_presence_ends_the_socket(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """HP1: what the room refuses of a frame's inside counts as the frame, also when it waited for the room."""

    def refuse(*_: object) -> None:
        raise Refused("bad-frame")

    monkeypatch.setattr(FakeRoom, "aware", refuse)
    async with house.socket("/hocuspocus") as socket:
        await Provider(socket, "pad").say(AUTH, frames.awareness(encode([Entry(7, 1, b"{")])))
        assert await _closed(socket) == 4400


@pytest.mark.parametrize(("code", "reason"), [(4409, "lineage-changed"), (4404, "no-such-room"), (4400, "bad-update")])
async def test_the_end_of_one_document(house: House, code: int, reason: str) -> None:
    """HP9: what a room ends a tab with for good is PermissionDenied with the stable code; other documents stay."""
    async with house.socket("/hocuspocus") as socket:
        one, other = Provider(socket, "one"), Provider(socket, "other")
        await one.sync()
        await other.sync()
        room = house.rooms.room("one")
        room.tabs[0].close(code, reason if code != 4404 else "The room was deleted.")
        assert await one.hear() == b"\x02\x01" + frames.write_string(reason)
        await trio.testing.wait_all_tasks_blocked()
        assert room.tabs == []
        await other.say(AUTH)
        assert await other.hear() == AUTHENTICATED


async def test_a_deleted_room_is_denied(house: House) -> None:
    """HP9: so is a room that cannot be opened for good."""
    async with house.socket("/hocuspocus") as socket:
        provider = Provider(socket, "deleted")
        await provider.say(AUTH, EMPTY)
        assert await provider.hear() == b"\x02\x01" + frames.write_string("no-such-room")


async def test_what_passes_ends_the_socket(house: House) -> None:
    """HP9: a room that ends a tab with 1013, a server that stops (1012), an error of ours (1011) end the socket."""
    async with (
        house.socket("/hocuspocus") as one,
        house.socket("/hocuspocus") as two,
        house.socket("/hocuspocus") as three,
    ):
        for socket, key in ((one, "one"), (two, "two"), (three, "three")):
            await Provider(socket, key).sync()
        house.rooms.room("one").tabs[0].close(1013, "overloaded")
        assert await _closed(one) == 1013
        await Provider(two, "two").say(frames.update(b"panic"))
        assert await _closed(two) == 1011
        house.server.drain()
        assert await _closed(three) == 1012


async def test_the_number_of_documents(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """HP12: beyond DOCUMENTS_PER_SOCKET a document is denied, and one that was closed makes room."""
    monkeypatch.setattr(limits, "DOCUMENTS_PER_SOCKET", 2)
    async with house.socket("/hocuspocus") as socket:
        one, two, three = (Provider(socket, key) for key in ("one", "two", "three"))
        await one.sync()
        await two.sync()
        await three.say(AUTH)
        assert await three.hear() == b"\x02\x01" + frames.write_string("overloaded")
        await one.say(CLOSE)
        await trio.testing.wait_all_tasks_blocked()
        await three.sync()


async def test_documents_count_as_connections(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """HP12: the documents of all sockets count towards CONNECTIONS; beyond it the socket is closed with 1013."""
    house.allow(connections=2)
    async with house.socket("/hocuspocus") as socket:
        await Provider(socket, "one").sync()
        await Provider(socket, "two").say(AUTH)
        assert await _closed(socket) == 1013


async def test_whole_documents_one_at_a_time(house: House) -> None:
    """HP12: rooms are asked for one step 2 of a socket at a time, and reading goes on meanwhile."""
    async with house.socket("/hocuspocus") as socket:
        providers = [Provider(socket, f"r{number}") for number in range(3)]
        rooms = [house.rooms.room(f"r{number}") for number in range(3)]
        for provider in providers:
            await provider.open()
        for room in rooms:
            room.held = True
        for provider in providers:
            await provider.say(EMPTY)
        update = text_update("x")
        await providers[2].say(frames.update(update))
        await trio.testing.wait_all_tasks_blocked()
        assert [room.waiting for room in rooms] == [1, 0, 1]
        assert rooms[2].asked == [("edit", update, False)]
        for room in rooms:
            room.held = False
            room.publish()
        heard = [await socket.get_message() for _ in range(4)]
        assert sum(b"\x00\x01" in frame[3:5] for frame in heard if isinstance(frame, bytes)) == 3


async def test_reading_pauses_while_edits_wait(house: House) -> None:
    """HP12: at most EDITS_UNANSWERED edits of all documents of a socket wait in rooms."""
    async with house.socket("/hocuspocus") as socket:
        one, two = Provider(socket, "one"), Provider(socket, "two")
        rooms = [house.rooms.room(name) for name in ("one", "two")]
        await one.sync()
        await two.sync()
        for room in rooms:
            room.held = True
        for _ in range(limits.EDITS_UNANSWERED):
            await one.say(frames.update(b"no"))
            await two.say(frames.update(b"no"))
        await trio.testing.wait_all_tasks_blocked()
        assert sum(room.waiting for room in rooms) == limits.EDITS_UNANSWERED
        for room in rooms:
            room.held = False
            room.publish()
        await trio.testing.wait_all_tasks_blocked()
        assert sum(len(room.asked) for room in rooms) == 2 * limits.EDITS_UNANSWERED + 2


async def test_a_stranger_has_so_long(
    house: House, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """AD8: a socket without a document ends with 4401; one that was granted one stays, also when it is closed again."""
    nursery.start_soon(house.server.sockets.keep_alive, limits.KEEPALIVE_S / 4)
    async with house.socket("/hocuspocus") as stranger, house.socket("/hocuspocus") as guest:
        await Provider(guest, "pad").sync()
        await Provider(guest, "pad").say(CLOSE)
        began = trio.current_time()
        assert await _closed(stranger) == 4401
        assert limits.STRANGER_S <= trio.current_time() - began <= limits.STRANGER_S + limits.KEEPALIVE_S
        with trio.move_on_after(60):
            while True:  # Who does not read is no guest for long either.
                await guest.get_message()
        await Provider(guest, "pad").say(AUTH)
        assert guest.closed is None


async def test_keepalive(house: House, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """HP13: a socket that was sent nothing else is sent a frame that means nothing, again and again."""
    nursery.start_soon(house.server.sockets.keep_alive, limits.KEEPALIVE_S / 4)
    async with house.socket("/hocuspocus") as socket:
        assert await socket.get_message() == hocuspocus.KEEPALIVE
        await Provider(socket, "pad").sync()
        assert await socket.get_message() == hocuspocus.KEEPALIVE
        heard = trio.current_time()
        assert await socket.get_message() == hocuspocus.KEEPALIVE
        assert trio.current_time() - heard <= limits.KEEPALIVE_S
        await trio.sleep(1)  # The library's client cannot answer a ping that comes while it says goodbye.


async def test_a_plain_request_is_told_what_this_is(house: House) -> None:
    """HP1: over plain HTTP the address says that it is a WebSocket's."""
    answer = await house.http(b"GET /hocuspocus HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    assert b" 426 " in answer.split(b"\r\n")[0]
