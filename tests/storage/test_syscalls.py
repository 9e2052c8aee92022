"""The disk fails, or the process dies, at one exact system call: `strace` injects it into a real process."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import trio
from plait.storage import open_store, verify

from ..conftest import Need

ROOT = Path(__file__).parents[2]

APPENDING = """
    import sys, trio
    from plait.protocol.errors import OutcomeUnknown
    from plait.storage import StoreError, open_store
    from tests.storage.logs import append, record

    async def main():
        store = open_store(sys.argv[1])
        seq = 0
        for n in range(12):
            one = append("r", seq, record(seq + 1, record_id=f"{n}#0"))
            try:
                seq = (await store.append(one)).seq
                print("acked", seq, flush=True)
            except (StoreError, OutcomeUnknown) as error:
                print(type(error).__name__, seq + 1, flush=True)
                seq = (await store.head("r")).seq
        await store.aclose()

    trio.run(main)
"""


def run(tmp_path: Path, injection: str, need: Need) -> list[list[str]]:
    """What the process said, line by line, while `injection` happened to it exactly once."""
    if shutil.which("strace") is None:
        need("strace", "apt-get install strace")
    trace = tmp_path / "trace"
    done = subprocess.run(
        [
            *("strace", "-f", "-o", str(trace), "-e", "trace=fdatasync,pwrite64", "-e", f"inject={injection}"),
            *(sys.executable, "-c", textwrap.dedent(APPENDING), f"sqlite:///{tmp_path}/plait.db"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if "PTRACE" in done.stderr:
        need("the right to trace processes", "run outside a sandbox that forbids ptrace")
    assert trace.read_text().count("INJECTED") == 1 or "SIGKILL" in trace.read_text()
    return [line.split() for line in done.stdout.splitlines()]


def log_of(tmp_path: Path) -> list[str | None]:
    """The record ids of the log, whose chain is whole and whose seqs have no gap."""

    async def read() -> list[str | None]:
        async with open_store(f"sqlite:///{tmp_path}/plait.db") as store:
            records = await store.read("r")
            assert [r.seq for r in records] == list(range(1, len(records) + 1))
            assert verify(await store.sealed("r")) is None
            return [r.id for r in records]

    return trio.run(read)


@pytest.mark.parametrize("nth", [12, 13])
def test_a_failing_fsync(tmp_path: Path, nth: int, need: Need) -> None:
    """ST32: a failed fsync is OutcomeUnknown, never tried again as if it had worked, and the store goes on after it."""
    said = run(tmp_path, f"fdatasync:error=EIO:when={nth}", need)
    assert [words[0] for words in said].count("OutcomeUnknown") == 1
    assert len(said) == 12
    acked = [f"{n}#0" for n, words in enumerate(said) if words[0] == "acked"]
    assert [one for one in log_of(tmp_path) if one in acked] == acked


def test_a_write_that_finds_no_room(tmp_path: Path, need: Need) -> None:
    """ST26: a disk that is full at one write, and not at the next, costs that one append and nothing else."""
    said = run(tmp_path, "pwrite64:error=ENOSPC:when=61", need)
    assert [words[0] for words in said].count("StoreFull") == 1
    assert log_of(tmp_path) == [f"{n}#0" for n, words in enumerate(said) if words[0] == "acked"]


@pytest.mark.parametrize("nth", [2, 9])
def test_killed_at_an_fsync(tmp_path: Path, nth: int, need: Need) -> None:
    """ST37: killed at the moment of a commit, the log holds what was acked and at most that one record more."""
    # With the database there already, what is left to sync are commits and the WAL that they begin.
    assert log_of(tmp_path) == []
    said = run(tmp_path, f"fdatasync:signal=SIGKILL:when={nth}", need)
    assert len(said) < nth
    assert all(words[0] == "acked" for words in said)
    assert len(log_of(tmp_path)) - len(said) in (0, 1)


@pytest.mark.parametrize("nth", [1, 3])
def test_killed_while_the_database_is_made(tmp_path: Path, nth: int, need: Need) -> None:
    """ST27: killed while a new database is being made, the next start makes it as if nothing had been."""
    assert run(tmp_path, f"fdatasync:signal=SIGKILL:when={nth}", need) == []
    assert not (tmp_path / "plait.db").exists()
    assert log_of(tmp_path) == []
    assert not (tmp_path / "plait.db.new").exists()
