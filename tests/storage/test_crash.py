"""A process that is killed loses nothing that it acked: `kill -9`, on a real process, in the middle of appending."""

import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import pytest
import trio
from plait.storage import Head, open_store, verify

from .logs import append

ROOT = Path(__file__).parents[2]

APPENDING = """
    import sys, trio
    from plait.storage import open_store
    from tests.storage.logs import append, record

    async def keep_appending(store, room):
        seq = 0
        while True:
            count = 1 + seq % 3
            records = [record(seq + 1 + n, record_id=f"{seq + 1 + n}#0") for n in range(count)]
            head = await store.append(append(room, seq, *records, open_runs=1))
            seq = head.seq
            # One write a line, so that a line is whole or not there.
            sys.stdout.write(f"{room} {seq}\\n")
            sys.stdout.flush()

    async def main():
        async with open_store(sys.argv[1]) as store, trio.open_nursery() as nursery:
            for number in range(16):
                nursery.start_soon(keep_appending, store, f"room-{number:02d}")

    trio.run(main)
"""


@pytest.mark.parametrize("acks", [1, 100, 1500])
def test_killed_while_appending(tmp_path: Path, acks: int) -> None:
    """ST37: after kill -9 every acked record is in the log, the log has no gap, its chain is whole, and it goes on."""
    url = f"sqlite:///{tmp_path}/plait.db"
    acked: dict[str, int] = defaultdict(int)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(APPENDING), url], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        for _ in range(acks):
            room, seq = child.stdout.readline().split()
            acked[room] = int(seq)
        child.kill()
        # What it managed to say before it died was acked as well.
        for line in child.stdout:
            room, seq = line.split()
            acked[room] = int(seq)

    async def check() -> None:
        async with open_store(url) as store:
            heads = {one.head.room: one.head for one in (await store.rooms()).rooms}
            assert set(acked) <= set(heads)
            for room, head in heads.items():
                assert head.seq >= acked[room]
                sealed = []
                while page := await store.sealed(room, after=len(sealed)):
                    sealed += page
                assert verify(sealed) is None
                assert (len(sealed), sealed[-1].hash) == (head.seq, head.hash)
            assert sorted(heads) == await store.unfinished()
            for room in acked:
                assert await store.find(room, "1#0") is not None

    trio.run(check)


MAKING = """
    import sys, trio
    from plait.storage import Making, open_store
    from tests.storage.logs import append, record

    async def main():
        async with open_store(sys.argv[1]) as store:
            await store.append(append("r", 0))
            seq = 0
            while True:
                records = [record(seq + 1 + n) for n in range(200)]
                await store.make(Making(append("copy", seq, *records), "r"))
                seq += 200
                print(seq, flush=True)

    trio.run(main)
"""


def test_killed_while_a_room_is_made(tmp_path: Path) -> None:
    """FK3: after kill -9 in the middle of a copy nothing of it is left, and its name is free."""
    path = tmp_path / "plait.db"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(MAKING), f"sqlite:///{path}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        for _ in range(4):
            assert child.stdout.readline()
        child.kill()

    async def check() -> None:
        async with open_store(f"sqlite:///{path}", readonly=True) as reader:
            assert (await reader.head("copy")).deleted
            assert await reader.room_names() == ["r"]
        async with open_store(f"sqlite:///{path}") as store:
            assert await store.head("copy") == Head("copy")
            assert await store.room_names() == ["r"]
            await store.append(append("copy", 0))

    trio.run(check)
