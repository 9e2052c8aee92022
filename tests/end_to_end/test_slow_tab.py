"""A tab that stops reading: bounded memory on the server, and the whole truth when it reads again."""

from tests.clients.node_tab import NodeTab, node_tab

from .serving import ServerProcess

PASTE = "lorem ipsum " * 8_000  # about 96 kB
ROUNDS = 150
GROWTH_KIB = 6 * 1024


async def _churn(writer: NodeTab, rounds: int) -> None:
    """Much traffic that leaves a small document: paste and cut again."""
    for _ in range(rounds):
        await writer.insert(0, PASTE)
        await writer.delete(0, len(PASTE))
        await writer.wait_acked()


async def _catch_ups(server: ServerProcess) -> int:
    _, metrics = await server.get("/metrics")
    line = next(line for line in metrics.decode().splitlines() if line.startswith("plait_catch_ups_total "))
    return int(float(line.split()[1]))


async def test_a_stalled_tab_costs_bounded_memory(server: ServerProcess) -> None:
    """EE28: while a tab does not read, the server's memory stays; when it reads again it converges without replay."""
    docs = f"{server.ws}/docs"
    async with node_tab(docs, "pad") as writer, node_tab(docs, "pad") as stalled, node_tab(docs, "pad") as awake:
        for tab in (writer, stalled, awake):
            await tab.wait_synced()
        # The same churn with everybody reading first, so that what grows in any case has grown.
        await _churn(writer, ROUNDS)
        before = server.resident_kib()
        read = (await stalled.look())["frames"]
        await stalled.pause()
        await _churn(writer, ROUNDS)
        grown = server.resident_kib() - before
        missed = ROUNDS * len(PASTE)
        assert grown < GROWTH_KIB, f"{grown} KiB for {missed >> 10} KiB of missed traffic"
        await writer.append("and here is the end")
        await awake.wait_text("and here is the end")
        await stalled.resume()
        await stalled.wait_text("and here is the end")
        look = await stalled.look()
        assert look["closes"] == []
        assert not look["pending"]
        # What the kernel held came first; the rest was a merged update and not a replay of everything.
        # The server counts all tabs' catch-ups: on a busy machine those that read may fall behind for a moment, too.
        assert await _catch_ups(server) >= 1
        assert look["frames"]["bytes"] - read["bytes"] < missed / 2
        # And it still takes part.
        await stalled.append("!")
        await awake.wait_text("and here is the end!")


async def test_a_stalled_tab_that_goes_away_is_forgotten(server: ServerProcess) -> None:
    """EE29: a tab that never reads again and vanishes leaves nothing behind and holds nobody up."""
    docs = f"{server.ws}/docs"
    async with node_tab(docs, "pad") as writer:
        await writer.wait_synced()
        for _ in range(3):
            async with node_tab(docs, "pad") as stalled:
                await stalled.wait_synced()
                await stalled.pause()
                await _churn(writer, 30)
                await stalled.vanish()
        await writer.append("done")
        async with node_tab(docs, "pad") as fresh:
            await fresh.wait_text("done")
    assert "Traceback" not in server.log
