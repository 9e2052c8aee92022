"""Files in and out of a real server, with stock tabs at the documents."""

import json
import urllib.error
import urllib.request
from typing import Any

import trio

from tests.clients.node_tab import node_tab

from .serving import ServerProcess


async def ask(server: ServerProcess, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    def send() -> tuple[int, dict[str, str], bytes]:
        data = body if method == "PUT" else None
        request = urllib.request.Request(server.url + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    return await trio.to_thread.run_sync(send)


async def test_two_tabs_that_seed_at_once(server: ServerProcess) -> None:
    """IO6, IO7, IO8: both see the words once; the same again is 200, also after a kill; other words are 409."""
    path, statuses = "/api/rooms/pad/documents/notes?format=text", list[int]()
    docs = f"{server.ws}/docs"

    async def seed() -> None:
        statuses.append((await ask(server, "PUT", path, "Dear 🐈,".encode()))[0])

    async with node_tab(docs, "pad/notes") as one, node_tab(docs, "pad/notes") as two:
        await one.wait_synced()
        await two.wait_synced()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(seed)
            nursery.start_soon(seed)
        assert sorted(statuses) == [200, 201]
        await one.wait_text("Dear 🐈,")
        await two.wait_text("Dear 🐈,")
        await one.append(" hi")
        await two.wait_text("Dear 🐈, hi")
    await server.kill()
    await server.start()
    status, _, body = await ask(server, "PUT", path, "Dear 🐈,".encode())
    assert (status, json.loads(body)["seq"]) == (200, 1)
    status, _, body = await ask(server, "PUT", path, b"other")
    assert (status, json.loads(body)["code"]) == (409, "already-seeded")
    async with node_tab(docs, "pad/notes") as late:
        await late.wait_text("Dear 🐈, hi")


async def test_files_over_http(server: ServerProcess) -> None:
    """IO1, IO5: the list, a file of each format with its type and name, and what is refused with its code."""
    base = "/api/rooms/pad/documents"
    markdown = b"# Plan\n\n- eat **well**\n"
    assert (await ask(server, "PUT", f"{base}/a/plan?format=markdown&root=default", markdown))[0] == 201
    status, headers, body = await ask(server, "GET", f"{base}/a/plan?format=markdown")
    assert (status, body, headers["content-type"]) == (200, markdown, "text/markdown; charset=utf-8")
    assert headers["content-disposition"] == 'attachment; filename="plan.md"'
    assert headers["x-content-type-options"] == "nosniff"
    assert (await ask(server, "GET", f"{base}/a%2Fplan"))[2] == b"Plan\neat well"
    _, _, update = await ask(server, "GET", f"{base}/a/plan?format=update")
    assert (await ask(server, "PUT", "/api/rooms/other/documents/copy?format=update", update))[0] == 201
    assert (await ask(server, "GET", "/api/rooms/other/documents/copy?format=update"))[2] == update
    listed: Any = json.loads((await ask(server, "GET", base))[2])
    assert listed == {"documents": [{"name": "a/plan", "bytes": len(update)}]}
    for method, path, body, status, code in (
        ("GET", f"{base}/a/plan?format=pdf", b"", 400, "bad-request"),
        ("GET", f"{base}/a//plan", b"", 400, "bad-name"),
        ("PUT", f"{base}/bad", b"\xff", 400, "bad-request"),
        ("PUT", f"{base}/deep?format=json", b"[" * 9000, 413, "too-large"),
        ("PUT", f"{base}/served?format=update", update, 403, "update-foreign"),
        ("PUT", f"{base}/large", b"x" * ((8 << 20) + 1), 413, "too-large"),
        ("PUT", base, b"x", 405, "bad-request"),
        ("GET", f"{base}/never", b"", 200, ""),
    ):
        found, _, told = await ask(server, method, path, body)
        assert (found, json.loads(told)["code"] if told else "") == (status, code), path
    assert json.loads((await ask(server, "GET", base))[2]) == listed
