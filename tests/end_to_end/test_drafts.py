"""Stock tabs on a document and on its draft, and decisions over HTTP."""

import json
from typing import Any
from urllib.parse import quote

from tests.clients.node_tab import node_tab

from .serving import ServerProcess


async def _shown(server: ServerProcess, name: str) -> Any:
    status, body = await server.get(f"/api/rooms/pad/drafts?name={quote(name)}")
    return json.loads(body) if status == 200 else status


async def test_a_draft_is_written_by_a_stock_tab_and_accepted_over_http(server: ServerProcess) -> None:
    """DF2, DF8, DF13: the tab of the document sees what was accepted, merged with what it typed meanwhile."""

    async def ask(**command: Any) -> Any:
        status, answer = await server.post("/api/rooms/pad/commands", command)
        assert status == 200, answer
        return answer["ok"].get("result")

    async with node_tab(f"{server.ws}/docs", "pad/notes") as base:
        await base.wait_synced()
        await base.insert(0, "A good day. 🌞")
        await base.wait_acked()
        name = (await ask(id="p", do="propose", document="notes"))["draft"]
        async with node_tab(f"{server.ws}/docs", f"pad/{name}") as draft:
            await draft.wait_text("A good day. 🌞")
            await draft.delete(2, 4)
            await draft.insert(2, "🌧 bad")
            await draft.append(" Bye.")
            await draft.wait_acked()
            await base.insert(0, "Monday: ")
            await base.wait_acked()
            shown = await _shown(server, name)
            bad, bye = shown["hunks"]
            assert (shown["of"], shown["status"], shown["more"]) == ("notes", "open", 0)
            assert [part["text"] for part in bad["deleted"] + bad["inserted"]] == ["good", "🌧 bad"]
            said = await ask(id="a", do="accept", draft=name, hunks=[bad["id"]], seen=shown["seq"])
            assert said == {"hunks": [bad["id"]], "kept": []}
            await base.wait_text("Monday: A 🌧 bad day. 🌞")
            await ask(id="r", do="reject", draft=name, hunks=[bye["id"]])
            await draft.wait_text("A 🌧 bad day. 🌞")
            shown = await _shown(server, name)
            assert shown["hunks"] == []
            told = [(one["verdict"], one["hunks"], one["kept"], one["whole"]) for one in shown["decisions"]]
            assert told == [("accepted", 1, 0, False), ("rejected", 1, 0, False)]
        assert await _shown(server, "notes") == 404
