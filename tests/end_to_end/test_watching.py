"""Stock tabs that watch an agent at work: every one shows the same answer, whenever it came."""

import trio

from tests.clients.node_tab import node_tab

from .asking import kinds, prompt, streamed, words
from .paced import Pace
from .serving import ServerProcess


async def test_two_tabs_and_the_log_show_the_same_answer(server: ServerProcess) -> None:
    """EE1: what streams is equal in every tab and in the log, non-ASCII and spaces included."""
    asked = words(300) + "  zwei  Räume 🙂 \n\n end"
    async with (
        node_tab(f"{server.ws}/rooms", "lobby", echo=True) as one,
        node_tab(f"{server.ws}/rooms", "lobby") as two,
    ):
        await one.wait_synced()
        await two.wait_synced()
        run = await prompt(server, "lobby", asked)
        await one.wait_runs(1, "done")
        await two.wait_runs(1, "done")
        shown = await one.runs()
        assert shown == await two.runs()
        assert [(entry["id"], entry["prompt"], entry["answer"]) for entry in shown] == [(run, asked, asked)]
        assert streamed(await server.records("lobby"), run) == asked
        look = await one.look()
        assert look["torn"] == []
        assert not look["pending"]


async def test_a_tab_that_opens_in_the_middle_shows_what_is_there_at_once(
    paced_server: ServerProcess, pace: Pace
) -> None:
    """EE2: a reload in the middle of an answer shows at least what another tab had seen, in the first sync."""
    asked = words(150)
    pace.words(60)
    async with node_tab(f"{paced_server.ws}/rooms", "lobby", echo=True) as early:
        await prompt(paced_server, "lobby", asked, agent="paced")
        await early.wait_answer(200)
        seen = len((await early.runs())[0]["answer"])
        async with node_tab(f"{paced_server.ws}/rooms", "lobby", echo=True) as late:
            await late.wait_synced()
            first = (await late.runs())[0]
            assert first["status"] == "running"
            assert len(first["answer"]) >= seen
            pace.go_on()
            await late.wait_runs(1, "done")
            await early.wait_runs(1, "done")
            assert (await late.runs())[0]["answer"] == asked
            assert await late.runs() == await early.runs()
            assert (await late.look())["torn"] == []


async def test_a_run_goes_on_when_every_tab_is_closed(paced_server: ServerProcess, pace: Pace) -> None:
    """EE3: a closed socket never means stop."""
    asked = words(80)
    pace.words(20)
    async with node_tab(f"{paced_server.ws}/rooms", "lobby") as tab:
        await prompt(paced_server, "lobby", asked, agent="paced")
        await tab.wait_answer(20)
        await tab.vanish()
    pace.go_on()
    with trio.fail_after(60):
        async with node_tab(f"{paced_server.ws}/rooms", "lobby") as later:
            await later.wait_runs(1, "done")
            assert (await later.runs())[0]["answer"] == asked
    assert "stop-requested" not in kinds(await paced_server.records("lobby"))


async def test_a_tab_cannot_write_the_room_document(server: ServerProcess) -> None:
    """EE4: a write into the room document is answered once with permission denied, and nobody else ever sees it."""
    async with node_tab(f"{server.ws}/rooms", "lobby") as rude, node_tab(f"{server.ws}/rooms", "lobby") as other:
        await rude.wait_synced()
        await other.wait_synced()
        await rude.ask("overwrite_runs", key="000000000001", value="mine")
        await rude.ask("wait_denied")
        await rude.ask("overwrite_runs", key="000000000002", value="mine")
        await prompt(server, "lobby", "still here")
        await other.wait_runs(1, "done")
        assert [run["answer"] for run in await other.runs()] == ["still here"]
        look = await rude.look()
        assert look["connected"]
        assert len(look["denied"]) == 1
