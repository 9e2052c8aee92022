"""What the server's memory holds for a tab that is only there, and for a room that sleeps.

    uv run python -m tests.bench.memory [--tabs 1000] [--rooms 2000]

Resident memory by the kernel's count, the difference over many, after a first lot has paid for what is bought once.
"""

import argparse
import tempfile
import time

from .processes import Crowd, Plait, machine

FIRST_LOT = 200
PATIENCE_S = 50
IDLE_S = 0.5


def settled_kib(server: Plait) -> int:
    """Resident memory once it has stopped moving."""
    before, now = 0, server.resident_kib()
    while before != now:
        time.sleep(0.3)
        before, now = now, server.resident_kib()
    return now


def per_tab(folder: str, tabs: int, path: str) -> float:
    with Plait(folder) as server, Crowd() as crowd:
        url = f"{server.ws}/{path}"
        crowd.ask(do="open", url=url, tabs=FIRST_LOT, sync=True)
        before = settled_kib(server)
        crowd.ask(do="open", url=url, tabs=tabs, sync=True)
        return (settled_kib(server) - before) / tabs


def until_asleep(server: Plait) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while server.metric("plait_rooms_awake"):
        if time.monotonic() > deadline:
            raise RuntimeError("the rooms do not fall asleep")
        time.sleep(0.2)


def per_sleeping_room(folder: str, rooms: int) -> float:
    with Plait(folder, idle_s=IDLE_S) as server:
        for number in range(FIRST_LOT):
            server.stream(f"first-{number}", 3, 0, "plain")
        until_asleep(server)
        before = settled_kib(server)
        for number in range(rooms):
            server.stream(f"room-{number}", 3, 0, "plain")
        until_asleep(server)
        return (settled_kib(server) - before) / rooms


def main(tabs: int, rooms: int) -> None:
    print(machine())
    print("| what | KiB each | target |")
    print("| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"| idle tab of a room document ({tabs:,}) | {per_tab(folder, tabs, 'rooms/bench'):.1f} | 40 |", flush=True
        )
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"| idle tab of a shared document ({tabs:,}) | {per_tab(folder, tabs, 'docs/bench'):.1f} | 40 |", flush=True
        )
    with tempfile.TemporaryDirectory() as folder:
        print(f"| sleeping room ({rooms:,}) | {per_sleeping_room(folder, rooms):.2f} | |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tabs", type=int, default=1000)
    parser.add_argument("--rooms", type=int, default=2000)
    arguments = parser.parse_args()
    main(arguments.tabs, arguments.rooms)
