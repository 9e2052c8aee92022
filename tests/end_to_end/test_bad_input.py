"""Hostile and broken sockets beside stock tabs: a stable code for them, and nothing for anybody else."""

import random
from collections.abc import Iterator

import pycrdt
import trio

from tests.clients.node_tab import node_tab
from tests.clients.raw_socket import RawSocket, raw_socket

from .asking import kinds
from .serving import ServerProcess

MIB = 1 << 20
STEP_1, STEP_2 = 0, 1


def _frame(message: int, payload: bytes) -> bytes:
    """A y-protocols sync frame."""
    length, head = len(payload), bytearray()
    while length > 0x7F:
        head.append(0x80 | length & 0x7F)
        length >>= 7
    head.append(length)
    return bytes([0, message]) + bytes(head) + payload


def _honest_frames() -> list[bytes]:
    """What a well-behaved client would send: the stuff to break."""
    doc = pycrdt.Doc()
    text = doc.get("content", type=pycrdt.Text)
    before = doc.get_state()
    text += "some honest words"
    typed = doc.get_update(before)
    del text[3:7]
    cut = doc.get_update(before)
    doc.get("map", type=pycrdt.Map)["key"] = pycrdt.Array([1, "two", None])
    awareness = bytes([1, 6, 1, 5, 1, 2]) + b"{}"
    return [
        _frame(0, doc.get_state()),
        _frame(1, doc.get_update()),
        _frame(2, typed),
        _frame(2, cut),
        awareness,
        b"\x03",
    ]


def _broken(rng: random.Random, count: int) -> Iterator[bytes]:
    """Junk, truncations, flipped bytes, doubled frames."""
    honest = _honest_frames()
    for _ in range(count):
        frame = bytearray(rng.choice(honest))
        match rng.randrange(5):
            case 0:
                frame = bytearray(rng.randbytes(rng.randrange(0, 200)))
            case 1:
                del frame[rng.randrange(len(frame)) :]
            case 2:
                for _ in range(rng.randrange(1, 5)):
                    frame[rng.randrange(len(frame))] = rng.randrange(256)
            case 3:
                frame += rng.randbytes(rng.randrange(1, 50))
            case _:
                frame = bytearray(b"\xff" * rng.randrange(1, 30)) + frame
        yield bytes(frame)


async def _throw(url: str, seed: int, count: int) -> int:
    """Send broken frames, with a new socket whenever the last one was closed; returns how many sockets it took."""
    frames = list(_broken(random.Random(seed), count))
    sockets = 0
    while frames:
        sockets += 1
        async with raw_socket(url, ["plait.v1"]) as socket:
            while frames and await socket.send_if_open(frames[-1]):
                frames.pop()
                # Let a close that is on its way arrive, so that most frames meet an open socket.
                await trio.lowlevel.checkpoint()
    return sockets


async def test_garbage_never_disturbs_another_tab(server: ServerProcess) -> None:
    """EE30: broken frames on the same document, the room document and a neighbour leave stock tabs in agreement."""
    docs = f"{server.ws}/docs"
    async with node_tab(docs, "pad") as one, node_tab(docs, "pad") as two, node_tab(docs, "pad/other") as other:
        for tab in (one, two, other):
            await tab.wait_synced()
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_throw, f"{docs}/pad", 1, 250)
                nursery.start_soon(_throw, f"{docs}/pad/other", 2, 250)
                nursery.start_soon(_throw, f"{server.ws}/rooms/pad", 3, 250)
                for n in range(40):
                    await one.insert(0, f"<a{n}>")
                    await two.insert(0, f"<b{n}>")
        # An edit of one's own comes back behind all that the server took before, be it from whom it may.
        await one.insert(0, "<a40>")
        await two.insert(0, "<b40>")
        await other.insert(0, "<c>")
        for tab in (one, two, other):
            await tab.wait_acked()
        marks = [f"<{name}{n}>" for name in "ab" for n in range(41)]
        await one.wait_pieces(marks)
        await two.wait_pieces(marks)
        await two.wait_text(await one.text())
        async with node_tab(docs, "pad") as fresh, node_tab(docs, "pad/other") as neighbour:
            await fresh.wait_text(await one.text())
            await neighbour.wait_text(await other.text())
            for tab in (one, two, other, fresh, neighbour):
                look = await tab.look()
                assert not look["pending"]
                assert look["closes"] == []
        assert (await server.get("/health"))[0] == 200
    assert "Traceback" not in server.log
    # The same file opens again: nothing that was logged breaks recovery.
    text = await _restarted_text(server)
    assert all(mark in text for mark in marks)


async def _restarted_text(server: ServerProcess) -> str:
    await server.kill()
    await server.start()
    async with node_tab(f"{server.ws}/docs", "pad") as fresh:
        await fresh.wait_synced()
        return await fresh.text()


async def test_broken_json_is_refused_and_the_socket_stays(server: ServerProcess) -> None:
    """EE31: text frames that are no command get a stable code, change nothing, and the document goes on beside them."""
    async with node_tab(f"{server.ws}/rooms", "lobby", protocols=["plait.v1"]) as tab:
        await tab.wait_synced()
        texts = {
            "{": "bad-json",
            "[]": "bad-json",
            '"prompt"': "bad-json",
            '{"id": "a"}': None,
            '{"id": 5, "do": "prompt", "text": "x"}': "bad-json",
            '{"id": "b", "do": "prompt", "text": 5}': "bad-json",
            '{"id": "c", "do": "prompt"}': "bad-json",
            '{"id": "d", "do": "fly"}': "unknown-command",
            '{"id": "", "do": "prompt", "text": "x"}': "bad-json",
            '{"id": "e", "do": "prompt", "text": "\\ud800"}': "bad-json",
            '{"id": "f", "do": "prompt", "text": "' + "x" * (65 << 10) + '"}': "too-large",
        }
        for text, code in texts.items():
            after = await tab.ask("send_text", text=text)
            refused = (await tab.wait_frame("refused", after=after))["refused"]
            assert code in (None, refused["code"]), (text[:60], refused)
        assert (await tab.control(id="ok", do="ping"))["ok"] is not None
        assert await server.records("lobby") == []
        assert (await tab.look())["closes"] == []
    assert "Traceback" not in server.log


async def test_oversize_frames_close_with_4413(server: ServerProcess) -> None:
    """EE32: a message over the limit ends its socket with 4413, one beyond twice the limit with 1009; others go on."""
    url = f"{server.ws}/docs/pad"
    async with node_tab(f"{server.ws}/docs", "pad") as tab:
        await tab.insert(0, "small")
        await tab.wait_acked()
        async with raw_socket(url) as socket:
            await socket.send(_frame(2, b"\x00" * (MIB + 1)))
            assert await socket.close_code() == 4413
        async with raw_socket(url) as socket:
            await socket.send(_frame(2, b"\x00" * (3 * MIB)))
            assert await socket.close_code() == 1009
        await tab.append(" again")
        await tab.wait_acked()
        assert (await tab.look())["closes"] == []


async def test_a_paste_beyond_the_limit_ends_a_stock_tab_for_good(server: ServerProcess) -> None:
    """EE33: a stock tab that is closed with 4413 does not come back on its own, so it cannot loop."""
    async with node_tab(f"{server.ws}/docs", "pad") as tab:
        await tab.wait_synced()
        await tab.insert(0, "x" * (MIB + 10))
        await tab.wait_closed(4413)
        look = await tab.look()
        assert not look["trying"]
    assert kinds(await server.records("pad")) == []


async def test_bad_names_close_with_4400(server: ServerProcess) -> None:
    """EE34: a name outside the rule is accepted and closed with 4400, which stops a stock tab."""
    for path in ("rooms", "docs"):
        for name in ("-begins-badly", "sp%20ace", "docs", "%2e%2e", "x" * 201):
            async with node_tab(f"{server.ws}/{path}", name) as tab:
                await tab.wait_closed(4400)
                assert not (await tab.look())["trying"]
    async with node_tab(f"{server.ws}/docs", "pad//x") as tab:
        await tab.wait_closed(4400)


async def _next_sync(socket: RawSocket) -> int:
    """Which sync message comes next, presence left out."""
    with trio.fail_after(60):
        while (frame := await socket.recv())[0] != 0:
            pass
        return frame[1]


async def test_an_update_that_leans_on_what_is_missing_is_asked_for_again(server: ServerProcess) -> None:
    """EE35: an update with missing dependencies is not logged; its sender is asked, and a whole one is taken."""
    doc = pycrdt.Doc()
    text = doc.get("content", type=pycrdt.Text)
    text += "first "
    middle = doc.get_state()
    text += "second"
    leaning, whole = doc.get_update(middle), doc.get_update()
    async with node_tab(f"{server.ws}/docs", "pad") as tab, raw_socket(f"{server.ws}/docs/pad") as socket:
        await tab.wait_synced()
        assert await _next_sync(socket) == STEP_1
        await socket.send(_frame(0, b"\x00"))
        assert await _next_sync(socket) == STEP_2
        await socket.send(_frame(2, leaning))
        assert await _next_sync(socket) == STEP_1
        assert await server.records("pad") == []
        await socket.send(_frame(1, whole))
        await tab.wait_text("first second")
    assert kinds(await server.records("pad"))[:1] == ["document-edited"]
