"""Places at a counter that serves few at a time, and what is served there: uploads and rooms' pasts."""

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.errors import Refused
from plait.runtime.server.places import Places
from trio.testing import MockClock, wait_all_tasks_blocked

from .conftest import House
from .test_http import _get, _json


async def test_one_asker_has_a_share(nursery: trio.Nursery) -> None:
    """AD17: one asker has `each` places and no more; who waits for others is served in the order in which they came."""
    places, served = Places(3, 2, 60), list[str]()

    async def ask(whose: str, done: trio.Event) -> None:
        async with places.place(whose):
            served.append(whose)
            await done.wait()

    done = [trio.Event() for _ in range(6)]
    for whose, event in zip(["ann", "ann", "ann", "bob", "cid", "bob"], done, strict=True):
        nursery.start_soon(ask, whose, event)
        await wait_all_tasks_blocked()
    assert served == ["ann", "ann", "bob"]
    done[3].set()  # Bob's: ann has her share, so cid is next.
    await wait_all_tasks_blocked()
    assert served[3:] == ["cid"]
    done[0].set()  # One of ann's: she waited longest.
    await wait_all_tasks_blocked()
    assert served[4:] == ["ann"]
    for event in done:
        event.set()
    await wait_all_tasks_blocked()
    assert (served[5:], places.free) == (["bob"], 3)


async def test_who_has_no_name_has_no_share(nursery: trio.Nursery) -> None:
    """AD17: askers who cannot be told apart have all places together."""
    places = Places(3, 1, 60)
    async with places.place(""), places.place(""), places.place(""):
        assert places.free == 0


async def test_who_leaves_holds_nothing(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD17: a place is free again when its asker was cancelled, waiting, served, or at the moment of being served."""
    places, served = Places(1, 1, 60), list[str]()

    async def ask(whose: str, scope: trio.CancelScope) -> None:
        with scope:
            async with places.place(whose):
                served.append(whose)
                await trio.sleep_forever()

    scopes = [trio.CancelScope() for _ in range(4)]
    for number, scope in enumerate(scopes):
        nursery.start_soon(ask, str(number), scope)
        await wait_all_tasks_blocked()
    scopes[1].cancel()  # It waits.
    await wait_all_tasks_blocked()
    scopes[0].cancel()  # It is served; in the same turn of the loop, number 2 is given its place and is gone.
    await trio.lowlevel.checkpoint()
    scopes[2].cancel()
    await wait_all_tasks_blocked()
    assert served[-1] == "3"
    scopes[3].cancel()
    await wait_all_tasks_blocked()
    assert places.free == 1


async def test_nobody_waits_for_ever(autojump_clock: MockClock) -> None:
    """AD17: who has waited long enough is refused, and waits no more."""
    places = Places(1, 1, 60)
    began = trio.current_time()
    async with places.place("ann"):
        with pytest.raises(Refused) as refused:
            async with places.place("bob"):
                raise AssertionError("two are served")
        assert refused.value.code == "overloaded"
        assert trio.current_time() - began == 60
    assert places.free == 1
    async with places.place("bob"):
        pass


async def _drip(house: House, every_s: float, part: bytes = b"x") -> bytes:
    """An upload that goes on and on; what it was answered."""
    stream, answer = house.stream(), b""
    head = _get("/api/blobs", "Content-Type: image/png", f"Content-Length: {limits.BLOB_BYTES}", method="PUT")
    await stream.send_all(head)

    async def drip() -> None:
        while True:
            await stream.send_all(part)
            await trio.sleep(every_s)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        while more := await stream.receive_some():
            answer += more
            if b"\r\n\r\n" in answer:
                break
        nursery.cancel_scope.cancel()
    return answer


async def test_an_upload_that_drips(house: House, autojump_clock: MockClock) -> None:
    """AD18: a byte a second has HEAD_S and not BLOB_UPLOAD_S; a line that is slow but not that slow has its time."""
    began = trio.current_time()
    assert b" 400 " in await _drip(house, 1.0)
    assert limits.HEAD_S <= trio.current_time() - began < limits.HEAD_S + 2
    began = trio.current_time()
    assert b" 400 " in await _drip(house, 1.0, bytes(limits.BLOB_BYTES_PER_S * 2))
    assert trio.current_time() - began >= limits.BLOB_UPLOAD_S


async def test_one_who_uploads_a_lot_keeps_nobody_out(house: House, mock_clock: MockClock) -> None:
    """AD17: while one subject drips into as many uploads as there are places, somebody else's is kept at once."""
    house.grant = Grant("mallory")
    async with trio.open_nursery() as nursery:
        for _ in range(limits.BLOBS_AT_ONCE):
            nursery.start_soon(_drip, house, 1.0)
        await wait_all_tasks_blocked()  # And time stands still, so that none of them ends.
        house.grant = Grant("ann")
        put = _get("/api/blobs", "Content-Type: image/png", method="PUT", body=b"\x89PNG")
        assert (await _json(house, put))[0] == 201
        nursery.cancel_scope.cancel()


async def test_few_pasts_are_read_at_once(house: House, autojump_clock: MockClock) -> None:
    """AD17, RP3, RP4: who waits too long to look at the past is told to try again, over HTTP and on a socket; a socket
    that was given its past holds no place."""
    house.grant = Grant("ann")
    moments = house.server._routes._moments
    ann = Grant("ann")
    async with moments.place(ann, ""), moments.place(ann, ""):
        status, said = await _json(house, _get("/api/rooms/r/moment?at=1"))
        assert (status, said["code"]) == (503, "overloaded")
        async with house.socket("/docs/r?at=1") as socket:
            with pytest.raises(Exception, match="1013"):
                await socket.get_message()
    assert moments._places.free == limits.MOMENTS_AT_ONCE
