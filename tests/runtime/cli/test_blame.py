"""`plait blame`: who wrote a document, for people and for machines, and nothing a terminal would obey."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from plait.protocol.attribution import Attribution
from plait.protocol.events import DocumentEdited, Record, RunRequested, ToolStarted, run_id
from plait.protocol.spans import Span
from plait.runtime import Blame, cli
from plait.runtime.cli.blame import parts
from plait.storage import Append, open_store
from pycrdt import Doc, Map, Text

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A document that Ann wrote into and an agent too, for Bob."""
    doc, updates = Doc[Any](client_id=5), list[bytes]()
    doc.observe(lambda event: updates.append(bytes(event.update)))
    text = doc.get("content", type=Text)
    text.insert(0, "Dear\x1b[31m all")
    text.insert(4, " friends")
    del text[0:2]
    doc.get("state", type=Map)["k"] = 1
    ann, agent = ("ann", "", DocumentEdited()), ("agent:writer", run_id(1), DocumentEdited("c/call.0", 1))
    lines = [
        ("bob", run_id(1), RunRequested("writer", "Write to them")),
        ("agent:writer", run_id(1), ToolStarted("c/call.0", 1, "c", "insert", "write")),
        *(ann, agent, ann, ann),
    ]
    url = f"sqlite:///{tmp_path / 'letters.db'}"

    async def main() -> None:
        async with open_store(url) as store:
            records = tuple(
                Record(seq, seq, author, run, 1, event, "main" if seq > 2 else "", updates.pop(0) if seq > 2 else b"")
                for seq, (author, run, event) in enumerate(lines, 1)
            )
            await store.append(Append("letters", 1, 0, records))

    trio.run(main)
    return url


def test_for_people(url: str, capsys: Captured) -> None:
    """BL14: one line for each part: the record, who, for whom, by which tool, where, and the text, escaped."""
    assert cli.run(["blame", "letters", "--root", "content", "--deleted", "--store", url]) == 0
    gone, dear, friends, rest = capsys.readouterr().out.splitlines()
    assert gone.split() == ["3", "ann", "content:0", '"De"', "deleted", "by", "ann", "in", "5"]
    assert dear.split() == ["3", "ann", "content:0", '"ar"']
    assert friends.startswith("        4 agent:writer for bob, run 1, insert content:2 ")
    assert friends.endswith('" friends"')
    assert "\x1b" not in rest
    assert rest.endswith(' all"')


def test_what_was_streamed() -> None:
    """BL14: what one call wrote in many records is one line; what another did, or somebody deleted, is not joined."""
    texts = [("One ", 3, 0), ("two ", 5, 0), ("gone ", 6, 8), ("three ", 4, 0), ("four", 7, 0)]
    call = Attribution(0, 0, "agent:writer", "bob", "000000000001", step="c/call.0")
    made = {seq: replace(call, seq=seq, time=seq) for seq in (3, 4, 5, 6)} | {7: Attribution(7, 7, "ann")}
    at, spans = 0, list[Span]()
    for text, seq, deleted in texts:
        end = at if deleted else at + len(text)
        spans.append(Span(path=("t",), start=at, end=end, text=text, seq=seq, deleted=deleted, ids=()))
        at = end
    told = [(span.text, span.seq, last) for span, last in parts(Blame(8, tuple(spans), made))]
    assert told == [("One two ", 3, 5), ("gone ", 6, 6), ("three ", 4, 4), ("four", 7, 7)]


def test_for_machines(url: str, capsys: Captured) -> None:
    """BL14: `--json` gives the spans in order, then the records that they name, one object a line."""
    assert cli.run(["blame", "letters", "main", "--json", "--store", url]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    spans = [one["span"] for one in told if "span" in one]
    records = {one["record"]["seq"]: one["record"] for one in told if "record" in one}
    assert told == [*({"span": span} for span in spans), *({"record": one} for one in records.values())]
    assert [(span.get("text"), span.get("key"), span["seq"]) for span in spans] == [
        ("ar", None, 3),
        (" friends", None, 4),
        ("\x1b[31m all", None, 3),
        (None, "k", 6),
    ]
    assert (records[4]["on_behalf_of"], records[4]["prompt"], records[4]["prompt_seq"]) == ("bob", "Write to them", 1)
    assert set(records[3]) == {"seq", "time", "author"}


def test_an_earlier_moment(url: str, capsys: Captured) -> None:
    """BL14: `--at N` shows what was there when record N was the newest; a record that is not there is an error."""
    assert cli.run(["blame", "letters", "--at", "3", "--json", "--store", url]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert json.loads(first)["span"]["text"] == "Dear\x1b[31m all"
    assert cli.run(["blame", "letters", "--at", "99", "--store", url]) == 1
    assert "ends at record 6" in capsys.readouterr().err


def test_what_is_not_there(url: str, capsys: Captured) -> None:
    """BL14: an unknown room is exit code 1, a name that no document may have 2, an unwritten document is empty."""
    assert cli.run(["blame", "nobody", "--store", url]) == 1
    assert cli.run(["blame", "letters", "a//b", "--store", url]) == 2
    assert "segment" in capsys.readouterr().err
    assert cli.run(["blame", "letters", "other", "--store", url]) == 0
    assert capsys.readouterr().out == ""


def test_at_a_place(url: str, capsys: Captured) -> None:
    """BL17: what is at a relative position of Yjs, or from it to before another one; what is none is a usage error."""

    def said(*which: str) -> list[str]:
        assert cli.run(["blame", "letters", "--store", url, "--json", *which]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line["span"]["text"] for line in lines if "span" in line]

    here = '{"tname":"content","item":{"client":5,"clock":2},"assoc":0}'
    assert said("--place", here) == ["a"]
    assert "".join(said("--place", here, "--until", '{"tname":"content"}')) == "ar friends\x1b[31m all"
    assert cli.run(["blame", "letters", "--store", url, "--place", "here"]) == 2
