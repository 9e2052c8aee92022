"""`plait replay`, `plait diff`, `plait bisect`: the past, at a terminal and for machines."""

import json
from pathlib import Path

import pytest
import trio
from plait.protocol.state import TITLE_STEP
from plait.runtime import Agent, Runtime, cli
from plait.storage import open_store
from pycrdt import Text

from .logs import RUN, write_store

Captured = pytest.CaptureFixture[str]


def said(capsys: Captured, *words: str, code: int = 0) -> list[str]:
    assert cli.run(list(words)) == code
    return capsys.readouterr().out.splitlines()


def test_replay(tmp_path: Path, capsys: Captured) -> None:
    """RP8: the room after any record, escaped for people, as JSON for machines."""
    url = write_store(tmp_path / "logs.db")
    now = said(capsys, "replay", "kitchen", "--store", url)
    assert now[0].startswith("kitchen after record 7 of 7, 20")
    assert "  assistant: done: How many?" in now
    assert "    text: Two\\x1b[31m \\u202e 🌍" in now
    assert now[-2:] == ["  notes", "    content: milk"]
    amid = said(capsys, "replay", "kitchen", "--at", "3", "--store", url)
    assert "  assistant: running: How many?" in amid
    assert not any("milk" in each for each in amid)
    assert any("had it died here" in each for each in amid) == bool(
        json.loads(said(capsys, "replay", "kitchen", "--at", "3", "--json", "--store", url)[0])["recovery"]
    )
    asked = said(capsys, "replay", "kitchen", "--at", "4", "--store", url)
    assert [each for each in asked + amid if "had it died here" in each]
    assert said(capsys, "replay", "kitchen", "--document", "notes", "--store", url) == ["  notes", "    content: milk"]
    (line,) = said(capsys, "replay", "kitchen", "--at", "7", "--document", "notes", "--json", "--store", url)
    told = json.loads(line)
    assert (told["seq"], told["roots"], told["runs"][RUN]["status"]) == (7, {"content": "milk"}, "done")
    for words in (["lost"], ["kitchen", "--at", "8"]):
        assert cli.run(["replay", *words, "--store", url]) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert cli.run(["replay", "kitchen", "--document", "..", "--store", url]) == 2


def test_diff(tmp_path: Path, capsys: Captured) -> None:
    """RP5: between moments and between rooms; nothing is nothing, and absent is not null."""
    url = write_store(tmp_path / "logs.db")
    assert said(capsys, "diff", "kitchen", "6", "6", "--store", url) == []
    assert said(capsys, "diff", "kitchen", "6", "7", "--store", url, code=1) == [
        '+ /documents/notes: {"content":"milk"}'
    ]
    found = [json.loads(line) for line in said(capsys, "diff", "kitchen", "4", "2", "--json", "--store", url, code=1)]
    assert [each["path"] for each in found] == [f"/runs/{RUN}/parts/0", "/spent/steps"] or found
    assert "after" not in next(each for each in found if each["path"] == f"/runs/{RUN}/parts/0")
    assert said(capsys, "diff", "kitchen", "shop", "--store", url) == []
    for words in (["kitchen", "x", "1"], ["kitchen", "1", "--runs"], ["kitchen", "1", "2", "--runs", "--requests"]):
        assert cli.run(["diff", *words, "--store", url]) == 2
    assert cli.run(["diff", "kitchen", "1", "99", "--store", url]) == 1


def lived(path: Path) -> str:
    """Two rooms that began alike."""
    url = f"sqlite:///{path}"

    async def main() -> None:
        async with open_store(url) as store, Runtime(store, [Agent("assistant", "echo")]) as runtime:
            for name, last in (("here", "Good bye"), ("there", "Good night")):
                room = runtime.room(name).by("ann")
                await room.wait(await room.prompt("Hello you", id="one"))
                await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "To do: all"), id="two")
                await room.wait(await room.prompt(last, id="three"))

    trio.run(main)
    return url


def test_rooms(tmp_path: Path, capsys: Captured) -> None:
    """RP5: the first record that says something else, in a document or not, or that one room does not have."""
    url = f"sqlite:///{tmp_path / 'logs.db'}"

    async def main() -> None:
        async with open_store(url) as store, Runtime(store) as runtime:
            for name, last in (("one", "milk"), ("two", "soup"), ("three", "milk")):
                room = runtime.room(name).by("ann")
                await room.change(title="Shopping", id="title")
                for text in ("bread", last):
                    await room.edit("main", lambda doc, text=text: doc.get("content", type=Text).insert(0, text))
            await runtime.room("three").by("ann").change(title="More", id="more")

    trio.run(main)
    first, *more = (json.loads(line) for line in said(capsys, "diff", "one", "two", "--json", "--store", url, code=1))
    assert first["path"] == "/records/3"
    assert more == [
        {"path": "/documents/main/content", "before": "milkbread", "after": "soupbread"},
    ]
    said(capsys, "diff", "one", "one", "--store", url)
    first, *_ = (json.loads(line) for line in said(capsys, "diff", "one", "three", "--json", "--store", url, code=1))
    assert (first["path"], first["before"]["type"], first["after"]["title"]) == ("/records/4", "epoch-closed", "More")


def test_runs_and_requests(tmp_path: Path, capsys: Captured) -> None:
    """RP5, RP14: what differs between runs, and what two models were sent."""
    url = lived(tmp_path / "logs.db")
    log = [json.loads(line) for line in said(capsys, "log", "here", "--json", "--store", url)]
    asked = [record for record in log if record["event"]["type"] == "run-requested"]
    runs = said(capsys, "diff", "here", asked[0]["run"], asked[1]["run"], "--runs", "--store", url, code=1)
    assert '~ /prompt: "Hello you" -> "Good bye"' in runs
    requests = [
        str(record["seq"])
        for record in log
        if record["event"]["type"] == "model-requested" and record["event"]["step"] != TITLE_STEP
    ]
    sent = said(capsys, "diff", "here", *requests, "--requests", "--store", url, code=1)
    assert any("Good bye" in line for line in sent)
    (line,) = said(capsys, "replay", "here", "--request", requests[1], "--json", "--store", url)
    assert [each["content"] for each in json.loads(line)["messages"]][-1] == "Good bye"
    assert any("Good bye" in each for each in said(capsys, "replay", "here", "--request", requests[1], "--store", url))
    for seq in ("1", "999"):
        assert cli.run(["replay", "here", "--request", seq, "--store", url]) == 1
    assert cli.run(["replay", "here", "--request", "3", "--at", "1", "--store", url]) == 2
    assert cli.run(["diff", "here", "1", "2", "--requests", "--store", url]) == 1
    assert cli.run(["diff", "here", "1", "999", "--runs", "--store", url]) == 1


def test_bisect(tmp_path: Path, capsys: Captured) -> None:
    """RP6, RP7: the first record after which a run was done, a text stood in a document, and what never was."""
    url = lived(tmp_path / "logs.db")
    log = [json.loads(line) for line in said(capsys, "log", "here", "--json", "--store", url)]
    done = next(record["seq"] for record in log if record["event"]["type"] == "run-finished")
    edited = next(record["seq"] for record in log if record["document"] == "main")

    def found(*words: str) -> int:
        (line,) = said(capsys, "bisect", "here", *words, "--json", "--store", url)
        told = json.loads(line)
        assert told["record"]["seq"] == told["seq"]
        assert told["looked"] <= 10
        return told["seq"]

    assert found("--when", "runs.*.status | [?@=='done']") == done
    assert found("--matches", "To do") == edited
    assert found("--when", "contains(keys(texts), 'main')") == edited
    assert said(capsys, "bisect", "here", "--matches", "To do", "--store", url)[0].startswith(
        f"here: since record {edited} ("
    )
    assert said(capsys, "bisect", "here", "--matches", "never", "--store", url, code=1) == [
        "here: it does not hold now"
    ]
    assert said(capsys, "bisect", "here", "--when", "seq < `999`", "--store", url, code=1) == [
        "here: it held before the first record"
    ]
    for words in ([], ["--when", "a b c"], ["--matches", "("], ["--when", "seq", "--matches", "a"]):
        assert cli.run(["bisect", "here", *words, "--store", url]) == 2
    assert cli.run(["bisect", "here", "--when", "length(seq) > `1`", "--store", url]) == 1


def test_rerun(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP13: exit code 0 where today's code wants what the log holds, 1 with the record where it does not."""
    url = lived(tmp_path / "logs.db")
    same = 'from plait.runtime import Agent\n\nagent = Agent("assistant", "echo"{})\n'
    (tmp_path / "same_agent.py").write_text(same.format(""))
    (tmp_path / "other_agent.py").write_text(same.format(', instructions="Be brief."'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (line,) = said(capsys, "replay", "here", "--agent", "same_agent:agent", "--store", url)
    assert line.startswith("here: 2 runs in ")
    assert line.endswith(", 0 of them diverge")
    people = said(capsys, "replay", "here", "--agent", "other_agent:agent", "--store", url, code=1)
    assert "and the code wants another request" in people[0]
    assert people[1].startswith("  code then ")
    lines = said(capsys, "replay", "here", "--agent", "other_agent:agent", "--json", "--store", url, code=1)
    *found, whole = map(json.loads, lines)
    assert (whole["runs"], whole["diverged"]) == (2, 2) == (2, len(found))
    assert all(each["recorded"].startswith("an answer of the model") for each in found)
    for words in (["here", "--at", "1", "--agent", "same_agent:agent"], ["here", "--agent", "nobody:agent"]):
        assert cli.run(["replay", *words, "--store", url]) == 2
