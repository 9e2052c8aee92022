"""What it costs to bring a tab level that is 100,000 tokens behind: frames, bytes, and the server's CPU.

    uv run python -m tests.bench.catch_up [--tokens 100000]

The tab had synced in the middle of a talk, was away while the tokens streamed, and comes back with its state vector, as
any Yjs client does. For comparison, what a replay of everything missed would have been: the same tokens as updates.
"""

import argparse
import tempfile
from statistics import median
from typing import Any

import pycrdt
import trio

from tests.clients.raw_socket import RawSocket, raw_socket

from .processes import Crowd, Plait, machine

ROOM = "bench"
VISITS = 5


def step1(doc: "pycrdt.Doc[Any]") -> bytes:
    return pycrdt.create_sync_message(doc)


async def until_step2(socket: RawSocket) -> tuple[bytes, int]:
    """The answer to a sync step 1, and how many sync frames with content it took."""
    frames = 0
    while True:
        frame = await socket.recv()
        if frame[0] != 0 or frame[1] == 0:
            continue
        frames += 1
        if frame[1] == 1:
            return frame, frames


async def visit(server: Plait, doc: "pycrdt.Doc[Any]") -> dict[str, float]:
    """Come with what the document holds and take what is missing."""
    async with raw_socket(f"{server.ws}/rooms/{ROOM}") as socket:
        await trio.sleep(0.2)  # The server has said its own part by then, which is not what is measured.
        cpu, began = server.cpu_ms(), trio.current_time()
        await socket.send(step1(doc))
        frame, frames = await until_step2(socket)
        wall = (trio.current_time() - began) * 1000
        await trio.sleep(0.05)
        cpu = server.cpu_ms() - cpu
    pycrdt.handle_sync_message(frame[1:], doc)
    return {"frames": frames, "bytes": len(frame), "wall": wall, "cpu": cpu}


def answer_length(doc: "pycrdt.Doc[Any]") -> int:
    runs = doc.get("runs", type=pycrdt.Map).to_py() or {}
    return sum(len(piece) for run in runs.values() for part in run["parts"] for piece in part["text"])


async def measure(server: Plait, tokens: int) -> list[dict[str, float]]:
    early: pycrdt.Doc[Any] = pycrdt.Doc()
    await visit(server, early)
    before = early.get_update()
    with Crowd() as crowd:
        crowd.ask(do="open", url=f"{server.ws}/rooms/{ROOM}", tabs=1, sync=True)
        crowd.ask(do="reset")
        server.stream(ROOM, tokens, 0, "plain")
        crowd.ask(do="ended")
    visits = []
    for _ in range(VISITS):
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        doc.apply_update(before)
        visits.append(await visit(server, doc))
        assert answer_length(doc) >= tokens * len(" token")
    return visits


def main(tokens: int) -> None:
    print(machine())
    with tempfile.TemporaryDirectory() as folder, Plait(folder) as server:
        with Crowd() as crowd:
            crowd.ask(do="open", url=f"{server.ws}/rooms/{ROOM}", tabs=1, sync=True)
            server.stream(ROOM, 10, 0, "plain")
            crowd.ask(do="ended")
        visits = trio.run(measure, server, tokens)

    def mid(key: str) -> float:
        return median(one[key] for one in visits)

    print(f"{tokens:,} tokens behind ({tokens * len(' token'):,} bytes of text), median of {VISITS}:\n")
    print("| frames | bytes | server CPU ms | wall ms |")
    print("| --- | --- | --- | --- |")
    print(f"| {mid('frames'):.0f} | {mid('bytes'):,.0f} | {mid('cpu'):.2f} | {mid('wall'):.2f} |")
    print(f"\ntargets: 1 frame, 10 ms of CPU: {mid('cpu') / 10:.2f} of it")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=100_000)
    main(parser.parse_args().tokens)
