"""pycrdt's own provider, unmodified, beside a stock Yjs tab."""

import pycrdt
import trio

from tests.clients.node_tab import node_tab
from tests.clients.raw_socket import raw_socket

from .asking import prompt, words
from .serving import ServerProcess


async def _until_equal(doc: pycrdt.Doc, text: pycrdt.Text, wanted: str) -> None:
    with trio.fail_after(60):
        async with doc.events() as events:
            while str(text) != wanted:
                await anext(events)


async def test_pycrdts_provider_converges_with_a_stock_tab(server: ServerProcess) -> None:
    """EE19: a Python peer and a browser tab write one document, and both end with the same text."""
    doc = pycrdt.Doc()
    text = doc.get("content", type=pycrdt.Text)
    text += "from before, "
    async with (
        node_tab(f"{server.ws}/docs", "pad") as tab,
        raw_socket(f"{server.ws}/docs/pad") as channel,
        pycrdt.Provider(doc, channel) as provider,
    ):
        with trio.fail_after(60):
            await provider.synced.wait()
        await tab.wait_text("from before, ")
        await tab.append("from the tab ✓")
        await _until_equal(doc, text, "from before, from the tab ✓")
        text += " and from Python 🙂"
        await tab.wait_text("from before, from the tab ✓ and from Python 🙂")


async def test_pycrdts_provider_watches_a_run(server: ServerProcess) -> None:
    """EE20: the room document read by pycrdt alone shows the run and its answer."""
    asked = words(40)
    async with node_tab(f"{server.ws}/rooms", "lobby") as tab:
        run = await prompt(server, "lobby", asked)
        await tab.wait_runs(1, "done")
    doc = pycrdt.Doc()
    runs = doc.get("runs", type=pycrdt.Map)
    async with raw_socket(f"{server.ws}/rooms/lobby") as channel, pycrdt.Provider(doc, channel) as provider:
        with trio.fail_after(60):
            await provider.synced.wait()
    shown = runs.to_py()
    assert shown is not None
    assert shown[run]["status"] == "done"
    assert "".join(shown[run]["parts"][0]["text"]) == asked
