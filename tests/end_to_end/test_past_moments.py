"""The past, looked at by stock tabs that know nothing of it."""

import json

from tests.clients.node_tab import node_tab

from .asking import prompt, streamed, words
from .serving import ServerProcess


async def test_a_stock_tab_in_the_past(server: ServerProcess) -> None:
    """RP3, RP4, RP14: the same URL with `at` shows the document as it stood, read-only, while the room goes on."""
    asked = words(60)
    async with (
        node_tab(f"{server.ws}/rooms", "lobby") as now,
        node_tab(f"{server.ws}/docs", "lobby/notes") as editor,
    ):
        await now.wait_synced()
        await editor.wait_synced()
        await editor.append("Monday. ")
        await editor.wait_acked()
        first = len(await server.records("lobby"))
        run = await prompt(server, "lobby", asked)
        await now.wait_runs(1, "done")
        await editor.append("Tuesday. ")
        await editor.wait_acked()

        records = await server.records("lobby")
        amid = next(record["seq"] for record in records if record["event"]["type"] == "text-streamed")
        at = {"at": str(amid)}
        async with (
            node_tab(f"{server.ws}/rooms", "lobby", params=at, protocols=["plait.v1"]) as then,
            node_tab(f"{server.ws}/docs", "lobby/notes", params=at) as written,
        ):
            await then.wait_synced()
            await written.wait_synced()
            (shown,) = await then.runs()
            assert (shown["id"], shown["status"]) == (run, "running")
            assert shown["answer"] == streamed(records[:amid], run) != asked
            assert await written.text() == "Monday. "
            assert (await then.control(id="p", do="prompt", text="Now?"))["refused"]["code"] == "past-moment"
            assert (await then.control(id="f", do="follow", after=0))["refused"]["code"] == "past-moment"
            assert "ok" in await then.control(id="l", do="ping")
            await written.append("Never. ")
            assert "permission denied" in str(await written.ask("wait_denied"))
            assert len(await written.presence()) == 1
            await editor.append("Wednesday. ")
            await editor.wait_acked()
            assert (await written.look())["trying"]
        assert await editor.text() == "Monday. Tuesday. Wednesday. "

        async with node_tab(f"{server.ws}/docs", "lobby/notes", params={"at": str(first)}) as earlier:
            await earlier.wait_text("Monday. ")
        async with node_tab(f"{server.ws}/rooms", "lobby", params={"at": "0"}) as before:
            await before.wait_synced()
            assert await before.runs() == []
        for value, code in (("999999", 4404), ("-1", 4400), ("soon", 4400)):
            async with node_tab(f"{server.ws}/rooms", "lobby", params={"at": value}) as lost:
                await lost.wait_closed(code)

        status, body = await server.get(f"/api/rooms/lobby/moment?at={amid}&document=notes")
        told = json.loads(body)
        assert status == 200
        assert (told["seq"], told["documents"], told["roots"]) == (amid, ["notes"], {"content": "Monday. "})
        assert told["runs"][run]["status"] == "running"
        sent_at = next(record["seq"] for record in records if record["event"]["type"] == "model-requested")
        status, body = await server.get(f"/api/rooms/lobby/request?at={sent_at}")
        assert (status, json.loads(body)["messages"][-1]["content"]) == (200, asked)
        for seq, status in ((1, 400), (999999, 404)):
            assert (await server.get(f"/api/rooms/lobby/request?at={seq}"))[0] == status
        for query, status in (("at=999999", 404), ("", 400), ("at=x", 400), ("at=1&document=..", 400)):
            assert (await server.get(f"/api/rooms/lobby/moment?{query}"))[0] == status
