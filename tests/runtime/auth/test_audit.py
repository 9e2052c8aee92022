"""The log says under which grant somebody did something."""

import datetime
import json

import trio
from plait.protocol import frames, tokens
from plait.protocol.access import Grant
from plait.protocol.control import ShownRecord, record_of
from plait.protocol.events import Record, RunStarted
from plait.runtime.cli.log import line
from plait.storage import MemoryStore
from pycrdt import Doc, Text

from .scene import KEY, Scene, binary, scene, token

SYNC = ("plait.sync",)


async def logged(house: Scene) -> list[Record]:
    return await house.runtime.store.read("r")


def typed(word: str) -> bytes:
    doc: Doc[Text] = Doc()
    doc.get("content", type=Text).insert(0, word)
    return frames.update(doc.get_update())


async def test_a_command_names_its_grant(autojump_clock: trio.testing.MockClock) -> None:
    """AU1: the records that a command makes hold the grant's id, those of the agent and of the room hold none."""
    async with scene() as house:
        shown = token("ann", id="g-1")
        status, _ = await house.command(shown, do="prompt", text="hello")
        assert status == 200
        run = house.runtime.room("r")
        await run.wait((await logged(house))[0].run)
        records = await logged(house)
        assert {record.grant for record in records if record.author == "ann"} == {"g-1"}
        assert {record.grant for record in records if record.author != "ann"} == {""}
        assert len({record.author for record in records}) > 1
        assert not any(shown in repr(record) for record in records)


async def test_an_edit_names_the_grant_of_that_moment(autojump_clock: trio.testing.MockClock) -> None:
    """AU1: an edit holds the id of the grant under which it came; a seeding over HTTP does too."""
    async with scene() as house:
        for name in ("g-1", "g-2"):
            async with house.socket(f"/docs/r/notes?token={token('ann', id=name)}", *SYNC) as socket:
                await socket.send_message(typed(name))
                await binary(socket, b"\0\2")
        status, _ = await house.http("PUT", "/api/rooms/r/documents/list?format=text", token("ben", id="g-3"), b"milk")
        assert status in (200, 201)
        assert [record.grant for record in await logged(house)] == ["g-1", "g-2", "g-3"]


async def test_where_nobody_is_asked(autojump_clock: trio.testing.MockClock) -> None:
    """AU1: without grants no record names one."""
    async with MemoryStore() as store, scene(store=store) as house:
        await house.runtime.room("r").prompt("hello", id="p1")
        assert {record.grant for record in await logged(house)} == {""}


def test_a_grant_without_an_id_has_a_digest() -> None:
    """AU2: of its claims, so it is the same however it is signed, and another one for other claims."""
    first, second = (tokens.sign(Grant(author), KEY) for author in ("ann", "ben"))
    keys = tokens.Keys([KEY])
    one, other = (tokens.verify(each, keys, 0).id for each in (first, second))
    assert one.startswith("sha256:")
    assert len(one) == len("sha256:") + 32
    assert one != other
    named = tokens.Key({"kty": "oct", "alg": "HS256", "kid": "new", "k": "c" * 43})
    again = tokens.sign(Grant("ann"), named)
    assert again != first
    assert tokens.verify(again, tokens.Keys([named]), 0).id == one
    assert tokens.verify(tokens.sign(Grant("ann", id="mine"), KEY), keys, 0).id == "mine"


async def test_revoked_by_its_digest(autojump_clock: trio.testing.MockClock) -> None:
    """AU2: whoever read the id in the log can revoke that grant, and no other."""
    async with scene() as house:
        shown = token("ann")
        assert (await house.command(shown, do="prompt", text="hello"))[0] == 200
        (grant,) = {record.grant for record in await logged(house) if record.author == "ann"}
        body = f'{{"grant": "{grant}"}}'.encode()
        assert (await house.http("POST", "/api/revocations", token("root"), body))[0] == 200
        assert (await house.http("GET", "/api/rooms/r/records", shown))[0] == 401
        assert (await house.http("GET", "/api/rooms/r/records", token("ben")))[0] == 200


async def test_it_is_shown(autojump_clock: trio.testing.MockClock) -> None:
    """AU4: in the JSON of records and in the line that people read, and only where there is one."""
    async with scene() as house:
        shown = token("ann", id="g-1")
        await house.command(shown, do="prompt", text="hello")
        _, told = await house.http("GET", "/api/rooms/r/records", shown)
        assert [json.loads(each).get("grant") for each in told.splitlines()][:2] == ["g-1", None]
        records = await logged(house)
        assert "grant=g-1" in line(records[0])[-1]
        assert all("grant=" not in line(record)[-1] for record in records if not record.grant)


def test_it_survives_the_way_out() -> None:
    """AU4: a client that follows is given the id."""
    at = datetime.datetime.fromtimestamp(now_s := 1_800_000_000, datetime.UTC)
    record = record_of(ShownRecord(1, at, "ann", None, 1, RunStarted(), "", None, "g-1"))
    assert (record.grant, record.time) == ("g-1", now_s * 1_000_000)
