"""A process that is killed loses nothing that it acked: `kill -9`, on a real process, in the middle of appending."""

import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import pytest
import trio
from plait.storage import open_store, verify

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
