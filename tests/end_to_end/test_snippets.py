"""The snippets of specs/dialects.md, run as they stand: each connects, hears another tab and is heard."""

import re
import subprocess
import tempfile
from pathlib import Path

import pytest
import trio

from tests.clients.node_tab import HERE, node_tab

from .serving import ServerProcess

PAGE = Path(__file__).parents[2] / "specs" / "dialects.md"
SNIPPETS = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
OLDER = {
    "'y-websocket'": ("'y-websocket-1'", "'y-websocket-2'"),
    "'@hocuspocus/provider'": ("'@hocuspocus/provider-3'",),
}

BEFORE = "globalThis.WebSocket = (await import('ws')).WebSocket // Node 20 has none, browsers do.\n"
AFTER = """
const text = doc.getText ? doc.getText('content') : doc.get('content') // Yjs 14 has one type.
const seen = new Promise((resolve) => {
  const look = () => text.toString() === 'from a tab' && resolve()
  doc.on('update', look)
  look()
})
await seen
text.insert(text.length, ', from the snippet')
for await (const _ of process.stdin) { /* until the test has seen it */ }
process.exit(0)
"""


def variants() -> dict[str, str]:
    """Each snippet under its package's name, and with the older packages that it is also for."""
    found: dict[str, str] = {}
    for snippet in SNIPPETS:
        package = re.search(r"from ('[^']+')", snippet)
        assert package is not None
        for name in (package[1], *OLDER.get(package[1], ())):
            found[name.strip("'")] = snippet.replace(package[1], name)
    return found


@pytest.mark.parametrize("package", variants())
async def test_it_connects(server: ServerProcess, package: str) -> None:
    """HP16, EE40: the page's snippet, with its own package and with the older ones that it is for."""
    script = BEFORE + variants()[package].replace("127.0.0.1:8787", f"127.0.0.1:{server.port}") + AFTER
    async with node_tab(f"{server.ws}/docs", "pad/notes") as tab:
        await tab.insert(0, "from a tab")
        command = ["node", "--input-type=module", "-e", script]
        with tempfile.TemporaryFile() as errors:
            process = await trio.lowlevel.open_process(
                command, cwd=HERE, stdin=subprocess.PIPE, stdout=errors, stderr=errors
            )
            try:
                await tab.wait_text("from a tab, from the snippet")
            except AssertionError as error:
                errors.seek(0)
                raise AssertionError(errors.read().decode()[-2000:]) from error
            finally:
                with trio.CancelScope(shield=True):
                    process.kill()
                    await process.wait()
                    assert process.stdin is not None
                    await process.stdin.aclose()


async def test_yjs_14_comes_back(server: ServerProcess) -> None:
    """HP22: beside Yjs 13, over a kill -9, with what both typed meanwhile."""
    async with node_tab(f"{server.ws}/docs", "pad/notes") as tab:
        await tab.insert(0, "13 é.")
        command = ["node", "yjs14.mjs", f"{server.ws}/docs", "pad/notes"]
        process = await trio.lowlevel.open_process(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said, shown = process.stdin, process.stdout
        assert said is not None
        assert shown is not None

        async def tell(line: str, seen: bytes) -> None:
            await said.send_all(f"{line}\n".encode())
            with trio.fail_after(60):
                assert await shown.receive_some() == seen

        try:
            await tell("13 é.", b"joined\n")
            await tab.wait_text("13 é. And 14. 🙂")
            await server.kill()
            await tab.wait_disconnected()
            await tell("The server is dead.", b"offline\n")
            await tab.append(" 13 offline.")
            await server.start()
            last = "14 offline. 13 é. And 14. 🙂 13 offline."
            await tab.wait_text(last)
            await tell(last, b"merged\n")
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()
                await said.aclose()
                await shown.aclose()


def test_there_are_snippets() -> None:
    """HP16: the page has one for each provider."""
    assert len(variants()) == 7
