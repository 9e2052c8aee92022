"""`plait delete`: a room is gone for good, and nothing goes without being meant."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from plait.runtime import cli
from plait.storage import open_store

from .logs import write_store

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    write_store(tmp_path / "shop.db")
    return tmp_path / "shop.db"


def delete(database: Path, *more: str) -> int:
    return cli.run(["delete", "--store", f"sqlite:///{database}", *more])


def names(database: Path) -> list[str]:
    return trio.run(open_store(f"sqlite:///{database}", readonly=True).room_names)


def at_a_terminal(database: Path, answer: bytes) -> tuple[int, str]:
    """The exit code and what is said when somebody at a terminal answers so."""
    ours, theirs = pty.openpty()
    program = "import sys; from plait.runtime import cli; sys.exit(cli.run(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", program, "delete", "--store", f"sqlite:///{database}", "shop"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        os.close(theirs)
        os.write(ours, answer)
        said, _ = child.communicate(timeout=60)
    os.close(ours)
    return child.returncode, said


def test_a_room_is_deleted(database: Path, capsys: Captured) -> None:
    """CL14: the room is gone, and only it; deleting it again, reading and verifying it are exit code 1."""
    assert delete(database, "shop", "--yes") == 0
    assert capsys.readouterr().out == "shop: deleted, with its 7 records\n"
    assert names(database) == ["kitchen"]
    for line in (["delete", "--yes"], ["log"], ["log", "--follow"], ["verify"]):
        assert cli.run([*line, "--store", f"sqlite:///{database}", "shop"]) == 1
        out, err = capsys.readouterr()
        assert (out, err) == ("", "plait: room 'shop' was deleted\n")
    assert cli.run(["verify", "--store", f"sqlite:///{database}"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 rooms, 0 of them damaged"


def test_json(database: Path, capsys: Captured) -> None:
    """CL14: for machines, one object."""
    assert delete(database, "shop", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"room": "shop", "deleted": True, "records": 7}


def test_what_is_not_there(database: Path, tmp_path: Path, capsys: Captured) -> None:
    """CL14: an unknown room, or a store that is not there, is exit code 1, and nothing is made."""
    assert delete(database, "cellar", "--yes") == 1
    assert capsys.readouterr().err == "plait: no room named cellar is in this store\n"
    assert delete(tmp_path / "none.db", "shop", "--yes") == 1
    assert "there is no database at" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_nobody_is_there_to_be_asked(database: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """CL15: without a terminal and without --yes it is bad usage, and nothing is deleted."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert delete(database, "shop") == 2
    assert "say --yes" in capsys.readouterr().err
    assert names(database) == ["kitchen", "shop"]


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, 1), (b"n\n", 1, 2), (b"\n", 1, 2), (b"\x04", 130, 2)])
def test_somebody_is_asked(database: Path, answer: bytes, code: int, left: int) -> None:
    """CL15: at a terminal it asks, and only a yes deletes."""
    returned, said = at_a_terminal(database, answer)
    assert "Delete room shop with its 7 records?" in said
    assert (returned, len(names(database))) == (code, left)


async def test_a_server_holds_the_store(database: Path, capsys: Captured) -> None:
    """CL16: where a server has the store, it says so and how to ask that server, exit code 2."""
    async with open_store(f"sqlite:///{database}"):
        assert await trio.to_thread.run_sync(delete, database, "shop", "--yes") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "is in use by this process" in err
    assert "DELETE /api/rooms/shop" in err
    assert await trio.to_thread.run_sync(names, database) == ["kitchen", "shop"]
