"""Coming in: where a token may stand, who is refused and how, and what each request needs."""

import base64
from typing import Any

import pytest
import trio
from plait.protocol import frames, limits
from plait.protocol.access import REQUESTS, RIGHTS, Grant
from plait.protocol.errors import Refused
from plait.runtime import Asker
from plait.runtime.server.credentials import asker
from plait.runtime.server.exchange import Request

from .scene import authenticate, binary, closed, scene, token

RECORDS = "/api/rooms/r/records"


async def test_where_a_token_may_stand(autojump_clock: trio.testing.MockClock) -> None:
    """AC8, AC9: in a header, in a subprotocol beside a real one, or in the query; without one nobody comes in."""
    async with scene() as house:
        good = token()
        assert (await house.http("GET", RECORDS))[0] == 401
        assert (await house.http("GET", RECORDS, good))[0] == 200
        assert (await house.http("GET", f"{RECORDS}?token={good}"))[0] == 200
        assert (await house.http("GET", f"{RECORDS}?token={good}", "bad"))[0] == 401
        encoded = base64.urlsafe_b64encode(good.encode()).decode().rstrip("=")
        for path, offered in (
            (f"/rooms/r?token={good}", []),
            ("/rooms/r", ["plait.sync", f"plait.token.{good}"]),
            ("/rooms/r", [f"plait.token.{encoded}", "plait.v1"]),
        ):
            async with house.socket(path, *offered) as socket:
                assert isinstance(await socket.get_message(), bytes)
                assert socket.subprotocol == next((one for one in offered if "token" not in one), None)
        async with house.socket("/rooms/r", Authorization=f"Bearer {good}") as socket:
            assert isinstance(await socket.get_message(), bytes)
        for path in ("/rooms/r", f"/rooms/r?token={good[:-3]}", "/rooms/r?token=" + "x" * limits.GRANT_BYTES):
            async with house.socket(path) as socket:
                assert await closed(socket) == 4401


def test_the_order_of_carriers() -> None:
    """AC8: in band before the header, the header before the subprotocol, that before the query."""
    headers = {
        "authorization": "bearer  one",
        "sec-websocket-protocol": "plait.v1, plait.token.a.two",
        "upgrade": "websocket",
    }
    request = Request("GET", "/", "/", {"token": "three"}, headers)
    assert asker(request, "zero").token == "zero"
    assert asker(request).token == "one"
    assert asker(request._replace(headers=headers | {"authorization": "Basic x"})).token == "a.two"
    assert asker(request._replace(headers={})).token == "three"


async def test_rooms_documents_and_rights(autojump_clock: trio.testing.MockClock) -> None:
    """AC9, AC4: a grant for another room, another document or without read is 4403, and the same over HTTP."""
    async with scene() as house:
        for path, shown in (
            ("/rooms/r", token(rooms=("s*",))),
            ("/rooms/r", token(read=False)),
            ("/rooms/r", token(documents=("notes",))),
            ("/docs/r/plans", token(documents=("notes", ""))),
        ):
            async with house.socket(f"{path}?token={shown}") as socket:
                assert await closed(socket) == 4403
        async with house.socket(f"/docs/r/notes?token={token(documents=('notes',))}") as socket:
            assert isinstance(await socket.get_message(), bytes)
        assert (await house.http("GET", RECORDS, token(documents=("notes",))))[0] == 403
        assert (await house.http("GET", "/api/rooms/r/runs", token(documents=("notes",))))[0] == 403
        assert (await house.http("GET", RECORDS, token(rooms=("s",))))[0] == 403
        assert (await house.command(token(rooms=("s",)), do="prompt", text="x"))[0] == 403


BODIES = {"POST /api/revocations": b'{"grant": "x"}', "PUT /api/rooms/ROOM/documents/NAME": b"text"}


@pytest.mark.parametrize("what", REQUESTS)
async def test_each_request_needs_its_rights(what: str, autojump_clock: trio.testing.MockClock) -> None:
    """AC12: with the rights of the table it is not refused for want of one; without any one of them it is; and without
    a grant it is 401."""
    method, path = what.split(" ")
    path = path.replace("ROOM", "r").replace("NAME", "notes").replace("HASH", "0" * 64)
    async with scene() as house:
        await house.command(token(), do="prompt", text="x")

        async def status(shown: str) -> int:
            return (await house.http(method, path, shown, BODIES.get(what, b"")))[0]

        needed = {right: right in REQUESTS[what] for right in RIGHTS}
        assert await status("") == 401
        assert await status(token("ann", **{right: right not in REQUESTS[what] for right in RIGHTS})) == 403
        assert await status(token("ann", **needed)) not in (401, 403)


@pytest.mark.parametrize("right", ["write", "prompt", "tools", "read", "admin"])
async def test_who_may_put_a_file(right: str, autojump_clock: trio.testing.MockClock) -> None:
    """AC12: a file is put by who may do something with it."""
    async with scene() as house:
        stream = house.stream()
        shown = token("ann", **{each: each == right for each in RIGHTS})
        await stream.send_all(
            f"PUT /api/blobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shown}\r\n"
            "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx".encode()
        )
        assert (await stream.receive_some()).startswith(
            b"HTTP/1.1 403" if right in ("read", "admin") else b"HTTP/1.1 201"
        )


async def test_what_strangers_see(autojump_clock: trio.testing.MockClock) -> None:
    """AC11: the page and whether the server lives; lists are cut to the grant's rooms; others' blobs are not there."""
    async with scene() as house:
        assert (await house.http("GET", "/"))[0] == 200
        status, health = await house.http("GET", "/health")
        assert (status, set(health)) == (200, {"live", "ready", "store"})
        assert "agents" in (await house.http("GET", "/health", token()))[1]
        for room in ("a.one", "a.two", "b.one"):
            await house.command(token(), room, do="set-room", title=room)
        mine = token(rooms=("a.*",))
        listed = (await house.http("GET", "/api/rooms", mine))[1]["rooms"]
        assert {one["name"] for one in listed} == {"a.one", "a.two"}
        blob = await house.runtime.store.put_blob(b"x", "text/plain")
        assert (await house.http("GET", f"/api/blobs/{blob}", mine))[0] == 200
        attached = [{"blob": blob, "name": "x"}]
        await house.command(token(), "b.one", do="prompt", text="x", attachments=attached)
        assert (await house.http("GET", f"/api/blobs/{blob}", mine))[0] == 404
        assert (await house.http("GET", f"/api/blobs/{blob}", token(rooms=("b.one",))))[0] == 200


async def test_documents_are_listed_by_grant(autojump_clock: trio.testing.MockClock) -> None:
    """AC11: of a room's documents those that the grant is for."""
    async with scene() as house:
        for name in ("notes", "plans"):
            status, _ = await house.http("PUT", f"/api/rooms/r/documents/{name}", token(), b"text")
            assert status == 201
        listed = (await house.http("GET", "/api/rooms/r/documents", token(documents=("notes",))))[1]["documents"]
        assert [one["name"] for one in listed] == ["notes"]
        for method in ("GET", "PUT"):
            assert (await house.http(method, "/api/rooms/r/documents/plans", token(documents=("n*",)), b"t"))[0] == 403


async def test_a_function_of_the_host(autojump_clock: trio.testing.MockClock) -> None:
    """AC10: plain or async, it is given the head and decides; what it raises lets nobody in."""
    seen: list[Asker] = []

    async def judged(asking: Asker) -> Any:
        seen.append(asking)
        await trio.lowlevel.checkpoint()
        match asking.token:
            case "ann":
                return Grant("ann", write=False)
            case "slow":
                await trio.sleep_forever()
            case "odd":
                return "ann"
            case "bug":
                raise RuntimeError(f"no such token: {asking.token}")
            case "not now":
                raise Refused("overloaded", "Come back.")
        return None

    async with scene(judged) as house:
        for shown, status in (("ann", 200), ("", 401), ("slow", 503), ("odd", 503), ("bug", 503), ("not now", 503)):
            assert (await house.http("GET", RECORDS, shown))[0] == status, shown
        assert (seen[0].method, seen[0].path, seen[0].headers["host"]) == ("GET", RECORDS, "localhost")
        for shown, code in (("bug", 1013), ("nobody", 4401)):
            async with house.socket(f"/rooms/r?token={shown}") as socket:
                assert await closed(socket) == code
    async with scene(lambda asking: Grant("bob") if asking.query.get("who") == "bob" else None) as house:
        assert (await house.http("GET", f"{RECORDS}?who=bob"))[0] == 200
        assert (await house.http("GET", RECORDS))[0] == 401


async def test_hocuspocus(autojump_clock: trio.testing.MockClock) -> None:
    """AC8, AC9: the token of the auth message; a document without a good one is denied and the socket stays; who may
    only read is told so."""
    async with scene() as house, house.socket("/hocuspocus") as socket:
        for name, shown, said in (
            ("r/a", "", b"no-grant"),
            ("r/a", "bad", b"no-grant"),
            ("s/a", token(rooms=("r",)), b"not-allowed"),
            ("r/b", token(write=False), b"readonly"),
            ("rooms/r", token(), b"readonly"),
            ("r/c", token(), b"read-write"),
        ):
            await socket.send_message(authenticate(name, shown))
            assert said in await binary(socket, frames.write_string(name) + b"\2"), name


async def test_a_read_only_lane(autojump_clock: trio.testing.MockClock) -> None:
    """AC12: an edit without the right to write changes nothing, is answered once, and the socket stays."""
    async with scene() as house, house.socket(f"/docs/r/notes?token={token(write=False)}") as socket:
        from pycrdt import Doc, Text

        doc: Doc[Any] = Doc()
        doc["content"] = text = Text()
        text += "forged"
        await socket.send_message(frames.update(doc.get_update()))
        await socket.send_message(frames.step2(doc.get_update()))
        denied = frames.denied("permission denied")
        while await socket.get_message() != denied:
            pass
        with trio.move_on_after(1) as nothing_more:
            while True:
                assert await socket.get_message() != denied
        assert nothing_more.cancelled_caught
        assert (await house.runtime.store.head("r")).seq == 0


async def test_a_forged_presence(autojump_clock: trio.testing.MockClock) -> None:
    """AC3, AW8: name and role in presence are the grant's, whatever the client says."""
    from plait.protocol.awareness import Entry, decode, encode

    mine, other = f"/docs/r?token={token('ann', name='Ann')}", f"/docs/r?token={token('bob')}"
    async with scene() as house, house.socket(mine) as ann, house.socket(other) as bob:
        forged = b'{"user":{"name":"Root","role":"agent","color":"#fff"}}'
        await ann.send_message(frames.awareness(encode([Entry(7, 1, forged)])))
        while True:
            message = await bob.get_message()
            if isinstance(message, bytes) and message[:1] == b"\1":
                entries = decode(frames.read_bytes(message, 1)[0])
                if entries and entries[0].client == 7:
                    break
        assert b'"Ann"' in entries[0].state
        assert b"Root" not in entries[0].state
        assert b"agent" not in entries[0].state
