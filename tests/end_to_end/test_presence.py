"""Who is here, as stock tabs see it."""

from contextlib import AsyncExitStack

from tests.clients.node_tab import NodeTab, node_tab

from .serving import ServerProcess

TABS = 20


async def test_a_joiner_sees_who_is_present_and_who_vanishes(server: ServerProcess) -> None:
    """EE9: presence reaches a joiner at once, and leaves with its socket even if that said nothing."""
    async with node_tab(f"{server.ws}/docs", "pad") as one, node_tab(f"{server.ws}/docs", "pad") as two:
        await one.set_presence({"user": {"name": "Ada", "color": "#f00"}, "cursor": {"at": 3}})
        # A tab's first state, empty at clock 0, is never spread by stock clients; so this one says something.
        await two.set_presence({"user": {"name": "Bo"}})
        await two.wait_peers(2)
        look = await one.look()
        states = await two.presence()
        assert states[look["client"]]["cursor"] == {"at": 3}
        assert states[look["client"]]["user"]["color"] == "#f00"
        async with node_tab(f"{server.ws}/docs", "pad") as late:
            await late.set_presence({"user": {"name": "Cy"}})
            await late.wait_peers(3)
            assert (await late.presence())[look["client"]]["cursor"] == {"at": 3}
            await one.vanish()
            await late.wait_peers(2)
            await two.wait_peers(2)
            assert look["client"] not in await late.presence()


async def test_a_cleared_presence_is_seen(server: ServerProcess) -> None:
    """EE10: a tab that clears its state disappears for the others while its socket lives."""
    async with node_tab(f"{server.ws}/docs", "pad") as one, node_tab(f"{server.ws}/docs", "pad") as two:
        await one.set_presence({"user": {"name": "Ada"}})
        await two.wait_peers(2)
        await one.set_presence(None)
        await two.wait_peers(1)
        assert (await one.look())["connected"]


async def _settle(tabs: list[NodeTab]) -> int:
    """Wait until the server has read whatever the tabs sent so far; returns the awareness frames that they got."""
    for tab in tabs:
        # A socket is read in order, so an edit that came back proves that everything before it was read.
        await tab.insert(0, ".")
        await tab.wait_acked()
    return sum([(await tab.look())["frames"]["awareness"] for tab in tabs])


async def test_one_change_is_one_frame_per_tab(server: ServerProcess) -> None:
    """EE11: every stock tab re-broadcasts what it hears; one change still costs one frame per tab, never N times N."""
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(node_tab(f"{server.ws}/docs", "pad")) for _ in range(TABS)]
        for n, tab in enumerate(tabs):
            await tab.set_presence({"n": n})
        for tab in tabs:
            await tab.wait_peers(TABS)
        await _settle(tabs)
        before = await _settle(tabs)
        await tabs[0].set_presence({"n": "changed"})
        for tab in tabs:
            await tab.wait_presence("n", "changed")
        # Renewals of 15 s may fall into the window; the square of the tabs may not.
        assert TABS <= await _settle(tabs) - before <= 2 * TABS


async def test_who_one_is_is_for_the_server_to_say(server: ServerProcess) -> None:
    """ET2, AW7: a stock tab that calls itself an agent is shown as a person, and keeps what else it says of itself."""
    async with node_tab(f"{server.ws}/docs", "pad") as one, node_tab(f"{server.ws}/docs", "pad") as two:
        await one.set_presence({"user": {"name": "Ada", "role": "agent", "color": "#f00"}})
        await two.wait_peers(2)
        shown = (await two.presence())[(await one.look())["client"]]
        assert shown["user"] == {"name": "Ada", "role": "person", "color": "#f00"}
