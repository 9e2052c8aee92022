"""Published providers at a server that asks for grants: let in, sent away, back again with a fresh grant."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol import tokens
from plait.protocol.access import Grant
from plait.runtime.room.identity import Surroundings

from tests.clients.node_tab import NodeTab, node_tab

from .serving import ServerProcess, serving

YWEBSOCKET = ["y-websocket-1", "y-websocket-2", "y-websocket"]
HOCUSPOCUS = ["@hocuspocus/provider-3", "@hocuspocus/provider"]
SECRET = b"a shared secret of 32 bytes or more"


def token(*, lives_s: float = 3600, room: str = "pad", write: bool = True, id_: str = "") -> str:
    """A grant for that room, to read and perhaps to write, which is good for so long."""
    now = Surroundings().now()
    expires = now + round(lives_s * 1_000_000)
    grant = Grant("ann", rooms=(room,), write=write, admin=room == "*", id=id_, issued=now, expires=expires)
    return tokens.sign(grant, tokens.secret(SECRET))


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """`plait serve` that asks for grants."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    async with serving(tmp_path, arguments=["--secret-file", str(secret)]) as running:
        yield running


def tab_with(kind: str, server: ServerProcess, shown: str, **more: Any) -> AbstractAsyncContextManager[NodeTab]:
    """A tab of that provider on `pad/notes`, which shows that token as its package has it."""
    path = "/hocuspocus" if kind in HOCUSPOCUS else "/docs"
    shows: dict[str, Any] = {"params": {"token": shown}} if kind in YWEBSOCKET else {"token": shown}
    return node_tab(f"{server.ws}{path}", "pad/notes", kind=kind, **shows, **more)


@pytest.mark.parametrize("kind", [*YWEBSOCKET, *HOCUSPOCUS, "@y-sweet/client"])
async def test_a_grant_lets_in_and_another_lets_in_again(guarded: ServerProcess, kind: str) -> None:
    """AC8, AC16, EE41: with a token a provider writes; when its grant counts no more its socket ends with 4301, and
    with the app's fresh token it is back by itself with all that was typed."""
    async with (
        tab_with("y-websocket", guarded, token()) as other,
        tab_with(kind, guarded, token(id_="first")) as tab,
    ):
        await tab.wait_synced()
        await tab.append("before ")
        await other.wait_text("before ")
        await tab.ask("renew", token=token(id_="second"))
        keeper = token(room="*")
        assert (await guarded.post(f"/api/revocations?token={keeper}", {"grant": "first"}))[0] == 200
        await tab.wait_closed(4301)
        await tab.append("after ")
        await other.wait_text("before after ")
        assert (await tab.look())["denied"] == []


async def test_a_provider_is_asked_before_its_grant_ends(guarded: ServerProcess) -> None:
    """AC13, EE41: Hocuspocus shows a fresh token on the open socket, which stays open beyond the first one's end."""
    lives_s = 15.0
    first = token(lives_s=lives_s)
    ends = trio.current_time() + lives_s
    async with tab_with("@hocuspocus/provider", guarded, first) as tab:
        await tab.wait_synced()
        await tab.ask("renew", token=token())
        await trio.sleep_until(ends + 2)
        await tab.append("after ")
        await tab.wait_saved()
        look = await tab.look()
        assert (look["opened"], look["closes"], look["denied"]) == (1, [], [])


async def test_who_has_no_grant_stays_out(guarded: ServerProcess) -> None:
    """AC9, EE42: without a grant, or with one for another room, a socket ends with 4401 or 4403, and a provider that
    knows these codes does not come again; a Hocuspocus document is denied."""
    for shown, code in (("nonsense", 4401), (token(room="elsewhere"), 4403)):
        async with tab_with("y-websocket", guarded, shown) as tab:
            await tab.wait_closed(code)
            await trio.sleep(1)
            look = await tab.look()
            assert (look["opened"], look["trying"]) == (1, False)
    for kind in HOCUSPOCUS:
        async with tab_with(kind, guarded, "nonsense") as tab:
            await tab.ask("wait_denied")
            await trio.sleep(1)
            assert (await tab.look())["opened"] == 1


@pytest.mark.parametrize("kind", ["y-websocket", *HOCUSPOCUS])
async def test_a_reader_reads(guarded: ServerProcess, kind: str) -> None:
    """AC12, EE43: who may read sees what others write, and what it writes itself reaches nobody."""
    async with (
        tab_with("y-websocket", guarded, token()) as writer,
        tab_with(kind, guarded, token(write=False)) as reader,
    ):
        await reader.wait_synced()
        await reader.append("mine ")
        await writer.append("yours ")
        await reader.wait_pieces(["yours "])
        await writer.wait_acked()
        assert await writer.text() == "yours "
