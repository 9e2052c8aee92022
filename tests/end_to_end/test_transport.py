"""The real server over TLS, its own and nginx's, with the clients that people have."""

import http.client
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from plait.runtime import connect

from tests.clients.node_tab import node_tab
from tests.conftest import Need, need_module

need_module("cryptography")

from tests.certificates import Files, certificate, subject
from tests.proxies.nginx import nginx, program

from .serving import ServerProcess, serving

KINDS = ["y-websocket-1", "y-websocket", "@hocuspocus/provider", "@y-sweet/client"]
WHO = """
import json, os
from plait.protocol.access import ANONYMOUS

def who(asker):
    with open(os.environ["ASKED"], "a") as asked:
        asked.write(json.dumps({"address": asker.address, "secure": asker.secure}) + "\\n")
    return ANONYMOUS
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A certificate that the clients which this process starts believe."""
    made = certificate(tmp_path)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(made.chain))
    monkeypatch.setenv("SSL_CERT_FILE", str(made.chain))
    return made


class Front:
    """What is seen from outside: a port that speaks TLS."""

    def __init__(self, port: int, files: Files) -> None:
        self.port = port
        self._files = files
        self.https = f"https://localhost:{port}"

    def ws(self, kind: str) -> str:
        """Where a provider of that kind finds documents."""
        return f"wss://localhost:{self.port}/{'hocuspocus' if kind.startswith('@hocuspocus') else 'docs'}"

    async def get(self, path: str, *, by: str = "127.0.0.1", **headers: str) -> tuple[int, bytes]:
        """A request from that address, on a thread."""

        def ask() -> tuple[int, bytes]:
            context = self._files.client()
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, source_address=(by, 0), context=context, timeout=60
            )
            try:
                connection.request("GET", path, headers={"Host": f"localhost:{self.port}", **headers})
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        return await trio.to_thread.run_sync(ask)

    async def shown(self) -> str:
        """The name in the certificate that a new connection gets."""

        def ask() -> str:
            context = self._files.client()
            with (
                socket.create_connection(("127.0.0.1", self.port)) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as opened,
            ):
                return subject(opened.getpeercert())  # type: ignore[arg-type]

        return await trio.to_thread.run_sync(ask)


async def providers_converge(front: Front) -> None:
    """Each kind of provider has the edits of the one before."""
    said = ""
    for kind in KINDS:
        async with node_tab(front.ws(kind), "pad/notes", kind=kind) as tab:
            await tab.wait_text(said)
            await tab.append(f"{kind} ✓ ")
            said += f"{kind} ✓ "
            await tab.wait_acked()


@asynccontextmanager
async def secured(folder: Path, files: Files) -> AsyncIterator[tuple[ServerProcess, Front]]:
    arguments = ["--tls-cert", str(files.chain), "--tls-key", str(files.key)]
    async with serving(folder, arguments=arguments) as server:
        yield server, Front(server.port, files)


async def test_providers_over_tls_of_our_own(tmp_path: Path, files: Files) -> None:
    """TP10: it says https, pages and records come over it, and stock providers and the Python client work."""
    async with secured(tmp_path, files) as (_, front):
        assert (tmp_path / "ready").read_text().strip().startswith("https://")
        await providers_converge(front)
        status, page = await front.get("/", Origin=front.https)
        assert (status, page[:15]) == (200, b"<!doctype html>")
        async with connect(front.https, "pad") as room:
            run = await room.prompt("over TLS")
            assert (await room.wait(run))["status"] == "done"


async def test_a_renewed_certificate(tmp_path: Path, files: Files) -> None:
    """TP8: SIGHUP reads it again; whoever is connected notices nothing."""
    renewed = certificate(tmp_path, "renewed")
    async with secured(tmp_path, files) as (server, front):
        async with node_tab(front.ws("y-websocket"), "pad") as tab:
            await tab.wait_synced()
            assert await front.shown() == "tls"
            both = Front(front.port, renewed)
            renewed.key.replace(files.key)
            files.chain.write_bytes(renewed.chain.read_bytes())
            os.kill(server.pid, signal.SIGHUP)
            with trio.fail_after(60):
                while True:  # The signal is heard when the loop comes to it.
                    try:
                        assert await both.shown() == "renewed"
                        break
                    except ssl.SSLCertVerificationError:
                        await trio.sleep(0.05)
            await tab.append("still here")
            await tab.wait_acked()
            assert (await tab.look())["opened"] == 1
        assert await server.terminate() == 0


async def test_behind_nginx(tmp_path: Path, files: Files, need: Need) -> None:
    """TP11: TLS ends at a real nginx; who asks is the browser's address, over TLS, whatever it says of itself."""
    if program() is None:
        need("nginx", "apt-get install nginx-light")
    (tmp_path / "asks.py").write_text(WHO)
    asked = tmp_path / "asked"
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path[:1]]), "ASKED": str(asked)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--auth", "asks:who", "--trust-proxy", "127.0.0.1"]
    async with serving(tmp_path, arguments=arguments, env=env) as server:
        with nginx(tmp_path / "nginx", files, port, server.port):
            front = Front(port, files)
            with trio.fail_after(60):
                while True:
                    try:
                        await front.get("/health")
                        break
                    except ConnectionRefusedError:
                        await trio.sleep(0.05)
            await providers_converge(front)
            asked.unlink()
            forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
            assert (await front.get("/api/rooms", by="127.0.0.2", Origin=front.https, **forged))[0] == 200
            told = [json.loads(line) for line in asked.read_text().splitlines()]
            assert told == [{"address": "127.0.0.2", "secure": True}]
            assert (await front.get("/api/rooms", Origin=f"http://localhost:{port}"))[0] == 403
            assert (await front.get("/api/rooms", Origin="https://evil.example"))[0] == 403
            assert (await front.get("/api/rooms", **{"X-Forwarded-Host": "evil.example"}))[0] == 200
