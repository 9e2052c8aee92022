"""`plait erase`: a person's words leave every file of the store, and what proves the rest still does."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from plait.protocol.events import RunRequested, SubjectErased
from plait.runtime import Agent, Runtime, cli
from plait.runtime.room.opening import open_live
from plait.storage import Append, SqliteReader, Store, open_store
from plait.storage.bundle import BundleReader
from plait.storage.deliveries import Delivery, deliveries_of
from plait.storage.erasing import plan
from pycrdt import Doc, Text

from ..agent.scripted import Scripted, says
from ..room.scene import surroundings
from .logs import records

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[3]

ANN, BEN = "Walnuesse", "Haferkekse"
"""Words that each of them says and writes everywhere."""


AUTHORS = (("mine", "ann"), ("other", "ben"))


def insert(word: str) -> Any:
    def transform(doc: "Doc[Any]") -> None:
        text = doc.get("content", type=Text)
        text.insert(len(str(text).encode()), f"[{word}]")

    return transform


async def play(store: Store, room: str) -> None:
    """Both prompt, name the room, write in one document, and a draft of it is accepted."""
    answer = Scripted(lambda request: says(request["messages"][-1]["text"]))
    async with Runtime(store, [Agent("echo", answer, title=False)], surroundings=surroundings()) as runtime:
        talk = runtime.room(room)
        for author, word in (("ann", ANN), ("ben", BEN)):
            me = talk.by(author)
            await me.change(title=word, metadata={author: word}, id=f"s{author}")
            await talk.wait(await me.prompt(word, id=f"p{author}"))
            for _ in range(3):
                await me.edit("notes", insert(word))
        draft = await talk.by("ben").propose("notes", title=BEN, id="draft")
        await talk.by("ann").edit(draft, insert(ANN))
        await talk.by("ben").accept(draft, id="accept")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("played") / "talk.db"

    async def make() -> None:
        async with open_store(url(path)) as store:
            for room in ("one", "two"):
                await play(store, room)

    trio.run(make)
    return path


@pytest.fixture
def database(played: Path, tmp_path: Path) -> Path:
    """The same two rooms for each test, in a folder of its own."""
    path = tmp_path / "talk.db"
    shutil.copy(played, path)
    assert ANN.encode() in held(path)
    return path


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def held(database: Path) -> bytes:
    """All bytes of all files of the store."""
    return b"".join(file.read_bytes() for file in database.parent.iterdir())


def erase(database: Path, *more: str) -> int:
    return cli.run(["erase", "--store", url(database), *more])


def verify(database: Path, *more: str) -> int:
    return cli.run(["verify", "--store", url(database), *more])


def document(database: Path, room: str = "one") -> str:
    async def look() -> str:
        async with open_store(url(database)) as store:
            live = await open_live(room, store, {}, surroundings())
            text = str(live.shared["notes"].doc.get("content", type=Text))
            live.release()
            return text

    return trio.run(look)


def test_no_file_holds_a_word(database: Path, capsys: Captured) -> None:
    """ER11, ER4, ER5: not the database, not its WAL, not what was dropped before; what ben wrote stands as it stood."""
    was = document(database)
    assert was.count(ANN) == 4
    capsys.readouterr()
    assert erase(database, "ann", "--yes", "--by", "root") == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["one", "two"]
    assert ANN.encode() not in held(database)
    assert BEN.encode() in held(database)
    assert document(database).count(BEN) == was.count(BEN)
    assert verify(database) == 0
    assert ", all as they were written, but for what was erased from " in capsys.readouterr().out


def test_what_the_log_says_of_it(database: Path, capsys: Captured) -> None:
    """ER8: one record a room, which says who asked and does not name the person."""
    erase(database, "ann", "--yes", "--by", "root", "--json")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["room"] for one in told] == ["one", "two"]
    assert cli.run(["log", "one", "--store", url(database), "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["author"], last["event"]["type"], last["event"]["by"]) == ("plait", "subject-erased", "root")
    assert "ann" not in json.dumps(last["event"])


def test_the_rooms_go_on(database: Path) -> None:
    """ER3, ER10: the same rooms take prompts and edits again, also of the one who was erased."""
    assert erase(database, "ann", "--yes") == 0

    async def main() -> None:
        async with open_store(url(database)) as store:
            await play_again(store)

    async def play_again(store: Store) -> None:
        answer = Scripted(lambda request: says(request["messages"][-1]["text"]))
        async with Runtime(store, [Agent("echo", answer, title=False)], surroundings=surroundings()) as runtime:
            talk = runtime.room("one")
            await talk.wait(await talk.by("ann").prompt("back", id="back"))
            await talk.by("ann").edit("notes", insert("back"))
            await talk.by("ben").undo(by="ann", document="notes", id="undo")

    trio.run(main)
    assert verify(database) == 0
    assert document(database).count(BEN) == 3
    assert ANN not in document(database)


def test_nobody_of_that_name(database: Path, capsys: Captured) -> None:
    """ER10: nothing changes where they said nothing; in the room that was named and in no other."""
    capsys.readouterr()
    assert erase(database, "eve", "--yes") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "eve said nothing in any room\n")
    assert erase(database, "ann", "--yes", "--room", "two") == 0
    assert document(database, "one").count(ANN) == 4
    assert document(database, "two").count(ANN) == 0
    assert erase(database, "ann", "--yes", "--room", "two") == 0
    assert erase(database, "ann", "--yes", "--room", "none") == 1


def test_who_saw_what_goes_too(database: Path) -> None:
    """RP76: of the room that was named, or of all; though the log has nothing of theirs, and not by a dry run."""
    url = f"sqlite:///{database}"
    with deliveries_of(url) as journal:
        journal.add(
            Delivery(room, 1, "t", subject, "main", "seen", 1, 1, 1, 0)
            for room in ("one", "two")
            for subject in ("ann", "eve")
        )

    def left() -> list[tuple[str, str]]:
        with deliveries_of(url, readonly=True) as journal:
            return [(room, subject) for subject in ("ann", "eve") for room in journal.rooms(subject)]

    assert erase(database, "ann", "--dry-run") == 0
    assert len(left()) == 4
    assert erase(database, "ann", "--yes", "--room", "two") == 0
    assert left() == [("one", "ann"), ("one", "eve"), ("two", "eve")]
    assert erase(database, "ann", "--yes") == 0
    assert erase(database, "eve", "--yes", "--room", "one") == 0
    assert left() == [("two", "eve")]


def test_dry_run_and_usage(database: Path, capsys: Captured) -> None:
    """ER12: a dry run changes no byte; a script that means it says so; a store that somebody holds is refused."""
    before = database.read_bytes()
    capsys.readouterr()
    assert erase(database, "ann", "--dry-run") == 0
    assert "records would be erased" in capsys.readouterr().out
    assert database.read_bytes() == before
    assert erase(database, "ann") == 2
    assert erase(database, "", "--yes") == 2

    async def main() -> int:
        async with open_store(url(database)):
            return await trio.to_thread.run_sync(lambda: erase(database, "ann", "--yes"))

    assert trio.run(main) == 2
    assert "stop it first" in capsys.readouterr().err
    assert ANN.encode() in held(database)


def test_a_run_that_is_not_finished(database: Path, capsys: Captured) -> None:
    """ER12: that room is left as it was and said to be; the others are erased, and the exit code is 1."""
    started = records()[:2]

    async def main() -> None:
        async with open_store(url(database)) as store:
            await store.append(Append("busy", 1, 0, started, open_runs=1))

    trio.run(main)
    capsys.readouterr()
    assert erase(database, "ann", "--yes") == 1
    said = capsys.readouterr().out
    assert "busy: nothing was erased: 1 of its runs are not finished" in said
    assert "one: " in said
    assert document(database).count(ANN) == 0


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE records SET body = x'81a474797065ab72756e2d73746172746564' WHERE seq = {mine}", "record {mine}"),
        ("UPDATE records SET \"update\" = x'0000' WHERE seq = {mine}", "one: "),
        ("UPDATE records SET body = zeroblob(3) WHERE seq = {other}", "record {other}"),
        ("UPDATE records SET author = 'eve' WHERE seq = {mine}", "record {mine}"),
        ("DELETE FROM records WHERE kind = 'subject-erased'", "record"),
    ],
)
def test_what_is_changed_after_it_shows(database: Path, statement: str, why: str, capsys: Captured) -> None:
    """ER8: an erased record is proved like any other, by the record of the erasure; so is what nobody erased."""
    assert erase(database, "ann", "--yes", "--room", "one") == 0
    with closing(sqlite3.connect(database)) as connection, connection:
        find = 'SELECT min(seq) FROM records WHERE room_id = 1 AND author = ? AND length("update") > 2'
        seqs = {
            name: connection.execute(find, (who,)).fetchone()[0] for name, who in (("mine", "ann"), ("other", "ben"))
        }
        connection.execute(f"{statement.format(**seqs)} AND room_id = 1")
    capsys.readouterr()
    assert verify(database, "one") == 1
    assert why.format(**seqs) in capsys.readouterr().out


def test_what_is_not_empty_is_not_erased(database: Path, capsys: Captured) -> None:
    """ER9: a changed record under an erasure of somebody's own making is named."""

    async def main() -> None:
        async with open_store(url(database)) as store:
            planned = await plan(store, "one", "ann", by="eve", now=1, salt=b"")
            assert planned is not None
            forged = [
                replace(one, event=replace(one.event, prompt="forged")) if isinstance(one.event, RunRequested) else one
                for one in planned.changed
            ]
            await store.erase(replace(planned, changed=tuple(forged)))

    trio.run(main)
    assert verify(database, "one") == 1
    assert "it is said to be erased and is not" in capsys.readouterr().out


def test_heads_that_were_signed_before(database: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """ER8: they still pass, though the lineage is another."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "key").write_text("a shared secret of 32 bytes or more")
    heads = ["--heads", str(folder / "heads"), "--key", str(folder / "key")]
    assert verify(database, "--heads", str(folder / "heads"), "--sign", str(folder / "key")) == 0
    assert erase(database, "ann", "--yes") == 0
    assert verify(database, *heads) == 0


ERASING = """
    import os, sys
    from plait.storage import batch, engine
    from plait.runtime import cli

    left = int(sys.argv[2])

    def die():
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)

    real = batch.erasing.rewrite
    def rewrite(*args):
        die()
        real(*args)
        die()
    batch.erasing.rewrite = rewrite
    commit = engine.SqliteEngine.commit
    def committed(self, jobs):
        answers = commit(self, jobs)
        if any(type(job).__name__ == "EraseJob" for job in jobs):
            die()
        return answers
    engine.SqliteEngine.commit = committed
    sys.exit(cli.run(["erase", "ann", "--yes", "--store", sys.argv[1]]))
"""


@pytest.mark.parametrize("moment", range(7))
def test_killed_while_erasing(database: Path, moment: int) -> None:
    """ER10: after kill -9 each room is as it was or erased, both verify, and asking again does the rest."""
    script = textwrap.dedent(ERASING)
    done = subprocess.run([sys.executable, "-c", script, url(database), str(moment)], cwd=ROOT, capture_output=True)
    assert done.returncode == (0 if moment == 6 else -signal.SIGKILL)
    assert verify(database) == 0
    counts = [document(database, room).count(ANN) for room in ("one", "two")]
    assert counts == [0 if moment >= 2 else 4, 0 if moment >= 5 else 4]
    assert erase(database, "ann", "--yes") == 0
    assert ANN.encode() not in held(database)
    assert verify(database) == 0

    async def erasures(reader: SqliteReader | BundleReader) -> list[int]:
        found: list[int] = []
        for room in ("one", "two"):
            log = await reader.read(room, limit=10_000)
            found.append(sum(isinstance(record.event, SubjectErased) for record in log))
        await reader.aclose()
        return found

    assert trio.run(erasures, open_store(url(database), readonly=True)) == [1, 1]
