"""How long a token takes from the model's mouth to a tab, through commit, document, encoding and socket.

    uv run python -m tests.bench.token_to_tab [--rounds 1]

The yardstick is Node's `ws` sending frames of the same size from the same machine to the same tabs in the same run,
with nothing behind it. plait may take one durable commit more. Paced is 40 tokens a second; flat out is as fast as the
server takes them, where the delay is the depth of whatever queues and the figure to look at is how many tokens arrive a
second, all tabs together. plait puts the tokens of one moment into one record and one frame; `ws` sends each alone.
"""

import argparse
import tempfile
from statistics import median
from typing import Any

import trio
from plait.protocol.events import Record, TextStreamed
from plait.storage import Append, open_store

from .processes import Broadcast, Crowd, Plait, machine

TABS = (1, 100, 500)
PACES = {"paced": (120, 25.0), "flat out": (3000, 0.0)}
COMMITS = 200


async def commit_ms(folder: str) -> tuple[float, float]:
    """p50 and p99 of one durable append with nobody else about."""
    delays = []
    async with open_store(f"sqlite:///{folder}/commit.db") as store:
        for seq in range(1, COMMITS + 1):
            record = Record(
                seq, 0, "agent:a", "000000000001", 1, TextStreamed("generate.0", 1, 0, "word "), "", b"u" * 33
            )
            began = trio.current_time()
            await store.append(Append("bench", 1, seq - 1, (record,)))
            delays.append((trio.current_time() - began) * 1000)
    delays.sort()
    return median(delays), delays[int(len(delays) * 0.99)]


def run_node(tabs: int, count: int, interval_ms: float) -> dict[str, Any]:
    with Broadcast() as server, Crowd() as crowd:
        crowd.ask(do="open", url=server.ws, tabs=tabs, sync=False)
        server.tell(count=count, interval_ms=interval_ms)
        crowd.ask(do="ended")
        return crowd.ask(do="report")


def run_plait(folder: str, tabs: int, count: int, interval_ms: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=folder) as own, Plait(own) as server, Crowd() as crowd:
        crowd.ask(do="open", url=f"{server.ws}/rooms/bench", tabs=tabs, sync=True)
        server.stream("bench", 20, 5)
        crowd.ask(do="ended")
        crowd.ask(do="reset")
        server.stream("bench", count, interval_ms)
        crowd.ask(do="ended")
        return crowd.ask(do="report")


def main(rounds: int) -> None:
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        commit_p50, commit_p99 = trio.run(commit_ms, folder)
        print(f"one commit: p50 {commit_p50:.2f} ms, p99 {commit_p99:.2f} ms\n")
        print("| pace | tabs | ws p50 / p99 ms | plait p50 / p99 ms | of 1.5 ws p99 + commit | ws, plait tokens/s |")
        print("| --- | --- | --- | --- | --- | --- |")
        for pace, (count, interval_ms) in PACES.items():
            for tabs in TABS:
                node = [run_node(tabs, count, interval_ms) for _ in range(rounds)]
                ours = [run_plait(folder, tabs, count, interval_ms) for _ in range(rounds)]
                row(pace, tabs, node, ours, commit_p99)


def row(pace: str, tabs: int, node: list[dict[str, Any]], ours: list[dict[str, Any]], commit_p99: float) -> None:
    def mid(some: list[dict[str, Any]], key: str) -> float:
        return median(one[key] for one in some)

    allowed = 1.5 * mid(node, "p99_ms") + commit_p99
    print(
        f"| {pace} | {tabs} | {mid(node, 'p50_ms'):.2f} / {mid(node, 'p99_ms'):.2f} "
        f"| {mid(ours, 'p50_ms'):.2f} / {mid(ours, 'p99_ms'):.2f} | {mid(ours, 'p99_ms') / allowed:.2f} "
        f"| {mid(node, 'rate'):,.0f}, {mid(ours, 'rate'):,.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    main(parser.parse_args().rounds)
