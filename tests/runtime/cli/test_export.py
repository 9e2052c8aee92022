"""`plait export` and `plait import` at a terminal, and exported logs as tests of today's agents."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
import trio
from plait.runtime import Agent, Runtime, cli
from plait.storage import open_store
from plait.testing import Diverged, bundles, replay, rerun_bundle
from pycrdt import Text

from ...conftest import need_module
from ...generate import SPECS

Captured = pytest.CaptureFixture[str]

AGENTS = """
from plait.runtime import Agent

helper = Agent("helper", "echo", instructions="Help.")
bold = Agent("helper", "echo", instructions="Help at once!")
stranger = Agent("stranger", "echo")
"""


def said(capsys: Captured, *words: str, code: int = 0) -> list[str]:
    assert cli.run(list(words)) == code
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with one room, in which somebody asked and wrote."""
    url = f"sqlite:///{tmp_path / 'here.db'}"

    async def main() -> None:
        async with open_store(url) as store, Runtime(store, [Agent("helper", "echo", instructions="Help.")]) as runtime:
            room = runtime.room("office").by("ann")
            await room.wait(await room.prompt("Where are the figs?"))
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "Plums"))

    trio.run(main)
    return url


def test_a_room_moves(tmp_path: Path, store: str, capsys: Captured) -> None:
    """BU1, BU2, BU4: out of one store and into another, once; what reads a room reads the file."""
    there, file = f"sqlite:///{tmp_path / 'there.db'}", str(tmp_path / "office.zip")
    (line,) = said(capsys, "export", "office", file, "--json", "--store", store)
    log = said(capsys, "log", "office", "--json", "--store", store)
    assert json.loads(line)["records"] == len(log)
    assert said(capsys, "log", file, "--json") == log
    assert said(capsys, "verify", file)
    for _ in range(2):
        said(capsys, "import", file, "--as", "copy", "--store", there)
        copied = said(capsys, "log", "copy", "--json", "--store", there)
        assert copied[:-1] == log
        assert json.loads(copied[-1])["event"]["type"] == "room-imported"
    said(capsys, "verify", "--store", there)
    assert cli.run(["export", "nowhere", file, "--store", store]) == 1
    assert not Path(f"{file}.unfinished").exists()


def test_an_encrypted_room(tmp_path: Path, store: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """BU12: with the keys a bundle is written, and that it is not encrypted is said; without them nothing is."""
    key, sealed, file = tmp_path / "master.key", f"sqlite:///{tmp_path / 'sealed.db'}", tmp_path / "office.zip"
    key.write_text("\n".join(said(capsys, "keys", "new")))
    said(capsys, "export", "office", str(file), "--store", store)
    said(capsys, "import", str(file), "--store", sealed, "--keys", str(key))
    for words in ([], ["--jsonl"]):
        assert cli.run(["export", "office", str(tmp_path / "none"), *words, "--store", sealed]) == 1
        assert "its key is not here" in capsys.readouterr().err
        assert not (tmp_path / "none").exists()
    monkeypatch.setenv("PLAIT_KEYS", str(key))
    for words, warned in (
        ([], "all that was said"),
        (["--redact"], "who did what"),
        (["--jsonl"], "all that was said"),
    ):
        assert cli.run(["export", "office", str(file), *words, "--json", "--store", sealed]) == 0
        told, warning = capsys.readouterr()
        assert f"{file} is not encrypted; whoever has it reads {warned}" in warning
        assert bool(json.loads(told).get("opened")) == ("--jsonl" not in words)
        assert (b"figs" in file.read_bytes()) == ("--redact" not in words)


def test_what_differs_between_bundles(tmp_path: Path, store: str, capsys: Captured) -> None:
    """BU16: two bundles, and a bundle and a room either way round; each place once, and files that are none refused."""
    file, later, bare = (str(tmp_path / name) for name in ("office.zip", "later.zip", "bare.zip"))
    said(capsys, "export", "office", file, "--store", store)
    said(capsys, "export", "office", bare, "--redact", "--store", store)
    for one, other in ((file, file), (file, "office"), ("office", file)):
        assert said(capsys, "diff", one, other, "--store", store) == []
    there = f"sqlite:///{tmp_path / 'there.db'}"
    said(capsys, "import", file, "--as", "copy", "--store", there)
    (found,) = map(json.loads, said(capsys, "diff", file, "copy", "--json", "--store", there, code=1))
    assert (list(found), found["after"]["type"]) == (["path", "after"], "room-imported")

    async def go_on() -> None:
        async with open_store(store) as opened, Runtime(opened) as runtime:
            room = runtime.room("office").by("bob")
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(5, "!"))

    trio.run(go_on)
    said(capsys, "export", "office", later, "--store", store)
    records = len(said(capsys, "log", file, "--json"))
    for one, other in ((file, later), (file, "office")):
        found = [json.loads(line) for line in said(capsys, "diff", one, other, "--json", "--store", store, code=1)]
        assert [each["path"] for each in found] == [f"/records/{records + 1}", "/documents/main/content"]
        assert (found[1]["before"], found[1]["after"]) == ("Plums", "Plums!")
    backwards = said(capsys, "diff", "office", file, "--store", store, code=1)
    assert backwards[1] == '~ /documents/main/content: "Plums!" -> "Plums"'
    first, *_ = said(capsys, "diff", file, bare, "--store", store, code=1)
    assert "figs" in first
    assert "[erased]" in first
    assert said(capsys, "diff", file, "1", "1") == []
    Path(later).write_bytes(b"none")
    for words in ([file, later], [later, file]):
        assert cli.run(["diff", *words]) == 1
        assert "no zip" in capsys.readouterr().err
    assert said(capsys, "effects", file, str(records))


def test_lines(store: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """BU8: one record a line, as `plait log --json` prints them, and the page's query over them."""
    monkeypatch.chdir(tmp_path)
    said(capsys, "export", "office", "office.jsonl", "--jsonl", "--store", store)
    lines = Path("office.jsonl").read_text().splitlines()
    assert lines == said(capsys, "log", "office", "--json", "--store", store)
    need_module("duckdb")
    import duckdb

    (query,) = re.findall(r"^```sql\n(.*?)^```", (SPECS / "bundles.md").read_text(), re.MULTILINE | re.DOTALL)
    found = duckdb.execute(query).fetchall()
    assert sum(row[2] for row in found) == len(lines)
    assert ("ann", "run-requested", 1) in [row[:3] for row in found]


def test_without_words(store: str, tmp_path: Path, capsys: Captured) -> None:
    """BU7: what somebody said is in no part of the file, and the file still verifies."""
    file = tmp_path / "office.zip"
    said(capsys, "export", "office", str(file), "--redact", "--store", store)
    held = file.read_bytes()
    assert b"figs" not in held
    assert b"Plums" not in held
    said(capsys, "verify", str(file))
    assert cli.run(["export", "office", str(file), "--redact", "--jsonl", "--store", store]) == 2


def test_a_suite(store: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """BU9, BU10: the written test passes for the code that wrote the log, and says where other code first differs."""
    (tmp_path / "shop_agents.py").write_text(AGENTS)
    monkeypatch.syspath_prepend(tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    with pytest.raises(FileNotFoundError, match="no bundle"):
        bundles(logs)
    file, wanted = logs / "the-office.zip", ["--test", "--agent", "shop_agents:helper"]
    (line,) = said(capsys, "export", "office", str(file), *wanted, "--json", "--store", store)
    path = Path(json.loads(line)["test"])
    assert path == logs / "test_the_office.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.test_the_office()

    agents = importlib.import_module("shop_agents")
    (bundle,) = bundles(logs)
    assert replay(bundle, [agents.helper]).runs == 1
    with pytest.raises(Diverged, match="the code wants another request") as diverged:
        replay(bundle, [agents.bold])
    assert '"Help." -> "Help at once!"' in str(diverged.value)
    assert len(diverged.value.divergences) == 1
    with pytest.raises(LookupError, match="no run of stranger"):
        replay(bundle, [agents.stranger])
    monkeypatch.setattr(agents, "helper", agents.bold)
    with pytest.raises(Diverged):
        module.test_the_office()
    for words in (["--test"], ["--agent", "a:b"], [*wanted, "--redact"], [*wanted, "--jsonl"]):
        assert cli.run(["export", "office", str(file), *words, "--store", store]) == 2


async def test_on_a_loop(tmp_path: Path) -> None:
    """BU9: a test that is a coroutine awaits the same."""
    agent = Agent("helper", "echo", instructions="Help.")
    url = f"sqlite:///{tmp_path / 'here.db'}"
    async with open_store(url) as store, Runtime(store, [agent]) as runtime:
        room = runtime.room("office").by("ann")
        await room.wait(await room.prompt("Where are the figs?"))
    file = str(tmp_path / "office.zip")
    assert await trio.to_thread.run_sync(cli.run, ["export", "office", file, "--store", url]) == 0
    assert (await rerun_bundle(file, [agent])).runs == 1
