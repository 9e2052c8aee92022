"""`plait fork` and `plait merge`, on a file that no server holds."""

import json
from pathlib import Path

import pytest
import trio
from plait.runtime import Agent, Runtime
from plait.runtime.cli import run
from plait.storage import open_store
from pycrdt import Text


def lived(path: Path) -> str:
    url = f"sqlite:///{path}"

    async def main() -> None:
        async with open_store(url) as store, Runtime(store, [Agent("assistant", model="echo")]) as runtime:
            room = runtime.room("r")
            await room.by("ann").edit("main", lambda doc: doc.get("content", type=Text).insert(0, "one"))
            await room.wait(await room.prompt("Hello"))

    trio.run(main)
    return url


def test_fork_and_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """FK15: the same as over HTTP, as JSON and in words; what is asked wrongly is exit 2, what cannot be is exit 1."""
    url = lived(tmp_path / "plait.db")
    store = ["--store", url]

    def said(*arguments: str, code: int = 0) -> str:
        assert run([*arguments, *store]) == code
        told = capsys.readouterr()
        return told.out if code == 0 else told.err

    assert json.loads(said("fork", "r", "--at", "1", "--as", "f", "--json")) == {"room": "f", "of": "r", "at": 1}
    assert said("fork", "r", "--at", "2", "--as", "g", "--change", "prompt=Other") == "g: a fork of r, up to record 1\n"
    change = tmp_path / "change.json"
    change.write_text('{"prompt": "From a file", "options": {"temperature": 1}}')
    said("fork", "r", "--at", "2", "--as", "h", "--change", str(change))
    told = json.loads(said("fork", "r", "--lineage", "--json"))
    assert [(one["room"], one["at"]) for one in told["forks"]] == [("f", 1), ("g", 1), ("h", 1)]
    assert said("fork", "f", "--lineage").startswith("f: a fork of r, up to record 1")
    assert "f: forked after record 1 by 'anonymous'" in said("fork", "r", "--lineage")
    assert said("merge", "f") == "r: nothing to take from f\n"

    async def edit() -> None:
        async with open_store(url) as opened, Runtime(opened) as runtime:
            await runtime.room("f").by("eve").edit("main", lambda doc: doc.get("content", type=Text).insert(3, " two"))

    trio.run(edit)
    assert 'r: would take 1 edits of main by \'eve\'\n  ~ /content: "one" -> "one two"' in said(
        "merge", "f", "--preview"
    )
    assert json.loads(said("merge", "f", "--json"))["documents"]["main"]["authors"] == ["eve"]
    assert "room-exists" in said("fork", "r", "--at", "2", "--as", "r", code=1)
    assert "no fork" in said("merge", "r", code=1)
    assert run(["diff", "r", "g", "--json", *store]) == 1
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["path"], first["before"]["prompt"], first["after"]["prompt"]) == ("/records/2", "Hello", "Other")
    for wrong in (["--at", "2", "--change", "nothing=1"], ["--at", "2", "--change", "missing.json"], []):
        said("fork", "r", *wrong, code=2)
