"""Paging: what is long goes through a pager at a terminal, and nowhere else."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plait.runtime.cli import paging

from .logs import write_store

PROGRAM = "import sys; from plait.runtime import cli; sys.exit(cli.run(sys.argv[1:]))"


def at_a_terminal(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str]:
    """The exit code, and what a terminal is sent."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("PAGER", "LESS", "NO_COLOR")}
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**kept, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # As a terminal ends whose other side is closed.
        pass
    os.close(ours)
    return child.wait(60), said.decode().replace("\r\n", "\n")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    write_store(tmp_path / "shop.db")
    return tmp_path / "shop.db"


@pytest.fixture
def less(tmp_path: Path) -> str:
    """A PATH on which `less` says how it was told to behave, and shows all."""
    program = tmp_path / "bin" / "less"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "less $LESS"\nexec cat\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def test_a_log_is_paged_in_colour(database: Path, less: str) -> None:
    """CL36: through less, which leaves where all fits and shows colours; what people see is the same as without."""
    told = ["log", "kitchen", "--store", f"sqlite:///{database}"]
    code, plain = at_a_terminal(*told, cwd=database.parent, PAGER="cat")
    assert (code, "\x1b[36mrun-requested" in plain) == (0, True)
    assert at_a_terminal(*told, cwd=database.parent, PATH=less) == (0, f"less -FRX\n{plain}")
    assert at_a_terminal(*told, cwd=database.parent, PATH=less, LESS="-S")[1].startswith("less -S\n")
    assert at_a_terminal(*told, cwd=database.parent, PATH=less, PAGER="")[1] == plain
    code, said = at_a_terminal(*told, "--json", cwd=database.parent, PATH=less)
    assert (code, said.count('\n{"')) == (0, plain.count("\n"))


def test_whoever_quits_the_pager(database: Path) -> None:
    """CL36: gets no error; what cannot be done is said as ever."""
    told = ["log", "kitchen", "--store", f"sqlite:///{database}"]
    code, said = at_a_terminal(*told, cwd=database.parent, PAGER="head -n 1")
    assert (code, len(re.findall("run-requested", said))) == (0, 1)
    code, said = at_a_terminal("log", "cellar", *told[2:], cwd=database.parent, PAGER="head -n 1")
    assert (code, said) == (1, "plait: no room named cellar is in this store\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [("log r", True), ("diff a b --json", True), ("log r --follow", False), ("verify r", False), ("", False)],
)
def test_what_is_paged(line: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """CL36: verbs that tell much, but not what is told as it comes."""
    monkeypatch.setenv("PAGER", "head")
    monkeypatch.setattr(sys, "stdin", paging._Screen(sys.stdin))
    monkeypatch.setattr(sys, "stdout", paging._Screen(sys.stdout))
    assert paging.is_paged(line.split()) is expected
