"""Grants in use: warned, renewed, expired, revoked, on every kind of socket and over HTTP."""

import json
from typing import Any

import pytest
import trio
from plait.protocol import frames
from plait.protocol.access import COMMANDS, RIGHTS, Grant
from plait.protocol.errors import Refused
from plait.runtime import Runtime
from plait.runtime.auth.held import Held
from plait.storage import MemoryStore
from trio.testing import MockClock

from ...protocol.test_access import EXAMPLES
from .scene import Scene, answer, authenticate, binary, closed, now, scene, texted, token

V1 = "plait.v1"


def records(house: Scene) -> Any:
    return house.runtime.store.read("r")


async def test_a_warning_and_the_end(autojump_clock: MockClock) -> None:
    """AC13, AC15: at 80 % of its life the tab is told how long there is left, once; at its end the socket closes."""
    async with scene() as house, house.socket(f"/rooms/r?token={token(lives_s=100)}", V1) as socket:
        began = trio.current_time()
        left = await texted(socket, "renew")
        assert left == {"renew": pytest.approx(20, abs=0.1)}
        assert trio.current_time() - began == pytest.approx(80, abs=0.1)
        said: list[Any] = []
        with trio.move_on_after(19):
            while True:
                said.append(await socket.get_message())
        assert not [one for one in said if isinstance(one, str)]
        assert await closed(socket) == 4301
        assert trio.current_time() - began == pytest.approx(100, abs=0.1)


async def test_a_stock_client_is_closed(autojump_clock: MockClock) -> None:
    """AC15: with 4301, after which y-websocket comes back by itself, and not before its time."""
    async with scene() as house, house.socket(f"/docs/r?token={token(lives_s=50)}") as socket:
        began = trio.current_time()
        assert await closed(socket) == 4301
        assert trio.current_time() - began == pytest.approx(50, abs=0.1)


async def test_a_renewal(autojump_clock: MockClock) -> None:
    """AC14, AC13: the socket lives on past the old grant's end, is warned of the new one's, and closes at that."""
    async with scene() as house, house.socket(f"/rooms/r?token={token(lives_s=100)}", V1) as socket:
        began = trio.current_time()
        await texted(socket, "renew")
        assert await answer(socket, id="n", do="renew-grant", grant=token(lives_s=200)) == {"id": "n", "ok": {}}
        await texted(socket, "renew")
        assert trio.current_time() - began == pytest.approx(80 + 160, abs=0.2)
        assert await closed(socket) == 4301
        assert trio.current_time() - began == pytest.approx(80 + 200, abs=0.2)


async def test_what_does_not_renew(autojump_clock: MockClock) -> None:
    """AC14: another subject, another room, no read, a bad token: refused, and the old grant still counts and ends."""
    async with scene() as house, house.socket(f"/rooms/r?token={token(lives_s=100)}", V1) as socket:
        for shown, code in (
            (token("bob"), "not-allowed"),
            (token(rooms=("s",)), "not-allowed"),
            (token(read=False), "not-allowed"),
            (token(documents=("notes",)), "not-allowed"),
            ("x", "no-grant"),
            (token()[:-2], "no-grant"),
        ):
            told = await answer(socket, id="n", do="renew-grant", grant=shown)
            assert told["refused"]["code"] == code
            assert shown not in json.dumps(told) or shown == "x"
        assert "ok" in await answer(socket, id="p", do="prompt", text="x")
        assert await closed(socket) == 4301


async def test_a_renewal_counts_from_the_next_frame_on(autojump_clock: MockClock) -> None:
    """AC14, AC12: less rights after it, and more after the next; what was followed ends when it is not allowed."""
    async with scene() as house, house.socket(f"/rooms/r?token={token()}", V1) as socket:
        assert "ok" in await answer(socket, id="1", do="prompt", text="x")
        await answer(socket, id="f", do="follow")
        await answer(socket, id="n1", do="renew-grant", grant=token(prompt=False, documents=("",)))
        assert (await answer(socket, id="2", do="prompt", text="x"))["refused"]["code"] == "not-allowed"
        assert (await answer(socket, id="f2", do="follow"))["refused"]["code"] == "not-allowed"
        head = (await house.runtime.store.head("r")).seq
        await house.command(token(), do="set-room", title="later")
        with trio.move_on_after(5):
            while True:
                message = await socket.get_message()
                assert not isinstance(message, str) or json.loads(message).get("record", {}).get("seq", 0) <= head
        await answer(socket, id="n2", do="renew-grant", grant=token())
        assert "ok" in await answer(socket, id="3", do="prompt", text="x")


@pytest.mark.parametrize("line", EXAMPLES)
async def test_each_command_on_a_socket(line: str, autojump_clock: MockClock) -> None:
    """AC12: on the live socket each command is refused without any one of its rights, and not for that reason with
    them; the log stays as it was where it is refused."""
    if line == "renew-grant":
        return  # What it needs is in its token, see above.
    fields = json.loads("{" + EXAMPLES[line] + "}")
    needed = COMMANDS[line]
    async with scene() as house:
        for missing in needed - {"read"}:
            shown = token("ann", **{right: right != missing for right in RIGHTS})
            async with house.socket(f"/rooms/r?token={shown}", V1) as socket:
                told = await answer(socket, id="a", do=line.split()[0], **fields)
                assert told["refused"]["code"] == "not-allowed"
                assert missing in told["refused"]["message"]
        assert (await house.runtime.store.head("r")).seq == 0
        shown = token("ann", **{right: right in needed | {"read"} for right in RIGHTS})
        async with house.socket(f"/rooms/r?token={shown}", V1) as socket:
            told = await answer(socket, id="a", do=line.split()[0], **fields)
            assert told.get("refused", {}).get("code") != "not-allowed"


async def test_the_author_is_the_subject(autojump_clock: MockClock) -> None:
    """AC3: records are in the subject's name; whom a service acts for stands in the run's record."""
    async with scene() as house:
        await house.command(token("svc", on_behalf_of="ann"), do="prompt", text="x")
        first = (await records(house))[0]
        assert (first.author, first.event.on_behalf_of) == ("svc", "ann")


@pytest.mark.parametrize(
    ("revoked", "ends"),
    [
        (("subject", "ann"), True),
        (("grant", "g1"), True),
        (("room", "r"), True),
        (("subject", "bob"), False),
        (("room", "s"), False),
    ],
)
async def test_a_revocation(revoked: tuple[Any, str], ends: bool, autojump_clock: MockClock) -> None:
    """AC16, AC17: it ends those whom it means, on every kind of socket and over HTTP, at once, and nobody else."""
    kind, value = revoked
    admin = token("root", admin=True)
    async with scene() as house:
        shown = token(id="g1")
        async with (
            house.socket(f"/rooms/r?token={shown}", V1) as one,
            house.socket(f"/docs/r?token={shown}") as two,
            house.socket("/hocuspocus") as three,
        ):
            await three.send_message(authenticate("r/notes", shown))
            await binary(three, frames.write_string("r/notes"))
            following = house.stream()
            head = f"GET /api/rooms/r/records?follow=1&token={shown} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await following.send_all(head.encode())
            assert b"200" in await following.receive_some()
            await one.get_message()
            began = trio.current_time()
            status, told = await house.http("POST", "/api/revocations", admin, json.dumps({kind: value}).encode())
            assert (status, told[kind]) == (200, value)
            assert (await house.http("GET", "/api/revocations", token("root")))[1]["revocations"][0][kind] == value
            (kept,) = await house.runtime.store.revocations()
            assert (kept.kind, kept.value, abs(kept.at - now()) < 10**6) == (kind, value, True)
            if ends:
                for socket in (one, two, three):
                    assert await closed(socket) == 4301
                while await following.receive_some():
                    pass
                assert trio.current_time() - began < 1
                async with house.socket(f"/rooms/r?token={shown}") as again:
                    assert await closed(again) == 4401
                assert (await house.http("GET", "/api/rooms/r/records", shown))[0] == 401
            else:
                assert "ok" in await answer(one, id="p", do="ping")
        await trio.sleep(1)
        if kind != "grant":
            async with house.socket(f"/rooms/r?token={token()}") as fresh:
                assert isinstance(await fresh.get_message(), bytes)


async def test_a_restart_remembers(autojump_clock: MockClock) -> None:
    """AC16: what was revoked is in the store, and a token that is replayed after a restart is not taken."""
    store = MemoryStore()
    async with scene(store=store) as house:
        shown, other = token(id="g1"), token("bob")
        await house.gate.revoke("grant", "g1")
        await house.gate.revoke("subject", "bob")
        async with scene(store=store) as again:
            for one in (shown, other):
                assert (await again.http("GET", "/api/rooms/r/records", one))[0] == 401
                async with again.socket(f"/rooms/r?token={one}") as socket:
                    assert await closed(socket) == 4401
            await trio.sleep(1)
            assert (await again.http("GET", "/api/rooms/r/records", token("bob")))[0] == 200


async def test_revoking_in_a_program() -> None:
    """AC17: `Runtime.revoke` takes one thing, and keeps it."""
    async with Runtime(MemoryStore()) as runtime:
        await runtime.revoke(subject="ann")
        await runtime.revoke(room="r")
        assert [(one.kind, one.value) for one in await runtime.store.revocations()] == [
            ("room", "r"),
            ("subject", "ann"),
        ]
        with pytest.raises(ValueError, match="one thing"):
            await runtime.revoke()
        with pytest.raises(Refused, match="characters"):
            await runtime.revoke(grant="x" * 300)


async def test_who_may_revoke(autojump_clock: MockClock) -> None:
    """AC17: an administrator of some rooms revokes for those, and nobody's subject."""
    async with scene() as house:
        some = token("root", rooms=("a.*",))
        for body, status in (
            (b'{"room": "a.one"}', 200),
            (b'{"room": "b.one"}', 403),
            (b'{"subject": "ann"}', 403),
            (b'{"grant": "g"}', 403),
            (b"{}", 400),
            (b'{"room": "a.x", "subject": "y"}', 400),
            (b'{"user": "x"}', 400),
            (b'{"room": 1}', 400),
        ):
            assert (await house.http("POST", "/api/revocations", some, body))[0] == status, body


async def test_hocuspocus_is_asked_for_a_token(autojump_clock: MockClock) -> None:
    """AC13, AC14, AC15: the provider is asked at 80 %, its answer renews, and without one the socket ends with 4301."""
    async with scene() as house, house.socket("/hocuspocus") as socket:
        began, prefix = trio.current_time(), frames.write_string("r/notes")
        await socket.send_message(authenticate("r/notes", token(lives_s=100)))
        await binary(socket, prefix + b"\2\2")
        assert await binary(socket, prefix + b"\2\0") == prefix + b"\2\0"
        assert trio.current_time() - began == pytest.approx(80, abs=0.1)
        await socket.send_message(authenticate("r/notes", token(lives_s=100, write=False)))
        assert b"readonly" in await binary(socket, prefix + b"\2\2")
        await binary(socket, prefix + b"\2\0")
        assert await closed(socket) == 4301
        assert trio.current_time() - began == pytest.approx(180, abs=0.2)


async def test_hocuspocus_with_somebody_elses_token(autojump_clock: MockClock) -> None:
    """AC14: who shows a bad token, or another subject's, loses that document and no other."""
    async with scene() as house, house.socket("/hocuspocus") as socket:
        for name in ("r/a", "r/b"):
            await socket.send_message(authenticate(name, token()))
            await binary(socket, frames.write_string(name) + b"\2\2")
        for shown in (token("bob"), "x"):
            await socket.send_message(authenticate("r/a", shown))
            await binary(socket, frames.write_string("r/a") + b"\2\1")
            await socket.send_message(authenticate("r/a", token()))
            await binary(socket, frames.write_string("r/a") + b"\2\2")
        await socket.send_message(authenticate("r/b", token()))
        await binary(socket, frames.write_string("r/b") + b"\2\2")


async def test_a_clock_that_jumps() -> None:
    """AC15: a machine that slept checks with the next frame, not only when a timer says so."""
    time = 0

    class Judge:
        open = False

        def now(self) -> int:
            return time

        def check(self, grant: Grant, room: str = "") -> None:
            if grant.expires <= time:
                raise Refused("grant-expired")

    async def ask(token: str) -> Grant:
        return Grant("ann", expires=20)

    held = Held(Judge(), Grant("ann", expires=10), "r", ask)
    held.check()
    time = 15
    with pytest.raises(Refused, match="grant-expired"):
        held.check()
    await held.renew("x")
    held.check()
