"""`plait keys`, and `--keys` of the verbs that read and change a store."""

import json
import signal
import subprocess
import sys
import textwrap
from base64 import b64decode
from pathlib import Path

import pytest
import trio
from plait.protocol.events import Record, RoomChanged
from plait.runtime import cli
from plait.storage import open_store

from ...storage.logs import TIME, append

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[3]
SECRET = "a secret that nobody may find"


@pytest.fixture
def database(tmp_path: Path, capsys: Captured) -> Path:
    """An encrypted store with a room `r` in which ann and ben spoke, its master key beside it."""
    assert cli.run(["keys", "new"]) == 0
    key = capsys.readouterr().out
    assert len(b64decode(key)) == 32
    (tmp_path / "key").write_text(key)
    path = tmp_path / "plait.db"

    async def make() -> None:
        async with open_store(f"sqlite:///{path}", keys=str(tmp_path / "key")) as store:
            by = {1: "ann", 2: "ann", 3: "ben"}
            await store.append(append("r", 0, *(Record(n, TIME, by[n], "", 1, RoomChanged(SECRET)) for n in by)))

    trio.run(make)
    return path


def call(database: Path, *arguments: str, keys: str | None = "key") -> int:
    named = ["--keys", str(database.parent / keys)] if keys else []
    return cli.run([*arguments, "--store", f"sqlite:///{database}", *named])


def test_reading(database: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """KY2, KY3, KY11: what a verb reads needs the key, from the option or from the environment; `verify` needs none."""
    assert call(database, "log", "r") == 0
    assert SECRET in capsys.readouterr().out
    assert call(database, "log", "r", keys=None) == 1
    assert "encrypted and its key is not here" in capsys.readouterr().err
    monkeypatch.setenv("PLAIT_KEYS", str(database.parent / "key"))
    assert call(database, "log", "r", keys=None) == 0
    monkeypatch.delenv("PLAIT_KEYS")
    capsys.readouterr()
    assert call(database, "verify", "r", "--json") == 0
    assert json.loads(capsys.readouterr().out).get("locked", 0) == 0
    assert call(database, "verify", "r", keys=None) == 0
    assert "3 of them are encrypted and their key is not here" in capsys.readouterr().out


def test_erasing(database: Path, capsys: Captured) -> None:
    """KY7: `plait erase` drops the key of an encrypted store too, and needs the master key for it."""
    assert call(database, "erase", "ann", "--yes", keys=None) == 1
    assert "give its master key" in capsys.readouterr().err
    assert call(database, "erase", "ann", "--yes") == 0
    assert call(database, "verify", "r") == 0
    assert call(database, "verify", "r", keys=None) == 0
    capsys.readouterr()
    assert call(database, "log", "r", "--json") == 0
    titles = [json.loads(line)["event"].get("title") for line in capsys.readouterr().out.splitlines()]
    assert titles == ["", "", SECRET, None]


def test_rotating(database: Path, capsys: Captured) -> None:
    """KY5: with a new key above the old one everything is wrapped by it, and the old one opens nothing any more."""
    old = (database.parent / "key").read_text()
    assert cli.run(["keys", "new"]) == 0
    new = capsys.readouterr().out
    (database.parent / "both").write_text(new + old)
    (database.parent / "new").write_text(new)
    assert call(database, "keys", "rotate", "--json", keys="both") == 0
    assert json.loads(capsys.readouterr().out)["rewrapped"] == 2
    assert call(database, "log", "r", keys="new") == 0
    assert call(database, "log", "r") == 1
    assert "not the one of this store" in capsys.readouterr().err


ERASING = """
    import os, sys
    from plait.runtime import cli
    from plait.storage.keyring import Keyring

    def die(*_):
        os.kill(os.getpid(), 9)

    drop, commit = Keyring.drop, Keyring.commit

    def marked(self):
        commit(self)
        if self.doomed():
            die()

    def dropped(self, numbers):
        drop(self, numbers)
        die()

    name, instead = {"before": ("commit", die), "marked": ("commit", marked), "erased": ("drop", die),
                     "dropped": ("drop", dropped)}[sys.argv[1]]
    setattr(Keyring, name, instead)
    sys.exit(cli.run(["erase", "ann", "--yes", *sys.argv[2:]]))
"""


@pytest.mark.parametrize(("moment", "left"), [("before", 3), ("marked", 3), ("erased", 1), ("dropped", 1)])
def test_killed_while_erasing(database: Path, moment: str, left: int) -> None:
    """KY9: after kill -9 the next opening drops the keys of what was erased, and spares those of what was not."""
    where = ["--store", f"sqlite:///{database}", "--keys", str(database.parent / "key")]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(ERASING), moment, *where], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL

    async def look() -> tuple[int, int]:
        async with open_store(f"sqlite:///{database}", keys=str(database.parent / "key")) as store:
            assert store.ring is not None
            assert store.ring.doomed() == []
            return sum(SECRET in repr(one) for one in await store.read("r")), store.ring.count().get("dropped", 0)

    assert trio.run(look) == (left, 1 if left == 1 else 0)
    assert call(database, "verify", "r") == 0
    assert call(database, "erase", "ann", "--yes") == 0
    said, dropped = trio.run(look)
    assert (said, dropped > 0) == (1, True)
