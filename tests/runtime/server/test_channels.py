"""Control channels on a socket that carries many documents, over memory streams; rooms answer when they are told to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from plait.protocol import frames, limits
from plait.protocol.dialects import hocuspocus
from plait.protocol.events import RunStarted
from trio.testing import wait_all_tasks_blocked
from trio_websocket import WebSocketConnection

from .conftest import House
from .fake_rooms import text_update
from .test_hocuspocus import AUTH, CLOSE, EMPTY, READONLY, Provider, _closed

ONE, TWO, OTHER = "rooms/r\0one", "rooms/r\0two", "rooms/other"


async def _say(socket: WebSocketConnection, to: str | None = None, **command: Any) -> None:
    await socket.send_message(json.dumps(command if to is None else {"to": to, **command}))


async def _hear(socket: WebSocketConnection) -> Any:
    """The next text frame as JSON, or the next binary one as bytes."""
    said = await socket.get_message()
    return json.loads(said) if isinstance(said, str) else said


@asynccontextmanager
async def _open(house: House, *keys: str) -> AsyncIterator[WebSocketConnection]:
    """A socket with these documents open."""
    async with house.socket("/hocuspocus", "plait.v1", "plait.token.abc") as socket:
        assert socket.subprotocol == "plait.v1"
        for key in keys:
            await Provider(socket, key).open(READONLY)
        yield socket


async def test_answers_carry_whose_they_are(house: House) -> None:
    """CT10: what a channel says has the `to` that it was asked under, refusals too, and is else what it always was."""
    async with _open(house, ONE, TWO) as socket:
        await _say(socket, ONE, id="a", do="ping")
        assert await _hear(socket) == {"to": ONE, "id": "a", "ok": {}}
        await _say(socket, TWO, id="b", do="prompt", text="hello")
        assert await _hear(socket) == {"to": TWO, "id": "b", "ok": {"seq": 1, "run": "000000000001"}}
        for id_, do, code in (("c", "stop", "no-such-run"), ("d", "dance", "unknown-command")):
            await _say(socket, ONE, id=id_, do=do)
            answer = await _hear(socket)
            assert (answer["to"], answer["id"], answer["refused"]["code"]) == (ONE, id_, code)
        await _say(socket, ONE, id="e", do="ping", more=1)
        answer = await _hear(socket)
        assert (answer["to"], answer["id"], answer["refused"]["code"]) == (ONE, "e", "bad-json")


async def test_to_is_unknown_on_a_socket_of_its_own(house: House) -> None:
    """CT10: under /rooms `to` is a field like any other that a command does not have."""
    async with house.socket("/rooms/r", "plait.v1") as socket:
        assert (await _hear(socket))[:2] == b"\x00\x00"
        await _say(socket, "rooms/r", id="a", do="ping")
        answer = await _hear(socket)
        assert (answer["id"], answer["refused"]["code"]) == ("a", "bad-json")


@pytest.mark.parametrize("to", ["rooms/r", "r/notes", "rooms/r\0three", "", "x" * limits.DOCUMENT_KEY_BYTES])
async def test_no_such_document(house: House, to: str) -> None:
    """CT11: a key that is not open, a shared document's, or none at all: refused, nothing happens, the socket stays."""
    async with _open(house, ONE) as socket:
        await Provider(socket, "r/notes").open()
        await _say(socket, to, id="a", do="prompt", text="hello")
        answer = await _hear(socket)
        assert (answer["to"], answer["id"], answer["refused"]["code"]) == (to, "a", "no-such-document")
        await _say(socket, ONE, id="b", do="ping")
        assert await _hear(socket) == {"to": ONE, "id": "b", "ok": {}}
        assert house.rooms.room("r").head == 0


async def test_a_ping_for_the_socket(house: House) -> None:
    """CT11: `ping` without `to` is answered before and after anything is open; no other command is taken so."""
    async with _open(house) as socket:
        await _say(socket, id="a", do="ping")
        assert await _hear(socket) == {"id": "a", "ok": {}}
        await Provider(socket, ONE).open(READONLY)
        await _say(socket, id="b", do="ping")
        assert await _hear(socket) == {"id": "b", "ok": {}}
        await _say(socket, id="c", do="prompt", text="hello")
        answer = await _hear(socket)
        assert (answer["id"], answer["refused"]["code"], "to" in answer) == ("c", "bad-json", False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", (None, "bad-json")),
        ("[", (None, "bad-json")),
        ("[]", (None, "bad-json")),
        ('"to"', (None, "bad-json")),
        ("{}", (None, "bad-json")),
        ('{"to":7,"id":"a","do":"ping"}', ("a", "bad-json")),
        ('{"to":["rooms/r"],"id":"a","do":"ping"}', ("a", "bad-json")),
        ('{"to":"\\ud800","id":"a","do":"ping"}', (None, "bad-json")),
        ('{"to":' + "[" * 100_000, (None, "bad-json")),
        (json.dumps({"to": "ü" * limits.DOCUMENT_KEY_BYTES, "id": "a", "do": "ping"}), ("a", "bad-json")),
        (json.dumps({"id": "a", "do": "ping", "x": "y" * limits.TEXT_FRAME_BYTES}), (None, "too-large")),
        (
            json.dumps({"to": ONE, "id": "a", "do": "prompt", "text": "x" * (limits.PROMPT_BYTES + 1)}),
            ("a", "too-large"),
        ),
        (json.dumps({"to": ONE, "id": "\n", "do": "ping"}), (None, "bad-json")),
    ],
)
async def test_garbage_is_refused(house: House, text: str, told: tuple[str | None, str]) -> None:
    """CT11: whatever a text frame says, it is refused under its id where it has one, and the socket stays."""
    async with _open(house, ONE) as socket:
        await socket.send_message(text)
        answer = await _hear(socket)
        assert (answer["id"], answer["refused"]["code"]) == told
        await _say(socket, ONE, id="b", do="ping")
        assert await _hear(socket) == {"to": ONE, "id": "b", "ok": {}}


async def test_strangers_say_little(house: House) -> None:
    """HP12: text frames count as well while a socket was granted nothing."""
    async with _open(house) as socket:
        for number in range(limits.STRANGER_MESSAGES + 1):
            await _say(socket, ONE, id=str(number), do="ping")
        assert await _closed(socket) == 4403


async def test_each_channel_follows_by_itself(house: House) -> None:
    """HP17: two sessions of one room have a cursor each; a second `follow` takes the place of its channel's first."""
    room = house.rooms.room("r")
    for _ in range(3):
        room.log(RunStarted())
    async with _open(house, ONE, TWO) as socket:
        await _say(socket, ONE, id="f", do="follow", after=2)
        heard = [await _hear(socket) for _ in range(3)]
        assert heard[0] == {"to": ONE, "id": "f", "ok": {"seq": 3}}
        assert (heard[1]["to"], heard[1]["record"]["seq"]) == (ONE, 3)
        assert heard[2] == {"to": ONE, "caught_up": 3}
        await _say(socket, TWO, id="f", do="follow", after=3)
        assert [await _hear(socket) for _ in range(2)] == [
            {"to": TWO, "id": "f", "ok": {"seq": 3}},
            {"to": TWO, "caught_up": 3},
        ]
        await _say(socket, ONE, id="g", do="follow", after=3)
        assert [await _hear(socket) for _ in range(2)] == [
            {"to": ONE, "id": "g", "ok": {"seq": 3}},
            {"to": ONE, "caught_up": 3},
        ]
        room.log(RunStarted())
        heard = [await _hear(socket) for _ in range(2)]
        assert {each["to"]: each["record"]["seq"] for each in heard} == {ONE: 4, TWO: 4}


async def test_each_channel_has_its_bound(house: House) -> None:
    """HP17: one channel with too many unanswered commands takes nothing from the other."""
    room = house.rooms.room("r")
    async with _open(house, ONE, TWO) as socket:
        room.held = True
        for number in range(limits.COMMANDS_UNANSWERED + 1):
            await _say(socket, ONE, id=str(number), do="prompt", text="x")
        refused = await _hear(socket)
        assert (refused["to"], refused["id"], refused["refused"]["code"]) == (ONE, "64", "too-many")
        await _say(socket, TWO, id="a", do="prompt", text="x")
        await wait_all_tasks_blocked()
        room.held = False
        room.publish()
        answers = [await _hear(socket) for _ in range(limits.COMMANDS_UNANSWERED + 1)]
        assert [each["ok"]["seq"] for each in answers] == list(range(1, limits.COMMANDS_UNANSWERED + 2))
        assert answers[-1]["to"] == TWO


async def test_all_in_one_go(house: House) -> None:
    """HP18: token, step 1 and commands may come at once; the answers come after the document, in order."""
    room, house.rooms.gate = house.rooms.room("r"), trio.Event()
    room.change(text_update("there"))
    async with _open(house) as socket:
        await Provider(socket, ONE).say(AUTH, EMPTY)
        await _say(socket, ONE, id="f", do="follow")
        await _say(socket, ONE, id="p", do="prompt", text="x")
        await wait_all_tasks_blocked()
        house.rooms.gate.set()
        heard = [await _hear(socket) for _ in range(8)]
        texts = [each for each in heard if isinstance(each, dict)]
        prefix = frames.write_string(ONE)
        step2 = next(n for n, each in enumerate(heard) if isinstance(each, bytes) and each.startswith(prefix + b"\0\1"))
        assert all(heard.index(each) > step2 for each in texts)
        assert [each for each in texts if "id" in each] == [
            {"to": ONE, "id": "p", "ok": {"seq": 2, "run": "000000000002"}},
            {"to": ONE, "id": "f", "ok": {"seq": 2}},
        ]
        assert [each["record"]["seq"] for each in texts if "record" in each] == [1, 2]
        assert texts[-1] == {"to": ONE, "caught_up": 2}


async def test_an_answer_waits_for_a_step_2_that_waits_for_its_turn(house: House) -> None:
    """HP18: while another document's step 2 is on its way, commands wait behind their own."""
    other = house.rooms.room("other")
    async with _open(house, OTHER, ONE, TWO) as socket:
        other.held = True
        await Provider(socket, OTHER).say(EMPTY)
        await Provider(socket, ONE).say(EMPTY)
        await _say(socket, ONE, id="a", do="prompt", text="x")
        await _say(socket, TWO, id="b", do="prompt", text="x")
        assert await _hear(socket) == {"to": TWO, "id": "b", "ok": {"seq": 1, "run": "000000000001"}}
        await wait_all_tasks_blocked()
        assert house.rooms.room("r").head == 1
        other.held = False
        other.publish()
        heard = [await _hear(socket) for _ in range(3)]
        assert [each[len(key) + 1 :][:2] for each, key in zip(heard, (OTHER, ONE), strict=False)] == [b"\0\1", b"\0\1"]
        assert heard[2] == {"to": ONE, "id": "a", "ok": {"seq": 2, "run": "000000000002"}}


@pytest.mark.parametrize(
    ("count", "size"),
    [(limits.EDITS_UNANSWERED, 1), (limits.FRAME_BYTES // limits.PROMPT_BYTES + 1, limits.PROMPT_BYTES)],
)
async def test_what_waits_for_a_room_is_bounded(house: House, count: int, size: int) -> None:
    """HP18: beyond that the socket is not read until the room is open; then all of it is taken, in order."""
    house.rooms.gate = trio.Event()
    async with _open(house) as socket:
        await Provider(socket, ONE).say(AUTH)
        for number in range(count):
            await _say(socket, ONE, id=str(number), do="prompt", text="x" * size)
        await _say(socket, id="late", do="ping")
        await wait_all_tasks_blocked()
        with trio.move_on_after(0.01) as unread:
            await socket.get_message()
        assert unread.cancelled_caught
        house.rooms.gate.set()
        heard = [await _hear(socket) for _ in range(count + 3)]
        answers = [each for each in heard if isinstance(each, dict)]
        taken = [each["id"] for each in answers if "seq" in each.get("ok", {})]
        assert taken == [str(number) for number in range(count)]
        assert {"id": "late", "ok": {}} in answers


async def test_a_document_that_is_closed_amid_its_commands(house: House) -> None:
    """HP19: its answers go nowhere, its follower ends, the other channel notices nothing; a new token opens it anew."""
    room = house.rooms.room("r")
    async with _open(house, ONE, TWO) as socket:
        for key in (ONE, TWO):
            await _say(socket, key, id="f", do="follow")
            assert [await _hear(socket) for _ in range(2)] == [
                {"to": key, "id": "f", "ok": {"seq": 0}},
                {"to": key, "caught_up": 0},
            ]
        room.held = True
        for key in (ONE, TWO):
            await _say(socket, key, id="p", do="prompt", text=key)
        await _say(socket, ONE, id="b", do="blame")
        await wait_all_tasks_blocked()
        await Provider(socket, ONE).say(CLOSE)
        await wait_all_tasks_blocked()
        assert len(room.tabs) == 1
        room.held = False
        room.publish()
        heard = [await _hear(socket) for _ in range(3)]
        assert {each["to"] for each in heard if isinstance(each, dict) and each.get("id") != "b"} == {TWO}
        assert {"to": TWO, "id": "p", "ok": {"seq": 2, "run": "000000000002"}} in heard
        await _say(socket, ONE, id="p", do="ping")
        while (answer := await _hear(socket)).get("id") != "p":
            pass
        assert answer["refused"]["code"] == "no-such-document"
        await Provider(socket, ONE).open(READONLY)
        await _say(socket, ONE, id="q", do="ping")
        assert await _hear(socket) == {"to": ONE, "id": "q", "ok": {}}


async def test_a_document_that_is_denied_takes_its_commands_along(house: House) -> None:
    """HP19: commands that waited for a room which was deleted get the document's denial and nothing else."""
    async with _open(house, ONE) as socket:
        house.rooms.gate = trio.Event()
        await Provider(socket, "rooms/deleted").say(AUTH)
        await _say(socket, "rooms/deleted", id="p", do="prompt", text="x")
        await wait_all_tasks_blocked()
        house.rooms.gate.set()
        await wait_all_tasks_blocked()
        await _say(socket, id="z", do="ping")
        heard = [await _hear(socket) for _ in range(2)]
        assert frames.write_string("rooms/deleted") + b"\x02\x01" + frames.write_string("no-such-room") in heard
        assert {"id": "z", "ok": {}} in heard
        await _say(socket, ONE, id="q", do="ping")
        assert await _hear(socket) == {"to": ONE, "id": "q", "ok": {}}


async def test_a_room_that_cannot_be_opened(house: House) -> None:
    """HP21: it is said of that document, which may be asked for again; the others stay. Providers get a new socket."""
    async with _open(house, ONE) as socket:
        broken = Provider(socket, "rooms/unreadable")
        for _ in range(2):
            await broken.say(AUTH)
            assert await broken.hear() == b"\x02\x01" + frames.write_string("overloaded")
        await _say(socket, ONE, id="a", do="ping")
        assert await _hear(socket) == {"to": ONE, "id": "a", "ok": {}}
    async with house.socket("/hocuspocus") as socket:
        await Provider(socket, "rooms/unreadable").say(AUTH)
        assert await _closed(socket) == 1013


async def test_a_room_that_cannot_go_on(house: House) -> None:
    """HP21: the tabs of that room are ended with 1013 alone; a server that stops ends the socket with 1012."""
    async with _open(house, ONE, OTHER) as socket:
        house.rooms.room("r").tabs[0].close(1013, "the room was closed")
        assert await Provider(socket, ONE).hear() == b"\x02\x01" + frames.write_string("overloaded")
        await _say(socket, OTHER, id="a", do="ping")
        assert await _hear(socket) == {"to": OTHER, "id": "a", "ok": {}}
        await Provider(socket, ONE).open(READONLY)
        house.rooms.room("r").tabs[0].close(1012, "restarting")
        assert await _closed(socket) == 1012


async def test_too_many_connections(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """HP21: who has a socket keeps it, and the document may be asked for later."""
    house.allow(connections=2)
    async with _open(house, ONE) as socket:
        for _ in range(2):
            await Provider(socket, TWO).say(AUTH)
            assert await Provider(socket, TWO).hear() == b"\x02\x01" + frames.write_string("overloaded")
        await _say(socket, ONE, id="a", do="ping")
        assert await _hear(socket) == {"to": ONE, "id": "a", "ok": {}}
        await Provider(socket, ONE).say(CLOSE)
        await wait_all_tasks_blocked()
        await Provider(socket, TWO).open(READONLY)


async def test_without_the_subprotocol(house: House) -> None:
    """HP1: a text frame is a mistake there, as it is on every socket; pings of the dialect work either way."""
    async with house.socket("/hocuspocus", "plait.sync") as socket:
        assert socket.subprotocol == "plait.sync"
        await socket.send_message(hocuspocus.PING)
        assert await socket.get_message() == hocuspocus.PONG
        await _say(socket, id="a", do="ping")
        assert await _closed(socket) == 4400
