"""Signed heads: kept elsewhere, they show what the chain cannot, a log that was cut or written anew."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import structs
from plait.protocol import heads, tokens
from plait.protocol.access import Grant
from plait.protocol.errors import Refused
from plait.protocol.events import Record, TextStreamed
from plait.runtime import cli
from plait.runtime.auth.keyring import load_keys
from plait.storage import Append, open_store

from .logs import records, write_store

Captured = pytest.CaptureFixture[str]


class Scene:
    """A store, a key pair, and a file of heads that are signed."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "shop.db"
        write_store(self.database)
        self.heads = folder / "heads.txt"
        self.private, self.public = (folder / f"{name}.pem" for name in ("private", "public"))
        self.new_key()
        assert self.sign() == 0

    def new_key(self) -> None:
        key = Ed25519PrivateKey.generate()
        self.private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def run(self, *more: str) -> int:
        return cli.run(["verify", "--store", f"sqlite:///{self.database}", *more])

    def sign(self) -> int:
        return self.run("--sign", str(self.private), "--heads", str(self.heads))

    def check(self, *more: str) -> int:
        return self.run("--heads", str(self.heads), "--key", str(self.public), *more)

    def lines(self) -> list[str]:
        return self.heads.read_text().splitlines()

    def change(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def write(self, word: str, *, entropy: Callable[[int], bytes] = bytes) -> None:
        """Room kitchen as it might have been: a whole new log, with that word where an agent spoke."""
        self.database.unlink()

        async def main() -> None:
            async with open_store(f"sqlite:///{self.database}", entropy=entropy) as store:
                for room in ("kitchen", "shop"):
                    await store.append(Append(room, 1, 0, tuple(_saying(word))))

        trio.run(main)


def _saying(word: str) -> list[Record]:
    spoken = [isinstance(record.event, TextStreamed) for record in records()].index(True)
    made = list(records())
    event = structs.replace(made[spoken].event, text=word)
    made[spoken] = structs.replace(made[spoken], event=event)
    return made


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_head_for_each_room(scene: Scene, capsys: Captured) -> None:
    """AU5: one line a room; signing again adds a line only where the log has grown."""
    assert len(scene.lines()) == 2
    assert scene.sign() == 0
    assert len(scene.lines()) == 2
    grown = structs.replace(records()[-1], seq=8)

    async def grow() -> None:
        async with open_store(f"sqlite:///{scene.database}") as store:
            await store.append(Append("kitchen", 1, 7, (grown,)))

    trio.run(grow)
    assert scene.sign() == 0
    assert len(scene.lines()) == 3
    keys = load_keys(scene.public)
    last = heads.read(scene.lines()[-1], keys)
    assert (last.room, last.seq, len(last.hash)) == ("kitchen", 8, 64)
    assert scene.check() == 0
    capsys.readouterr()
    assert scene.check("kitchen", "--json") == 0
    assert json.loads(capsys.readouterr().out)["signed"] == 2


SWAP = "UPDATE records SET seq = CASE seq WHEN -3 THEN 4 WHEN -4 THEN 3 END WHERE seq < 0"


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (["UPDATE records SET body = zeroblob(9) WHERE pos = 3"], "record 3 is not what was written"),
        (["UPDATE records SET seq = -seq WHERE seq IN (3, 4) AND room_id = 1", SWAP], "record 3"),
        (["DELETE FROM records WHERE pos = 7"], "record 7 is missing"),
        (
            [
                "DELETE FROM records WHERE pos = 7",
                "UPDATE rooms SET seq = 6, hash = (SELECT hash FROM records WHERE pos = 6) WHERE id = 1",
            ],
            "record 7 was signed and is not there",
        ),
        (["UPDATE rooms SET lineage = 'other' WHERE id = 1"], "another lineage"),
        (["DELETE FROM records WHERE room_id = 1", "DELETE FROM rooms WHERE id = 1"], "record 7 was signed and is not"),
    ],
)
def test_what_is_done_to_a_log_shows(scene: Scene, statements: list[str], why: str, capsys: Captured) -> None:
    """AU6: a byte, two records that changed places, a tail, a tail and the room's row, a lineage, a whole room."""
    scene.change(*statements)
    capsys.readouterr()
    assert scene.check("--json") == 1
    told = {each["room"]: each["bad"] for each in map(json.loads, capsys.readouterr().out.splitlines())}
    assert why in told["kitchen"]
    assert told["shop"] is None
    assert scene.sign() == 1
    assert len(scene.lines()) == 2


def test_only_the_head_tells_of_a_log_written_anew(scene: Scene, capsys: Captured) -> None:
    """AU6: with a chain of its own, in the same lineage, it passes whatever looks at the log alone."""
    lineage = heads.read(scene.lines()[0], load_keys(scene.public)).lineage
    scene.write("nobody said this", entropy=lambda _: bytes.fromhex(lineage))
    assert scene.run("kitchen") == 0
    capsys.readouterr()
    assert scene.check("kitchen") == 1
    assert "record 7 is not the one that was signed: the log was written anew" in capsys.readouterr().out


def test_a_deleted_room_shows(scene: Scene, capsys: Captured) -> None:
    """AU6: also where somebody was allowed to delete it; who keeps the heads is told."""

    async def delete() -> None:
        async with open_store(f"sqlite:///{scene.database}") as store:
            await store.delete("kitchen")

    trio.run(delete)
    capsys.readouterr()
    assert scene.run() == 0
    assert scene.check() == 1
    assert "kitchen: the room was deleted since its record 7 was signed" in capsys.readouterr().out


def test_a_line_that_proves_nothing(scene: Scene, capsys: Captured) -> None:
    """AU7: another key's, a spoilt one, a grant: the line is named, nothing is checked and nothing signed."""
    first, second = scene.lines()
    (signer,) = load_keys(scene.private)
    grant = tokens.sign(Grant("ann"), signer)
    for line in (second[:-2], first.rpartition(".")[0] + "." + second.rpartition(".")[2], grant, "", "ü"):
        scene.heads.write_text(f"{first}\n{line}\n{second}\n")
        for verb in (scene.check, scene.sign):
            capsys.readouterr()
            assert verb() == 1
            said = capsys.readouterr()
            assert "line 2 of" in said.err
            assert said.out == ""
        assert len(scene.lines()) == 3
    scene.heads.write_text(f"{first}\n")
    scene.new_key()
    assert scene.check() == 1
    with pytest.raises(Refused):
        tokens.verify(first, tokens.Keys([signer]), 0)


def test_bad_usage(scene: Scene, capsys: Captured) -> None:
    """AU8: half of what is needed is one line and exit code 2."""
    capsys.readouterr()
    for options in (
        ["--heads", str(scene.heads)],
        ["--key", str(scene.public)],
        ["--sign", str(scene.private)],
        ["--sign", str(scene.public), "--heads", str(scene.heads)],
        ["--key", str(scene.database.parent), "--heads", str(scene.heads)],
        ["--key", str(scene.public), "--heads", f"{scene.heads}.no"],
    ):
        assert scene.run(*options) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
