"""Erasing a person while the server runs and people are in the room."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.runtime import Agent, Runtime
from plait.runtime.server import listener
from plait.storage import Masters, open_store
from plait.storage.deliveries import Deliveries
from pycrdt import Doc, Text
from trio_websocket import ConnectionClosed, WebSocketConnection

from .neighbours import closed
from .test_serving import BOUND_S, connect

ANN, BEN = "Walnuesse", "Haferkekse"
MASTER = Masters([bytes(32)])


@asynccontextmanager
async def house(path: Path, keys: Masters | None = MASTER, auth: Any = None) -> AsyncIterator[tuple[Runtime, str]]:
    """A runtime on a free port, and its address."""
    with trio.fail_after(BOUND_S):
        async with (
            open_store(f"sqlite:///{path}", keys=keys) as store,
            Runtime(store, agents=[Agent("assistant", model="echo", title=False)]) as runtime,
            trio.open_nursery() as nursery,
        ):
            url = await nursery.start(lambda **more: runtime.serve("127.0.0.1", 0, auth=auth, **more))
            yield runtime, url
            nursery.cancel_scope.cancel()


async def ask(url: str, method: str, path: str) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        said = b"".join([part async for part in stream])
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def drain(socket: WebSocketConnection) -> None:
    while True:
        await socket.get_message()


def held(folder: Path) -> bytes:
    """All bytes of all files there."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def play(runtime: Runtime) -> None:
    """Both prompt and write in one document."""
    talk = runtime.room("r")
    for author, word in (("ann", ANN), ("ben", BEN)):

        def insert(doc: "Doc[Any]", word: str = word) -> None:
            doc.get("content", type=Text).insert(0, word)

        await talk.wait(await talk.by(author).prompt(word, id=f"p{author}"))
        await talk.by(author).edit("notes", insert)


async def test_people_are_in_the_room(tmp_path: Path) -> None:
    """KY13: they are sent away with 4409, and what they come back to, and what is read over HTTP, has the others' words
    and not the person's; no file of the store held any."""
    async with house(tmp_path / "plait.db") as (runtime, url):
        await play(runtime)
        page = (await ask(url, "GET", "/api/rooms/r/records"))[1].decode()
        assert ANN in page
        assert (await ask(url, "GET", "/api/rooms/r/moment?at=5&document=notes"))[0] == 200
        async with connect(f"{url.replace('http', 'ws')}/docs/r/notes") as socket:
            await socket.get_message()
            status, said = await ask(url, "POST", "/api/subjects/ann/erase")
            assert status == 200
            ((room, records),) = [(one["room"], one["records"]) for one in json.loads(said)["rooms"]]
            assert (room, records > 3) == ("r", True)
            with pytest.raises(ConnectionClosed) as closed:
                await drain(socket)
            assert closed.value.reason is not None
            assert closed.value.reason.code == 4409
        for path in ("records", "documents/notes", "moment?at=6&document=notes"):
            said = (await ask(url, "GET", f"/api/rooms/r/{path}"))[1].decode()
            assert ANN not in said, path
            assert BEN in said or path.startswith("moment"), path
        assert json.loads((await ask(url, "POST", "/api/subjects/ann/erase"))[1]) == {"rooms": []}
        await runtime.room("r").by("ann").prompt("anew", id="anew")
        assert ANN.encode() not in held(tmp_path)
        assert BEN.encode() not in held(tmp_path)


async def test_who_saw_what_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP76: with who is erased while the server runs goes what tabs of theirs were sent, in a room without a record
    too, and that their tabs leave because of it is not noted either."""
    monkeypatch.setattr(limits, "DELIVERIES_LOOK_S", 0.01)
    grants = {name: Grant(author=name) for name in ("ann", "ben")}

    kept = Deliveries(None)
    monkeypatch.setattr(listener, "deliveries_of", lambda url: kept)
    async with house(tmp_path / "plait.db", auth=lambda asker: grants[asker.token]) as (runtime, url):
        await play(runtime)
        where = url.replace("http", "ws")
        async with (
            connect(f"{where}/docs/r/notes?token=ann") as hers,
            connect(f"{where}/docs/r/notes?token=ben") as his,
            connect(f"{where}/docs/empty/notes?token=ann") as other,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(closed, his)
            nursery.start_soon(closed, other)
            while kept.rooms("ann") != ["empty", "r"] or kept.rooms("ben") != ["r"]:  # noqa: ASYNC110
                await trio.sleep(0.01)  # Nobody says when it was noted.
            assert (await ask(url, "POST", "/api/subjects/ann/erase?token=ben"))[0] == 200
            assert (await closed(hers))[0] == 4409
            for _ in range(5):
                await trio.sleep(0.01)
                assert (kept.rooms("ann"), kept.rooms("ben")) == ([], ["r"])
            nursery.cancel_scope.cancel()


async def test_what_is_refused(tmp_path: Path) -> None:
    """KY13: a plain store, and whom nobody named."""
    async with house(tmp_path / "plain.db", None) as (_, url):
        status, said = await ask(url, "POST", "/api/subjects/ann/erase")
        assert (status, json.loads(said)["code"]) == (400, "bad-request")
        assert (await ask(url, "GET", "/api/subjects/ann/erase"))[0] == 405
    async with house(tmp_path / "plait.db") as (_, url):
        assert (await ask(url, "POST", "/api/subjects//erase"))[0] == 400
        assert json.loads((await ask(url, "POST", "/api/subjects/ann/erase"))[1]) == {"rooms": []}
