"""`plait reproject`: which rooms would be shown otherwise, and are then."""

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import trio
from plait.runtime import Agent, Runtime, cli
from plait.runtime.replay.reprojection import compare
from plait.storage import open_store

from ..replay.shapes import later

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rooms that were written by code of another shape under the same version, and one that was not."""
    path = tmp_path_factory.mktemp("played") / "talk.db"

    async def speak(room: str) -> None:
        agent = Agent("echo", model="echo", title=False)
        async with open_store(url(path)) as store, Runtime(store, [agent]) as runtime:
            await runtime.room(room).wait(await runtime.room(room).by("ann").prompt("hello"))
            await runtime.room(room).by("ann").change(title=f"Room {room}")

    with later(1):
        trio.run(speak, "one")
        trio.run(speak, "two")
    trio.run(speak, "three")
    return path


@pytest.fixture
def database(played: Path, tmp_path: Path) -> Path:
    path = tmp_path / "talk.db"
    shutil.copy(played, path)
    return path


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def call(database: Path, *more: str) -> int:
    return cli.run(["reproject", "--store", url(database), *more])


def test_check(database: Path, capsys: Captured) -> None:
    """SH7: what would change, for people and for machines; no byte of the database does."""
    before = database.read_bytes()
    assert call(database, "--check") == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "one: would be projected anew, shape 1, 3 places of its document are otherwise"
    assert json.loads(said[1]) == {"path": "/room/later", "before": "later: Room one"}
    assert said[-1] == "3 rooms, 2 of them would be shown otherwise"
    assert not any(line.startswith("three") for line in said)
    assert call(database, "--check", "three", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["differences"] == []
    assert call(database, "--check", "none") == 1
    assert "no room named none" in capsys.readouterr().err
    assert database.read_bytes() == before


def test_all_rooms(database: Path, capsys: Captured) -> None:
    """SH8, SH14: those that differ and no other; then they verify, and there is nothing left to do."""
    assert cli.run(["verify", "--deep", "--store", url(database)]) == 1
    capsys.readouterr()
    assert call(database, "--by", "root", "--json", "two") == 0
    (told,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (told["room"], told["done"]) == ("two", True)
    assert call(database) == 0
    said = capsys.readouterr().out
    assert "one: projected anew in record" in said
    assert said.endswith("3 rooms, 1 of them projected anew\n")
    assert call(database) == 0
    assert capsys.readouterr().out == "3 rooms, 0 of them projected anew\n"
    assert cli.run(["verify", "--deep", "--store", url(database)]) == 0


def test_a_store_that_is_held(database: Path, capsys: Captured) -> None:
    """SH8: a server has it, so this is refused; a check is not."""

    async def main(*more: str) -> int:
        async with open_store(url(database)):
            return await trio.to_thread.run_sync(lambda: call(database, *more))

    assert trio.run(main) == 2
    assert "stop it first, or ask it: POST /api/rooms/ROOM/reproject" in capsys.readouterr().err
    assert trio.run(main, "--check") == 1


def test_a_room_that_cannot_be_done(database: Path, capsys: Captured) -> None:
    """SH8, SH3: it is told and left, the others are done, and the exit code is 1."""
    with later(2):
        assert call(database, "one") == 0
    capsys.readouterr()
    assert call(database) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "one: room one has shape 2 and this plait knows up to 1; upgrade plait to use it"
    assert said[-1] == "3 rooms, 1 of them projected anew, 1 failed"


def test_heads_that_were_signed_before(database: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SH14: they still pass, though the lineage is another."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "key").write_text("a shared secret of 32 bytes or more")
    heads = ["--store", url(database), "--heads", str(folder / "heads")]
    assert cli.run(["verify", *heads, "--sign", str(folder / "key")]) == 0
    assert call(database) == 0
    assert cli.run(["verify", *heads, "--key", str(folder / "key")]) == 0


KILLED = """
    import os, sys
    from plait.storage import batch
    from plait.runtime import cli

    left = int(sys.argv[2])

    def die():
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)

    real = batch.erasing.rename
    def rename(*args):
        die()
        real(*args)
        die()
    batch.erasing.rename = rename
    sys.exit(cli.run(["reproject", "--store", sys.argv[1]]))
"""


@pytest.mark.parametrize("moment", range(3))
def test_killed(database: Path, moment: int) -> None:
    """SH5: after kill -9 within its transaction a room is as it was, and asking again does the rest."""
    script = textwrap.dedent(KILLED)
    done = subprocess.run([sys.executable, "-c", script, url(database), str(moment)], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL

    async def due() -> list[bool]:
        async with open_store(url(database), readonly=True) as reader:
            return [(await compare(reader, room)).due for room in ("one", "two")]

    assert trio.run(due) == [moment < 2, True]
    assert cli.run(["verify", "--store", url(database)]) == 0
    assert call(database) == 0
    assert trio.run(due) == [False, False]
    assert cli.run(["verify", "--deep", "--store", url(database)]) == 0
