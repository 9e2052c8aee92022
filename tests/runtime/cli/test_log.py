"""`plait log`: every record once and in order, for people and for machines, and nothing a terminal would obey."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
import trio
from plait.protocol.codec import record_json
from plait.protocol.events import Record, RunRequested
from plait.runtime import cli
from plait.runtime.cli.log import POLL_S, line, show
from plait.runtime.replay.sentences import VALUE_CHARS
from plait.storage import Append, MemoryStore

from .logs import records, write_store

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return write_store(tmp_path / "shop.db")


def test_json_is_the_record_as_outsiders_see_it(url: str, capsys: Captured) -> None:
    """CL4: `plait log --json` prints the JSON that every other way out of the log gives, one record a line."""
    assert cli.run(["log", "kitchen", "--json", "--store", url]) == 0
    out = capsys.readouterr().out
    assert out.encode().splitlines() == [record_json(record) for record in records()]
    assert [json.loads(each)["seq"] for each in out.splitlines()] == [1, 2, 3, 4, 5, 6, 7]


def test_after_begins_later(url: str, capsys: Captured) -> None:
    """CL4: `--after N` begins behind record N."""
    assert cli.run(["log", "kitchen", "--after", "5", "--json", "--store", url]) == 0
    assert [json.loads(each)["seq"] for each in capsys.readouterr().out.splitlines()] == [6, 7]


def test_people_see_one_plain_line_a_record(url: str, capsys: Captured) -> None:
    """CL4: into a pipe each record is one line without colour, in the log's order."""
    assert cli.run(["log", "kitchen", "--store", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(each.split()[0]) for each in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert lines[0].split()[1:6] == ["2025-11-22T08:26:41.500Z", "ann", "run:1", "run-requested", 'agent="assistant"']
    assert lines[0].split(maxsplit=6)[6].startswith('"How many?" update=')
    assert lines[6].split()[1:6] == ["2025-11-22T08:26:40.000Z", "ann", "-", "document-edited", "document=notes"]


def test_no_text_of_a_log_can_move_a_cursor(url: str, capsys: Captured) -> None:
    """CL5: control characters and those that turn the writing direction are shown escaped, never sent."""
    assert cli.run(["log", "kitchen", "--store", url]) == 0
    out = capsys.readouterr().out
    assert r"Two\u001b[31m \u202e 🌍" in out
    assert all(each.isprintable() for each in out.splitlines())


def test_a_long_value_is_cut_for_people_only() -> None:
    """CL5: a value longer than a line is cut with an ellipsis; the whole stands in the JSON."""
    record = Record(1, 0, "ann", "", 1, RunRequested("assistant", "x" * 1000))
    shown = " ".join(line(record))
    assert "x" * (VALUE_CHARS - 10) in shown
    assert "…" in shown
    assert len(shown) < VALUE_CHARS + 120
    assert b"x" * 1000 in record_json(record)


async def test_people_at_a_terminal_see_colour_and_whole_lines(url: str) -> None:
    """CL4: on a terminal each record is one coloured line, cut to the window."""
    ours, theirs = os.openpty()
    script = f"from plait.runtime import cli; cli.run(['log', 'kitchen', '--store', {url!r}])"
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    done = await trio.run_process([sys.executable, "-c", script], stdout=theirs, env=environment)
    os.close(theirs)
    assert done.returncode == 0
    raw = os.read(ours, 65536).decode()
    os.close(ours)
    assert "\x1b[36mrun-requested" in raw
    lines = re.sub(r"\x1b\[[0-9;]*m", "", raw).splitlines()
    assert [int(each.split()[0]) for each in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert max(map(len, lines)) == 80


@pytest.mark.parametrize("verb", ["log", "verify"])
def test_a_room_that_is_not_there(verb: str, url: str, capsys: Captured) -> None:
    """CL3: a room that nobody wrote to, or a database that is not there, is one line and exit code 1."""
    assert cli.run([verb, "cellar", "--store", url]) == 1
    assert cli.run([verb, "cellar", "--store", f"{url}.no"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert [each.split(": ")[0] for each in said.err.splitlines()] == ["plait", "plait"]
    assert "cellar" in said.err.splitlines()[0]
    assert "shop.db.no" in said.err.splitlines()[1]


async def test_follow_goes_on_with_what_comes(autojump_clock: trio.abc.Clock) -> None:
    """CL4: `--follow` waits for a room that is not there yet, gives each record once, and goes on."""
    seen: list[int] = []
    made = records()
    async with MemoryStore() as store, trio.open_nursery() as nursery:

        async def follow() -> None:
            await show(store, "kitchen", 0, follow=True, write=lambda page: seen.extend(each.seq for each in page))

        nursery.start_soon(follow)
        await trio.sleep(10 * POLL_S)
        assert seen == []
        await store.append(Append("kitchen", 1, 0, made[:3]))
        await trio.sleep(2 * POLL_S)
        assert seen == [1, 2, 3]
        await store.append(Append("kitchen", 1, 3, made[3:]))
        await trio.sleep(2 * POLL_S)
        assert seen == [1, 2, 3, 4, 5, 6, 7]
        nursery.cancel_scope.cancel()
