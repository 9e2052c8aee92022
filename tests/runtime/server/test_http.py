"""Plain HTTP over memory streams, byte for byte as a client would send it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.events import RunFinished, RunRequested, RunStarted, TextStreamed, run_id
from plait.runtime.server.exchange import Request
from plait.runtime.server.origin import Doorkeeper
from plait.runtime.server.static import Files
from trio_websocket import wrap_client_stream

from .conftest import House


def _get(path: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _read(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


async def _json(house: House, request: bytes) -> tuple[int, Any]:
    status, headers, body = _read(await house.http(request))
    assert headers["content-type"] == "application/json"
    return status, json.loads(body)


async def test_one_connection_many_requests_then_a_socket(house: House) -> None:
    """SV1: pages, API and WebSocket share the port and even the connection."""
    stream = house.stream()
    for _ in range(2):
        await stream.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += await stream.receive_some()
        assert _read(answer)[0] == 200
    async with trio.open_nursery() as nursery:
        socket = await wrap_client_stream(nursery, stream, "localhost", "/rooms/r")
        assert await socket.get_message() == b"\x00\x00\x01\x00"
        await socket.aclose()


@pytest.mark.parametrize(
    ("host", "origin", "admitted"),
    [
        ("127.0.0.1:8787", None, True),
        ("localhost:8787", "http://localhost:8787", True),
        ("[::1]:8787", "http://[::1]:8787", True),
        ("localhost", "http://localhost", True),
        ("localhost:443", "https://localhost", True),
        ("plait.lan:8787", "http://plait.lan:8787", True),
        ("127.0.0.1:8787", "http://127.0.0.1:9999", False),
        ("127.0.0.1:8787", "http://localhost:8787", False),
        ("127.0.0.1:8787", "https://evil.example", False),
        ("127.0.0.1:8787", "null", False),
        ("evil.example:8787", "http://evil.example:8787", False),
        ("evil.example", None, False),
        ("192.168.1.5:8787", None, False),
        ("", None, False),
        ("localhost:notaport", None, False),
        ("localhost@evil.example", None, False),
    ],
)
def test_who_may_ask(host: str, origin: str | None, admitted: bool) -> None:
    """SV2: same origin only, and a Host that is ours: no other page, and no name that was rebound to us."""
    assert Doorkeeper("plait.lan").admits(host, origin) is admitted


def test_allowed_origins() -> None:
    """SV2: an allowed origin may ask, and its host is a Host that is served; all-interfaces servers take addresses."""
    door = Doorkeeper("0.0.0.0", ["https://app.example"])
    assert door.admits("localhost:8787", "https://app.example")
    assert door.admits("app.example", "https://app.example")
    assert door.admits("192.168.1.5:8787", "http://192.168.1.5:8787")
    assert not door.admits("evil.example", None)
    assert not door.admits("localhost:8787", "http://app.example")
    assert Doorkeeper("127.0.0.1", ["*"]).admits("anything.example", "https://anywhere.example")


async def test_foreign_pages_get_403(house: House) -> None:
    """SV2: the check comes before everything else, for upgrades too."""
    for more in ((), ("Upgrade: websocket",)):
        status, said = await _json(house, _get("/rooms/r", "Origin: https://evil.example", *more))
        assert (status, said["code"]) == (403, "not-allowed")


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (_get("/nowhere"), 404, "bad-request"),
        (_get("/api/rooms/r/nothing"), 404, "bad-request"),
        (_get("/api/rooms/r"), 405, "bad-request"),
        (_get("/api/rooms/a%2Fb", method="DELETE"), 400, "bad-name"),
        (_get("/api/blobs"), 405, "bad-request"),
        (_get("/api/blobs/x", method="PUT"), 405, "bad-request"),
        (_get("/api/rooms/a%2Fb/records"), 400, "bad-name"),
        (_get("/api/rooms/r/records?after=x"), 400, "bad-request"),
        (_get("/rooms/r"), 426, "bad-request"),
        (_get("/rooms/r", "Upgrade: websocket"), 400, "bad-request"),
        (_get("/health", method="POST"), 405, "bad-request"),
        (_get("/api/rooms/r/commands"), 405, "bad-request"),
        (_get("/api/rooms/r/records", method="DELETE"), 405, "bad-request"),
        (_get("/api/rooms/r/commands", method="POST", body=bytes(limits.BODY_BYTES + 1)), 413, "too-large"),
        (b"NOT HTTP\r\n\r\n", 400, "bad-request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad-request"),
        (_get("/", "X-Long: " + "x" * 2 * limits.HEAD_BYTES), 431, "bad-request"),
    ],
)
async def test_errors(house: House, request_: bytes, status: int, code: str) -> None:
    """SV24, SV25: every error is a status and a JSON object with a stable code."""
    got, said = await _json(house, request_)
    assert (got, said["code"]) == (status, code)
    assert said["message"]


async def test_405_says_what_is_allowed(house: House) -> None:
    """SV25: with an Allow header."""
    assert _read(await house.http(_get("/health", method="PUT")))[1]["allow"] == "GET, HEAD"
    assert _read(await house.http(_get("/api/rooms/r/commands")))[1]["allow"] == "POST"


async def test_head(house: House) -> None:
    """SV25: HEAD has GET's headers and no body."""
    status, headers, body = _read(await house.http(_get("/health", method="HEAD")))
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 10


@pytest.mark.parametrize("dripped", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
async def test_slowloris(house: House, autojump_clock: trio.testing.MockClock, dripped: bytes) -> None:
    """SV24: a head that does not come whole within HEAD_S ends the connection, however it drips."""
    began = trio.current_time()
    stream = house.stream()
    async with trio.open_nursery() as nursery:

        async def drip() -> None:
            for byte in dripped:
                await stream.send_all(bytes((byte,)))
                await trio.sleep(1)

        nursery.start_soon(drip)
        assert await stream.receive_some() == b""
        assert trio.current_time() - began == pytest.approx(limits.HEAD_S)
        nursery.cancel_scope.cancel()


async def test_a_body_that_does_not_come(house: House, autojump_clock: trio.testing.MockClock) -> None:
    """SV24: a body has as long as a head."""
    request = _get("/api/rooms/r/commands", "Content-Length: 100", method="POST")
    assert (await _json(house, request))[0] == 400


async def test_records_are_json_lines(house: House) -> None:
    """SV27: after a seq, at most as many as asked."""
    room = house.rooms.room("r")
    for _ in range(5):
        room.log(RunStarted())
    status, headers, body = _read(await house.http(_get("/api/rooms/r/records?after=1&limit=3")))
    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    assert [json.loads(line)["seq"] for line in body.splitlines()] == [2, 3, 4]


async def test_records_go_on_live(house: House) -> None:
    """SV27: follow=1 sends what is there and then each record as it is published, until the client hangs up."""
    room = house.rooms.room("r")
    room.log(RunStarted())
    stream = house.stream()
    await stream.send_all(_get("/api/rooms/r/records?follow=1"))
    got = b""
    while b'"seq":1' not in got:
        got += await stream.receive_some()
    room.log(RunFinished())
    while b'"seq":2' not in got:
        got += await stream.receive_some()
    assert b"transfer-encoding: chunked" in got.lower()
    await stream.aclose()
    await trio.testing.wait_all_tasks_blocked()
    room.log(RunFinished())


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"GET / HT",
        _get("/api/rooms/r/records?follow=1"),
        _get("/api/rooms/r/commands", "Content-Length: 9", method="POST"),
        _get("/rooms/r", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY),
    ],
)
async def test_a_client_that_vanishes_is_no_news(
    house: House, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """SV6: whenever a client goes away, nothing is logged and nothing is left."""
    room = house.rooms.room("r")
    stream = house.stream()
    if request_:
        await stream.send_all(request_)
    await trio.testing.wait_all_tasks_blocked()
    stream.receive_stream.close()
    room.log(RunStarted())
    await trio.testing.wait_all_tasks_blocked()
    await stream.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert caplog.records == []
    assert room.tabs == []
    assert house.nursery.child_tasks == frozenset()


async def test_older_runs(house: House) -> None:
    """SV28: finished runs that the document no longer holds, newest first, in its shape; and before a given one."""
    room = house.rooms.room("r")
    for number in range(limits.FINISHED_RUNS + 30):
        seq = room.log(RunRequested("echo", f"prompt {number}"))
        run = run_id(seq)
        room.log(RunStarted(), run=run)
        room.log(TextStreamed("generate.0", 1, 0, f"answer {number}"), run=run)
        room.log(RunFinished(), run=run)
    room.log(RunRequested("echo", "still open"))
    _, page = await _json(house, _get("/api/rooms/r/runs"))
    assert [run["prompt"] for run in page["runs"]] == [f"prompt {number}" for number in range(29, 9, -1)]
    assert page["runs"][0]["status"] == "done"
    assert page["runs"][0]["parts"][0]["text"] == "answer 29"
    _, rest = await _json(house, _get(f"/api/rooms/r/runs?before={page['before']}"))
    assert [run["prompt"] for run in rest["runs"]] == [f"prompt {number}" for number in range(9, -1, -1)]
    assert "before" not in rest


async def test_commands(house: House) -> None:
    """SV29: one command in, the control channel's answer out, with the code's status."""

    async def post(body: bytes) -> tuple[int, Any]:
        return await _json(house, _get("/api/rooms/r/commands", method="POST", body=body))

    assert await post(b'{"id":"1","do":"prompt","text":"hello"}') == (
        200,
        {"id": "1", "ok": {"seq": 1, "run": "000000000001"}},
    )
    status, said = await post(b'{"id":"2","do":"stop"}')
    assert (status, said["id"], said["refused"]["code"]) == (404, "2", "no-such-run")
    status, said = await post(b'{"id":"3","do":"dance"}')
    assert (status, said["id"], said["refused"]["code"]) == (400, "3", "unknown-command")
    status, said = await post(b"{")
    assert (status, said["id"], said["refused"]["code"]) == (400, None, "bad-json")
    assert await post(b'{"id":"4","do":"ping"}') == (200, {"id": "4", "ok": {}})
    assert (await post(b'{"id":"5","do":"follow"}'))[0] == 400


async def test_reading_needs_permission(house: House) -> None:
    """SV3: plain requests get the HTTP status of their refusal."""
    house.grant = Grant(read=False)
    for path in ("/api/rooms", "/api/rooms/r/records", "/api/rooms/r/runs"):
        assert (await _json(house, _get(path)))[0] == 403


def _request(path: str, **headers: str) -> Request:
    return Request("GET", path, path, {}, {name.replace("_", "-"): value for name, value in headers.items()})


def test_static_files(tmp_path: Path) -> None:
    """SV30: known files only, typed, revalidated, packed for who takes it, under a strict policy."""
    (tmp_path / "index.html").write_text("<!doctype html>" + "x" * 500)
    (tmp_path / "app.js").write_text("1")
    (tmp_path / "secret.env").write_text("no")
    files = Files(tmp_path)
    page = files.respond(_request("/"))
    headers = dict(page.headers)
    assert (page.status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-cache"
    assert files.respond(_request("/", if_none_match=headers["etag"])).status == 304
    packed = files.respond(_request("/", accept_encoding="gzip, br"))
    assert dict(packed.headers)["content-encoding"] == "gzip"
    assert isinstance(packed.body, bytes)
    assert gzip.decompress(packed.body) == page.body
    assert not files.has("/secret.env")
    assert not files.has("/../app.js")
    assert Files(tmp_path / "nothing").respond(_request("/")).status == 404


def test_pages_elsewhere_may_load_the_client(tmp_path: Path) -> None:
    """JS33: a module of another origin is loaded only with this header; nothing else of ours is."""
    for name in ("client.js", "console.js"):
        (tmp_path / name).write_text("1")
    files = Files(tmp_path)
    assert dict(files.respond(_request("/client.js")).headers)["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in dict(files.respond(_request("/console.js")).headers)


async def test_health(house: House) -> None:
    """SV31: live, ready, the store, versions, and what the runtime adds; not ready while stopping."""
    status, said = await _json(house, _get("/health"))
    assert (status, said["live"], said["ready"], said["models"]) == (200, True, True, ["echo"])
    assert said["store"] == "ok"
    house.rooms.trouble = "store-full"
    assert (await _json(house, _get("/health")))[1]["store"] == "store-full"
    assert {"plait", "python", "trio", "pycrdt"} <= set(said["versions"])


async def test_metrics(house: House) -> None:
    """SV31: Prometheus text; counted numbers come from connections and rooms when it is asked."""
    async with house.socket("/rooms/r") as socket:
        await socket.get_message()
        status, headers, body = _read(await house.http(_get("/metrics")))
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    lines = dict(line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#"))
    assert lines["plait_connections"] == "1.0"
    assert lines["plait_bytes_out_total"] == "6.0"
    assert lines["plait_records_appended_total"] == "3.0"
    assert lines["plait_commit_seconds_sum"] == "0.5"
