"""The control channel beside the stock provider on one socket."""

from tests.clients.node_tab import node_tab

from .asking import kinds, prompt, words
from .paced import Pace
from .serving import ServerProcess

CONTROL = ("plait.v1",)


async def test_a_prompt_is_answered_when_it_is_on_disk(server: ServerProcess) -> None:
    """EE21: the answer names seq and run, and comes after the document bytes of that record."""
    async with node_tab(f"{server.ws}/rooms", "lobby", protocols=CONTROL) as tab:
        await tab.wait_synced()
        answer = await tab.control(id="p1", do="prompt", text="hello there")
        run = answer["ok"]["run"]
        assert run == f"{answer['ok']['seq']:012d}"
        beside = next(entry for entry in await tab.frames() if entry["frame"].get("id") == "p1")
        assert run in beside["runs"]
        await tab.wait_runs(1, "done")
        assert [entry["id"] for entry in await tab.runs()] == [run]


async def test_a_repeated_id_gets_its_first_answer(server: ServerProcess) -> None:
    """EE22: twice under one id happens once; the same id with another body is refused as id-reused; from any tab."""
    rooms = f"{server.ws}/rooms"
    async with node_tab(rooms, "lobby", protocols=CONTROL) as one, node_tab(rooms, "lobby", protocols=CONTROL) as two:
        first = await one.control(id="p1", do="prompt", text="hello")
        assert await one.control(id="p1", do="prompt", text="hello") == first
        assert await two.control(id="p1", do="prompt", text="hello") == first
        other = await two.control(id="p1", do="prompt", text="something else")
        assert other["refused"]["code"] == "id-reused"
        assert (await two.control(id="x", do="make-coffee"))["refused"]["code"] == "unknown-command"
        assert (await two.control(id="x", do="prompt", text="now valid"))["ok"]["run"]
        await one.wait_runs(2, "done")
    assert kinds(await server.records("lobby")).count("run-requested") == 2


async def test_stop_from_another_tab(slow_server: ServerProcess) -> None:
    """EE23: stop ends the run for everybody, and what was streamed stays."""
    asked = words(5000)
    rooms = f"{slow_server.ws}/rooms"
    async with node_tab(rooms, "lobby", protocols=CONTROL) as one, node_tab(rooms, "lobby", protocols=CONTROL) as two:
        await one.control(id="p1", do="prompt", text=asked)
        await one.wait_answer(30)
        assert "ok" in await two.control(id="s1", do="stop")
        await one.wait_runs(1, "stopped")
        await two.wait_runs(1, "stopped")
        shown = await one.runs()
        assert shown == await two.runs()
        assert asked.startswith(shown[0]["answer"])
        assert 30 <= len(shown[0]["answer"]) < len(asked)


async def test_prompts_queue(paced_server: ServerProcess, pace: Pace) -> None:
    """EE24: a prompt while a run is on waits for its turn, and stop without a run ends every open one."""
    pace.words(5)
    async with node_tab(f"{paced_server.ws}/rooms", "lobby", protocols=CONTROL) as tab:
        for n in range(3):
            await tab.control(id=f"p{n}", do="prompt", agent="paced", text=words(20, name=f"turn{n}-"))
        await tab.wait_answer(10)
        assert [run["status"] for run in await tab.runs()] == ["running", "queued", "queued"]
        pace.go_on()
        await tab.wait_runs(3, "done")
        assert [run["answer"] for run in await tab.runs()] == [words(20, name=f"turn{n}-") for n in range(3)]
        pace.words(5)
        for n in range(3, 6):
            await tab.control(id=f"p{n}", do="prompt", agent="paced", text=words(20))
        await tab.control(id="s", do="stop")
        await tab.wait_runs(6, "done", "stopped")
        assert [run["status"] for run in await tab.runs()][3:] == ["stopped"] * 3


async def test_follow_streams_the_log_in_order(server: ServerProcess) -> None:
    """EE25: follow gives every record from its cursor once and in order, says caught_up, and goes on live."""
    async with node_tab(f"{server.ws}/rooms", "lobby", protocols=CONTROL) as tab:
        await tab.control(id="p1", do="prompt", text=words(50))
        await tab.wait_runs(1, "done")
        head = (await server.records("lobby"))[-1]["seq"]
        await tab.control(id="f", do="follow", after=1)
        caught_up = await tab.wait_frame("caught_up")
        assert caught_up["caught_up"] == head
        await tab.control(id="p2", do="prompt", text="live")
        await tab.wait_runs(2, "done")
        log = await server.records("lobby")
        await tab.wait_record(log[-1]["seq"])
        followed = [entry["frame"]["record"] for entry in await tab.frames() if "record" in entry["frame"]]
        assert followed == log[1:]


async def test_caught_up_comes_after_the_document(server: ServerProcess) -> None:
    """EE26: when caught_up n comes, the document already holds what the records up to n did."""
    for n in range(10):
        await prompt(server, "lobby", f"number {n}", command=f"p{n}")
    async with node_tab(f"{server.ws}/rooms", "lobby", protocols=CONTROL) as tab:
        # Asked at once: it may overtake the document's first sync in the server, but not on the way out.
        await tab.send_control(id="f", do="follow", after=0)
        await tab.wait_frame("caught_up")
        asked: set[str] = set()
        for entry in await tab.frames():
            record = entry["frame"].get("record")
            if record and record["event"]["type"] == "run-requested":
                asked.add(record["run"])
            if "caught_up" in entry["frame"]:
                assert len(asked) == 10
                assert asked <= set(entry["runs"])


async def test_a_socket_without_the_subprotocol_gets_no_text(server: ServerProcess) -> None:
    """EE27: a plain y-websocket client never receives a text frame, whatever the room does."""
    async with node_tab(f"{server.ws}/rooms", "lobby") as plain:
        async with node_tab(f"{server.ws}/rooms", "lobby", protocols=CONTROL) as tab:
            await tab.control(id="p1", do="prompt", text="hello")
            await plain.wait_runs(1, "done")
        assert (await plain.look())["frames"]["text"] == 0
