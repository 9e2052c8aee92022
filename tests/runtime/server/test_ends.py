"""A room's end and an upload's end, over real sockets with the real rooms."""

import http.client
import json
import logging
from contextlib import closing, suppress
from typing import NamedTuple

import pytest
import trio
from plait.protocol import limits
from trio_websocket import ConnectionClosed

from .test_serving import BOUND_S, StockTab, connect, serving

PROMPT = b'{"id": "1", "do": "prompt", "text": "one two"}'


class Answer(NamedTuple):
    """What the standard library's client made of an answer."""

    status: int
    body: bytes


async def ask(url: str, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Answer:
    """One request over a connection of its own, read to its end on a thread."""

    def exchange() -> Answer:
        with closing(http.client.HTTPConnection(url.removeprefix("ws://"), timeout=BOUND_S)) as connection:
            connection.request(method, path, body, {"content-type": kind})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())

    return await trio.to_thread.run_sync(exchange)


async def closed(tab: StockTab) -> int | None:
    """The code with which the tab's socket is closed."""
    try:
        while True:
            await tab.hear()
    except ConnectionClosed as end:
        return end.reason.code if end.reason is not None else None


async def test_a_room_is_deleted_under_its_tabs(caplog: pytest.LogCaptureFixture) -> None:
    """SV35, SV36: who watches gets 4404, who follows a whole answer, who comes later 404 and 4404."""
    async with serving() as url:
        assert (await ask(url, "POST", "/api/rooms/r/commands", PROMPT)).status == 200
        followed: list[Answer] = []

        async def follow() -> None:
            with suppress(http.client.HTTPException):  # The room goes while it is being told.
                followed.append(await ask(url, "GET", "/api/rooms/r/records?follow=1"))

        async with (
            connect(f"{url}/rooms/r", "plait.v1") as a,
            connect(f"{url}/docs/r/pad") as b,
            trio.open_nursery() as nursery,
        ):
            tabs = [StockTab(a), StockTab(b)]
            for tab in tabs:
                await tab.synced()
            nursery.start_soon(follow)
            assert await ask(url, "DELETE", "/api/rooms/r") == (204, b"")
            assert [await closed(tab) for tab in tabs] == [4404, 4404]
        # The follower came before the end and read some of the log, or none in time, or after it and was told so.
        for told in followed:
            lines = told.body.split(b"\n")[:-1] if told.status == 200 else []
            assert not lines or json.loads(lines[0])["event"]["type"] == "run-requested"
        for method, path, body in (
            ("DELETE", "/api/rooms/r", None),
            ("GET", "/api/rooms/r/records", None),
            ("GET", "/api/rooms/r/runs", None),
            ("POST", "/api/rooms/r/commands", PROMPT),
        ):
            status, said = await ask(url, method, path, body)
            assert (status, b"no-such-room" in said) == (404, True)
        async with connect(f"{url}/docs/r/pad") as late:
            assert await closed(StockTab(late)) == 4404
        assert json.loads((await ask(url, "GET", "/api/rooms")).body) == {"rooms": []}
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_an_upload_over_tcp() -> None:
    """SV32, SV33: the largest blob goes up and comes back; a larger one hears 413 though nobody read it to its end."""
    async with serving() as url:
        data = bytes(range(256)) * (limits.BLOB_BYTES // 256)
        status, said = await ask(url, "PUT", "/api/blobs", data, "application/octet-stream")
        assert status == 201
        assert await ask(url, "GET", f"/api/blobs/{json.loads(said)['blob']}") == (200, data)
        status, said = await ask(url, "PUT", "/api/blobs", data + b"!", "application/octet-stream")
        assert (status, json.loads(said)["code"]) == (413, "too-large")
