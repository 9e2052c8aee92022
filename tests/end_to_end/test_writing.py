"""Stock tabs that write a shared document together."""

import trio

from tests.clients.node_tab import NodeTab, node_tab

from .asking import kinds
from .serving import ServerProcess


async def test_two_writers_converge(server: ServerProcess) -> None:
    """EE5: two tabs that type at once end with the same text, which holds every keystroke of both."""

    async def type_many(tab: NodeTab, name: str) -> None:
        for n in range(60):
            await tab.insert(0, f"<{name}{n}>")

    async with node_tab(f"{server.ws}/docs", "pad/notes") as one, node_tab(f"{server.ws}/docs", "pad/notes") as two:
        await one.wait_synced()
        await two.wait_synced()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(type_many, one, "a")
            nursery.start_soon(type_many, two, "b")
        pieces = [f"<{name}{n}>" for name in "ab" for n in range(60)]
        await one.wait_pieces(pieces)
        await two.wait_pieces(pieces)
        await one.wait_acked()
        await two.wait_acked()
        text = await one.text()
        assert text == await two.text()
        assert len(text) == sum(map(len, pieces))


async def test_offline_edits_merge(server: ServerProcess) -> None:
    """EE6: what two tabs wrote and deleted while offline merges when they come back."""
    async with node_tab(f"{server.ws}/docs", "pad") as one, node_tab(f"{server.ws}/docs", "pad") as two:
        await one.wait_synced()
        await one.insert(0, "The quick fox. The end.")
        await two.wait_text("The quick fox. The end.")
        await one.disconnect()
        await two.disconnect()
        await one.insert(10, "brown ")
        await two.delete(14, 9)
        await two.append(" Fin ✓")
        await one.connect()
        await two.connect()
        merged = "The quick brown fox. Fin ✓"
        await one.wait_text(merged)
        await two.wait_text(merged)


async def test_room_and_room_main_are_one_document(server: ServerProcess) -> None:
    """EE7: `/docs/room` and `/docs/room/main` are one document; another name is another document."""
    docs = f"{server.ws}/docs"
    async with node_tab(docs, "pad") as short, node_tab(docs, "pad/main") as long, node_tab(docs, "pad/x/y") as other:
        await other.wait_synced()
        await short.insert(0, "one")
        await long.wait_text("one")
        await other.insert(0, "two")
        await other.wait_acked()
        assert await short.text() == "one"
        assert await other.text() == "two"


async def test_reconnecting_writes_nothing(server: ServerProcess) -> None:
    """EE8: a tab that reconnects in sync adds no record, though its sync step 2 carries its whole delete set."""
    async with node_tab(f"{server.ws}/docs", "pad") as tab:
        await tab.wait_synced()
        await tab.insert(0, "abcdef")
        await tab.delete(1, 3)
        await tab.append("h")  # Acks are counted by clocks, which a deletion does not move.
        await tab.wait_acked()
        before = kinds(await server.records("pad"))
        for _ in range(3):
            await tab.disconnect()
            await tab.connect()
            await tab.wait_synced()
        await tab.append("g")
        await tab.wait_acked()
        assert kinds(await server.records("pad")) == [*before, "document-edited"]
