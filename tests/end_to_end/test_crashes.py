"""`kill -9` and deploys at seeded moments: nothing acknowledged is lost, nothing is doubled, nothing hangs."""

import base64
import http.client
import random
from pathlib import Path

import pycrdt
import pytest
import trio

from tests.clients.node_tab import NodeTab, node_tab

from .asking import kinds, prompt, words
from .paced import Pace
from .serving import ServerProcess, serving

TERMINAL = {"run-finished", "run-stopped", "run-failed"}


class Writer:
    """A tab that types numbered marks and remembers them, whether or not anybody listens."""

    def __init__(self, tab: NodeTab, name: str) -> None:
        self.tab = tab
        self.name = name
        self.marks: list[str] = []

    async def type_until(self, stop: trio.Event) -> None:
        while not stop.is_set():
            mark = f"<{self.name}{len(self.marks)}>"
            self.marks.append(mark)
            await self.tab.insert(0, mark)


def _text_by_log(records: list[dict[str, object]]) -> str:
    """The shared text that the records' stored updates give, in log order, without the server."""
    doc = pycrdt.Doc()
    text = doc.get("content", type=pycrdt.Text)
    for record in records:
        if record["document"] == "main" and record["update"]:
            doc.apply_update(base64.b64decode(str(record["update"])))
    return str(text)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_acknowledged_edit_is_lost(server: ServerProcess, seed: int) -> None:
    """EE12: after kill -9 at a seeded moment and a restart, every edit that was echoed is there, once."""
    rng = random.Random(seed)
    docs = f"{server.ws}/docs"
    async with node_tab(docs, "pad") as one, node_tab(docs, "pad") as two:
        writers = [Writer(one, "a"), Writer(two, "b")]
        for writer in writers:
            await writer.tab.wait_synced()
        for _ in range(2):
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                for writer in writers:
                    nursery.start_soon(writer.type_until, stop)
                # The moment is a number of acknowledged characters ahead, not a time: slow machines get there too.
                await one.wait_acked((await one.look())["acked"] + rng.randrange(1, 600))
                await server.kill()
                stop.set()
            for writer in writers:
                await writer.tab.wait_disconnected()
                await writer.tab.disconnect()
            await server.start()
            # Nobody who still has the edits is connected: what a newcomer gets was on the disk.
            async with node_tab(docs, "pad") as fresh:
                await fresh.wait_synced()
                held = await fresh.vector()
                for writer in writers:
                    look = await writer.tab.look()
                    assert held.get(str(look["client"]), 0) >= look["acked"]
                    assert look["acked"] > 0
            for writer in writers:
                await writer.tab.connect()
                await writer.tab.wait_synced()
                await writer.tab.wait_acked()
        marks = writers[0].marks + writers[1].marks
        await one.wait_pieces(marks)
        await two.wait_pieces(marks)
        text = await one.text()
        assert text == await two.text()
        assert len(text) == sum(map(len, marks))
        records = await server.records("pad")
        assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
        assert _text_by_log(records) == text


async def test_a_run_that_was_cut_finishes_with_one_clean_answer(paced_server: ServerProcess, pace: Pace) -> None:
    """EE13: a run cut by kill -9 goes on after the restart; no tab ever shows two attempts mixed."""
    server = paced_server
    asked = words(120)
    rng = random.Random(13)
    async with node_tab(f"{server.ws}/rooms", "lobby", echo=True) as tab:
        await prompt(server, "lobby", asked, agent="paced")
        for _ in range(2):
            pace.words(60)
            await tab.wait_runs(1, "running")
            await tab.wait_answer(rng.randrange(1, 120))
            await server.kill()
            await tab.wait_disconnected()
            await tab.disconnect()
            await server.start()
            await tab.connect()
            await tab.wait_synced()
        pace.go_on()
        await tab.wait_runs(1, "done")
        shown = await tab.runs()
        assert [run["answer"] for run in shown] == [asked]
        assert (await tab.look())["torn"] == []
        async with node_tab(f"{server.ws}/rooms", "lobby") as fresh:
            await fresh.wait_runs(1, "done")
            assert await fresh.runs() == shown
    told = kinds(await server.records("lobby"))
    assert told.count("model-interrupted") >= 1
    assert [kind for kind in told if kind in TERMINAL] == ["run-finished"]


async def test_a_run_goes_on_after_a_restart_though_nobody_opens_its_room(
    paced_server: ServerProcess, pace: Pace
) -> None:
    """EE14: the restarted server takes up open runs by itself; no tab has to wake the room."""
    asked = words(60)
    pace.words(10)
    async with node_tab(f"{paced_server.ws}/rooms", "lobby") as tab:
        await prompt(paced_server, "lobby", asked, agent="paced")
        await tab.wait_answer(10)
    await paced_server.kill()
    pace.go_on()
    await paced_server.start()
    with trio.fail_after(60):
        # Asked now and then, because whatever would tell us live would also wake the room.
        while "run-finished" not in kinds(await paced_server.records("lobby")):  # noqa: ASYNC110
            await trio.sleep(0.1)


async def test_a_command_asked_again_after_a_crash_happened_once(slow_server: ServerProcess) -> None:
    """EE15: the same command id gets its first answer after kill -9 and a restart; there is one run."""
    asked = words(30)
    first = await prompt(slow_server, "lobby", asked, command="only")
    await slow_server.kill()
    await slow_server.start()
    assert await prompt(slow_server, "lobby", asked, command="only") == first
    assert kinds(await slow_server.records("lobby")).count("run-requested") == 1


async def test_sigterm_is_a_deploy_and_not_an_end(paced_server: ServerProcess, pace: Pace) -> None:
    """EE16: SIGTERM closes sockets with 1012, exits 0, and the run resumes after the restart."""
    asked = words(100)
    pace.words(30)
    async with node_tab(f"{paced_server.ws}/rooms", "lobby", echo=True) as tab:
        await prompt(paced_server, "lobby", asked, agent="paced")
        await tab.wait_answer(50)
        assert await paced_server.terminate() == 0
        await tab.wait_closed(1012)
        pace.go_on()
        await paced_server.start()
        # The stock client comes back by itself after 1012.
        await tab.wait_runs(1, "done")
        assert [run["answer"] for run in await tab.runs()] == [asked]
        assert (await tab.look())["torn"] == []
    told = kinds(await paced_server.records("lobby"))
    assert [kind for kind in told if kind in TERMINAL] == ["run-finished"]
    assert "Traceback" not in paced_server.log


async def test_sigterm_with_nothing_to_do(server: ServerProcess) -> None:
    """EE17: an idle server, with or without tabs, ends at once at SIGTERM and leaves a file that opens again."""
    async with node_tab(f"{server.ws}/docs", "pad") as tab:
        await tab.insert(0, "kept")
        await tab.wait_acked()
        with trio.fail_after(60):
            assert await server.terminate() == 0
        await server.start()
        async with node_tab(f"{server.ws}/docs", "pad") as fresh:
            await fresh.wait_text("kept")


async def test_a_second_server_on_the_same_file_is_refused(server: ServerProcess, tmp_path: Path) -> None:
    """EE18: the second `plait serve` says which process holds the file, exits, and the first goes on unharmed."""
    command = [part if part != str(server.port) else "0" for part in server.command()]
    second = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    assert second.returncode not in (0, None)
    said = second.stderr.decode()
    assert str(server.pid) in said
    assert "Traceback" not in said
    assert second.stdout == b""
    async with node_tab(f"{server.ws}/docs", "pad") as tab:
        await tab.insert(0, "unharmed")
        await tab.wait_acked()
    await server.kill()
    async with serving(tmp_path) as again:
        assert len(await again.records("pad")) >= 1


async def test_a_lost_database_is_another_lineage(server: ServerProcess, tmp_path: Path) -> None:
    """EE38: a tab that holds a history which the room never had is closed with 4409 and stays away; what tabs alone
    wrote is taken from them again."""
    async with node_tab(f"{server.ws}/rooms", "pad") as watcher, node_tab(f"{server.ws}/docs", "pad") as writer:
        await prompt(server, "pad", words(5))
        await watcher.wait_runs(1, "done")
        await writer.insert(0, "mine")
        await writer.wait_acked()
        await server.kill()
        for path in list(tmp_path.glob("plait.db*")):  # noqa: ASYNC240
            path.unlink()
        await server.start()
        await watcher.wait_closed(4409)
        assert not (await watcher.look())["trying"]
        await writer.wait_synced()
        async with node_tab(f"{server.ws}/docs", "pad") as fresh:
            await fresh.wait_text("mine")


async def test_sigterm_at_any_moment(slow_server: ServerProcess) -> None:
    """EE39: prompts that stream and prompts that come never keep a server from ending at SIGTERM; each happens once."""
    rng = random.Random(39)
    answered: dict[str, str] = {}
    texts = [words(rng.randrange(1, 20)) for _ in range(1000)]
    asked_by = dict.fromkeys("abc", 0)

    async def ask_on(name: str, stop: trio.Event) -> None:
        while not stop.is_set():
            n = asked_by[name]
            command = f"{name}-{n}"
            try:
                answered[command] = await prompt(slow_server, f"room-{name}", texts[n], command)
            except (OSError, http.client.HTTPException, AssertionError):
                await trio.lowlevel.checkpoint()  # The same command again: whether it happened is not known.
            else:
                asked_by[name] += 1

    for _ in range(6):
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(ask_on, name, stop)
            target = len(answered) + rng.randrange(1, 12)
            while len(answered) < target:  # noqa: ASYNC110
                await trio.sleep(0.01)
            assert await slow_server.terminate() == 0
            stop.set()
        await slow_server.start()
    for name in "abc":
        log = await slow_server.records(f"room-{name}")
        asked = [record["run"] for record in log if record["event"]["type"] == "run-requested"]
        mine = [run for command, run in answered.items() if command.startswith(name)]
        assert len(set(mine)) == len(mine)
        assert set(mine) <= set(asked)
    assert "Traceback" not in slow_server.log
