"""The list of rooms over HTTP, and a room's end."""

from typing import Any

import pytest
import trio
from plait.protocol.access import Grant
from plait.protocol.events import RunStarted
from plait.storage import About
from trio_websocket import ConnectionClosed

from ...storage.logs import append, record
from .conftest import House
from .test_http import _get, _json, _read


async def _fill(house: House, count: int) -> None:
    for number in range(count):
        about = About(f"Chat {number}", {"team": "a" if number % 2 else "b"}, waiting_runs=number % 3)
        await house.rooms.store.append(
            append(f"room-{number:02d}", 0, record(1, second=number), about=about, open_runs=1)
        )


def _names(page: Any) -> list[str]:
    return [room["name"] for room in page["rooms"]]


async def test_rooms_are_listed_in_pages(house: House) -> None:
    """SV26: newest activity first, with a cursor while there is more, each with what the store knows of it."""
    await _fill(house, 60)
    _, first = await _json(house, _get("/api/rooms"))
    assert _names(first) == [f"room-{number:02d}" for number in range(59, 9, -1)]
    assert first["rooms"][0] == {
        "name": "room-59",
        "title": "Chat 59",
        "metadata": {"team": "a"},
        "activity": "2025-11-22T08:27:39.000000Z",
        "time": "2025-11-22T08:27:39.000001Z",
        "seq": 1,
        "open_runs": 1,
        "waiting_runs": 2,
    }
    _, second = await _json(house, _get(f"/api/rooms?cursor={first['cursor']}"))
    assert _names(second) == [f"room-{number:02d}" for number in range(9, -1, -1)]
    assert "cursor" not in second


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("query=CHAT%203", ["room-03"]),
        ("query=ROOM-0&metadata.team=a", ["room-05", "room-03", "room-01"]),
        ("metadata.team=b&metadata.tier=", ["room-04", "room-02", "room-00"]),
        ("metadata.team=", []),
        ("metadata.team=c", []),
    ],
)
async def test_rooms_are_filtered(house: House, asked: str, found: list[str]) -> None:
    """SV26: by a part of the name or title, by a value of the metadata, by the absence of a key."""
    await _fill(house, 6)
    _, page = await _json(house, _get(f"/api/rooms?{asked}"))
    assert _names(page) == found


@pytest.mark.parametrize("asked", ["cursor=nonsense", "&".join(f"metadata.k{n}=1" for n in range(9))])
async def test_a_listing_that_cannot_be(house: House, asked: str) -> None:
    """SV26: a cursor that no page gave, or more than ROOM_FILTERS filters, is a bad request."""
    status, said = await _json(house, _get(f"/api/rooms?{asked}"))
    assert (status, said["code"]) == (400, "bad-request")


async def test_deleting_a_room(house: House) -> None:
    """SV35: 204 once it is gone, 404 for one that is not there, 403 without the right to administer."""
    house.rooms.room("r")
    house.grant = Grant(admin=False)
    status, said = await _json(house, _get("/api/rooms/r", method="DELETE"))
    assert (status, said["code"]) == (403, "not-allowed")
    house.grant = Grant()
    status, headers, body = _read(await house.http(_get("/api/rooms/r", method="DELETE")))
    assert (status, body) == (204, b"")
    assert "content-length" not in headers
    status, said = await _json(house, _get("/api/rooms/r", method="DELETE"))
    assert (status, said["code"]) == (404, "no-such-room")


async def test_a_deleted_room_is_not_found(house: House) -> None:
    """SV36: whatever is asked of a deleted room is 404, and its sockets are 4404."""
    command = b'{"id":"1","do":"prompt","text":"hi"}'
    for request in (
        _get("/api/rooms/deleted/records"),
        _get("/api/rooms/deleted/records?follow=1"),
        _get("/api/rooms/deleted/runs"),
        _get("/api/rooms/deleted/commands", method="POST", body=command),
    ):
        status, said = await _json(house, request)
        assert (status, (said.get("refused") or said)["code"]) == (404, "no-such-room")
    async with house.socket("/rooms/deleted") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 4404


async def test_following_ends_with_the_room(house: House) -> None:
    """SV36: an answer that follows a room ends, whole, when the room is deleted."""
    room = house.rooms.room("r")
    room.log(RunStarted())
    stream = house.stream()
    await stream.send_all(_get("/api/rooms/r/records?follow=1"))
    got = b""
    while b'"seq":1' not in got:
        got += await stream.receive_some()
    house.rooms.store.gone.add("r")
    room.end()
    with trio.fail_after(60):
        while part := await stream.receive_some():
            got += part
    assert got.endswith(b"0\r\n\r\n")
