"""A forked command is what the installed one is: it says the same, ends the same, and nothing of it stays behind."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .preloaded import Command, forkable

END_S = 60

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs a command to its end: its exit code, what it said, what it complained of."""

    def ended(*arguments: str, nth: int = 0, **env: str) -> tuple[int, str, str]:
        with (tmp_path / "stderr.log").open("w+b") as stderr:
            command = Command(arguments, {**os.environ, **env}, stderr.fileno(), nth=nth)
            with open(command.stdout) as stdout:
                said = stdout.read()
            code = command.wait(END_S)
            stderr.seek(0)
            return code, said, stderr.read().decode()

    return ended


def test_it_does_what_the_installed_command_does(run: Run, tmp_path: Path) -> None:
    """Its words, its exit codes, its folder and its environment are those of a command that was started."""
    assert run("--version") == (0, "plait 0.1.0\n", "")
    code, said, complained = run("log", "nowhere", PLAIT_STORE=f"sqlite:///{tmp_path / 'missing.db'}")
    assert (code, said) == (1, "")
    assert complained == f"plait: there is no database at {tmp_path / 'missing.db'}\n"
    assert run("braid")[0] == 2


def test_what_starts_again_is_another_process(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start has another hash seed than the first, which sees the modules of its folder and no more."""
    (tmp_path / "telling.py").write_text("import os, sys; print(os.getpid(), hash('plait'), *sys.path)\nagent = None\n")
    monkeypatch.chdir(tmp_path)
    told = [run("serve", "--agent", "telling:agent", nth=nth)[1].split() for nth in (0, 1, 0)]
    assert len({pid for pid, *_ in told}) == 3
    assert told[0][1] == told[2][1] != told[1][1]
    assert told[0][2] == str(Path(sys.executable).parent)
    assert not {str(Path(__file__).parent), str(Path(__file__).parents[1])} & set(told[0][2:])


def test_it_is_ended_by_signals_and_gone_with_whoever_forgets_it(tmp_path: Path) -> None:
    """SIGTERM ends it in good order, SIGKILL at once; and once its line is closed it is killed."""
    arguments = ["serve", "--store", f"sqlite:///{tmp_path / 'plait.db'}", "--port", "0", "--model", "echo"]
    with (tmp_path / "stderr.log").open("wb") as stderr:
        for sent, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL), (None, None)):
            command = Command(arguments, os.environ, stderr.fileno())
            with open(command.stdout) as stdout:
                assert stdout.readline().startswith("plait is listening on ")
                if sent is None:
                    command.forget()
                else:
                    command.send_signal(sent)
                    assert command.wait(END_S) == code
                    command.send_signal(sent)
                assert stdout.read() == ""  # Which ends with the process.


def test_who_ended_of_itself_is_past_signals(tmp_path: Path) -> None:
    """A signal to a process that has ended is no failure, and its code is told none the less."""
    with (tmp_path / "stderr.log").open("wb") as stderr:
        command = Command(["--version"], os.environ, stderr.fileno())
    with open(command.stdout) as stdout:
        assert stdout.read() == "plait 0.1.0\n"
    while Path(f"/proc/{command.pid}").exists():
        command.send_signal(signal.SIGTERM)
    for _ in range(1000):  # In which its parent closes the line.
        command.send_signal(signal.SIGKILL)
    assert command.wait(END_S) == 0


def test_what_the_interpreter_reads_is_not_forked() -> None:
    """An environment in which Python would start otherwise is refused."""
    assert forkable(os.environ)
    with pytest.raises(AssertionError):
        Command(["--version"], {**os.environ, "PYTHONUTF8": "0", "PYTHONHASHSEED": "7"}, 2)
