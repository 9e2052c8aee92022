"""What breaks HTTP servers elsewhere: ambiguous lengths, heads without end, packed bodies, paths that climb."""

import json

import pytest
import trio
from plait.protocol import limits
from trio.testing import MockClock

from ..runtime.auth.scene import Scene, scene, token

SAFE = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
SHELL = "GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"


async def raw(house: Scene, said: bytes) -> bytes:
    """All that is answered to these bytes until the connection is closed, within a head's time and some more."""
    stream = house.stream()
    answer = b""
    with trio.move_on_after(2 * limits.HEAD_S) as scope:
        try:
            await stream.send_all(said)
            while part := await stream.receive_some():
                answer += part
        except trio.BrokenResourceError:
            pass
    assert not scope.cancelled_caught, "the connection stays open"
    return answer


def statuses(answer: bytes) -> list[int]:
    """The status of each answer in these bytes."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
COMMAND = b"POST /api/rooms/r/commands HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        b"Content-Length: 5, 6\r\n\r\n12345",
        b"Content-Length: +5\r\n\r\n12345",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 0x5\r\n\r\n12345",
        b"Content-Length: 5 5\r\n\r\n12345",
        b"Content-Length : 5\r\n\r\n12345",
        b"Content-Length: \xb2\r\n\r\n12345",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nZ\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n",
        b" folded: before the first\r\n\r\n",
        b"X: a\x00b\r\n\r\n",
        b"X: a\rY: b\r\n\r\n",
        b"Bad Name: x\r\n\r\n",
        b"Host: elsewhere\r\n\r\n",
    ],
    ids=lambda head: head[:40].decode("latin-1").strip(),
)
async def test_a_request_behind_a_request(head: bytes, autojump_clock: MockClock) -> None:
    """AC54: what tells its length in two ways, or in none that counts, is refused, and what stands behind it is not
    taken for a request."""
    async with scene() as house:
        answer = await raw(house, COMMAND + head + SMUGGLED)
        assert len(statuses(answer)) == 1
        assert statuses(answer)[0] in (400, 401, 403, 413, 501), answer[:200]
        assert b"Nothing is here" not in answer


async def test_chunks_of_an_older_version(autojump_clock: MockClock) -> None:
    """AC54: HTTP/1.0 has no chunks, so a proxy that speaks it believes no such word."""
    async with scene() as house:
        head = b"POST /api/rooms/r/commands HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        assert statuses(await raw(house, head + SMUGGLED)) == [400]


async def test_a_body_that_is_not_read_is_no_request(autojump_clock: MockClock) -> None:
    """AC54: a GET's body, and one that was refused unread, end the connection with the answer."""
    async with scene() as house:
        for head in (
            b"GET /health HTTP/1.1\r\n",
            b"POST /health HTTP/1.1\r\n",
            b"POST /api/rooms/r/commands HTTP/1.1\r\n",
        ):
            said = head + b"Host: localhost\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
            assert len(statuses(await raw(house, said))) == 1


@pytest.mark.parametrize(
    "said",
    [
        b"GET /" + b"a" * (3 * limits.HEAD_BYTES) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (3 * limits.HEAD_BYTES) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * limits.HEAD_BYTES + b"\r\n",
        b"A" * (8 * limits.HEAD_BYTES),
    ],
    ids=["target", "header", "headers", "no line"],
)
async def test_a_head_without_end(said: bytes, autojump_clock: MockClock) -> None:
    """AC55: it is refused when it is too long, however much would follow."""
    async with scene() as house:
        answer = await raw(house, said)
        assert statuses(answer) in ([431], [400])


async def test_slowloris(autojump_clock: MockClock) -> None:
    """AC55: a head, or a body, that comes a byte at a time has no longer than one that does not come; whoever is
    there meanwhile is served."""
    async with scene() as house:
        for said in (
            b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: aaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 99,
            COMMAND + f"Authorization: Bearer {token()}\r\n".encode() + b"Content-Length: 4000\r\n\r\n" + b"x" * 4000,
        ):
            stream, began = house.stream(), trio.current_time()
            try:
                for at in range(len(said)):
                    await stream.send_all(said[at : at + 1])
                    await trio.sleep(1)
            except trio.BrokenResourceError:
                pass
            assert trio.current_time() - began < 3 * limits.HEAD_S
            assert (await house.http("GET", "/health"))[0] == 200


async def test_a_packed_body_stays_packed(autojump_clock: MockClock) -> None:
    """AC56: nothing that was sent packed is unpacked, so a bomb is as large as it is."""
    async with scene() as house:
        shown = token()
        for packing in ("gzip", "deflate", "br", "zstd"):
            said = (
                COMMAND
                + f"Authorization: Bearer {shown}\r\nContent-Encoding: {packing}\r\n".encode()
                + b"Connection: close\r\nContent-Length: 2\r\n\r\n\x1f\x8b"
            )
            answer = await raw(house, said)
            assert statuses(answer) == [400]


CLIMBING = [
    "/../../etc/passwd",
    "/..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..\\..\\etc\\passwd",
    "/console.js/../../../pyproject.toml",
    "/console.js%00.html",
    "/index.html%20",
    "//etc/passwd",
    "/%c0%ae%c0%ae/etc/passwd",
    "/api/rooms/%2e%2e/records",
    "/api/rooms/..%2f..%2fx/records",
    "/api/rooms/a%00b/records",
    "/api/rooms/a%5cb/records",
    "/api/rooms/%ff/records",
    "/api/rooms/%c0%af/records",
    "/api/rooms/r%252Fx/records",
    "/api/rooms/r/documents/..%2f..%2fx?format=text",
    "/api/rooms/r/documents/a%00b?format=text",
    "/api/rooms/r/documents/%c0%ae%c0%ae/x?format=text",
    "/api/blobs/../../etc/passwd",
    "/api/blobs/..%2f..%2fplait.db",
    "/api/blobs/" + "g" * 64,
    "/api/blobs/" + "A" * 64,
    "http://evil.example/",
]


@pytest.mark.parametrize("path", CLIMBING)
async def test_paths_that_climb(path: str, autojump_clock: MockClock) -> None:
    """AC57: a path is looked up in tables and names have a plain alphabet; what is neither is 400 or 404."""
    async with scene() as house:
        shown = token()
        answer = await raw(
            house, SHELL.format(path, f"Authorization: Bearer {shown}\r\nConnection: close\r\n").encode()
        )
        assert statuses(answer)[0] in (400, 404), answer[:300]
        assert b"root:" not in answer
        assert b"[project]" not in answer


@pytest.mark.parametrize(
    "path", ["/", "/console.js", "/client.js", "/health", "/metrics", "/nowhere", "/api/rooms", "/api/rooms/r/records",
             "/api/blobs/" + "0" * 64, "/rooms/r", "/api/rooms/%00/records"]
)  # fmt: skip
async def test_what_every_answer_says_to_browsers(path: str, autojump_clock: MockClock) -> None:
    """AC50: pages and errors alike may not be guessed at, framed or embedded elsewhere; they tell no other site of
    themselves, set no cookie, and what is no page may do nothing as one."""
    async with scene() as house:
        for method in ("GET", "HEAD", "POST"):
            answer = await raw(
                house, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
            headers = dict(line.lower().split(": ", 1) for line in lines)
            expected = dict(SAFE)
            if path == "/client.js" and method != "POST":
                expected["cross-origin-resource-policy"] = "cross-origin"
            assert {name: headers.get(name, "").lower() for name in SAFE} == {
                name: value.lower() for name, value in expected.items()
            }
            assert "camera=()" in headers["permissions-policy"]
            assert "set-cookie" not in headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script-src 'self'" in policy or "sandbox" in policy
            assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


async def test_what_is_not_http_is_told_so_safely(autojump_clock: MockClock) -> None:
    """AC50: the answer to what is no HTTP is one like others."""
    async with scene() as house:
        answer = await raw(house, b"<script>alert(1)</script>\r\n\r\n")
        assert statuses(answer) == [400]
        assert b"x-content-type-options: nosniff" in answer.lower()
        assert json.loads(body_of(answer))["code"] == "bad-request"
