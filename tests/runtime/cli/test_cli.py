"""The command line as a person meets it: its verbs, its errors in one line, its exit codes."""

import ast
import errno
import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
import trio
from plait.protocol.errors import Refused
from plait.runtime import cli
from plait.storage import StoreLocked

Captured = pytest.CaptureFixture[str]


def test_version(capsys: Captured) -> None:
    """CL1: `plait --version` says which."""
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == "plait 0.1.0\n"


def test_help_names_every_verb(capsys: Captured) -> None:
    """CL1: `plait --help` tells every verb with one sentence."""
    assert cli.run(["--help"]) == 0
    out = capsys.readouterr().out
    for name in cli.VERBS:
        verb = cli.plait.get_command(click.Context(cli.plait), name)
        assert verb is not None
        assert verb.name == name
        assert f"\n  {name} " in out


def test_no_verb_is_bad_usage(capsys: Captured) -> None:
    """CL2: without a verb the help is shown, and the exit code is that of bad usage."""
    assert cli.run([]) == 2
    assert "Commands:" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "line",
    [
        ["braid"],
        ["log"],
        ["log", "--after", "soon", "room"],
        ["log", ".room"],
        ["verify", "rooms"],
        ["serve", "--port", "70000"],
        ["serve", "--auth", "shop:who"],
    ],
    ids=" ".join,
)
def test_bad_usage(line: list[str], capsys: Captured) -> None:
    """CL2: bad usage is one line on stderr, nothing on stdout, and exit code 2."""
    assert cli.run(line) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("plait: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--host", "192.0.2.1", "proxy"),
        ("--host", "0.0.0.0", "proxy"),
        ("--host", "::", "proxy"),
        ("--host", "example.org", "proxy"),
        ("--model", "abacus", "no model is called 'abacus'"),
        ("--agent", "shop", "not MODULE:NAME"),
        ("--agent", "no_such_module:clerk", "No module named 'no_such_module'"),
        ("--agent", "trio:run", "not an Agent"),
        ("--ready-file", "no/such/folder/ready", "does not exist"),
        ("--trust-proxy", "proxy.lan", "proxy.lan is not an address"),
    ],
)
def test_serve_refuses_before_it_does_anything(
    option: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """CL6: what cannot work is bad usage, with the reason or the way out, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    assert cli.run(["serve", option, value]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_proxy_protocol_needs_a_proxy(capsys: Captured) -> None:
    """TP5: who may send PROXY headers has to be said with it."""
    assert cli.run(["serve", "--proxy-protocol"]) == 2
    assert "--proxy-protocol: the PROXY protocol needs to know" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tls-cert", "cert.pem"], "--tls-cert and --tls-key go together"),
        (["--tls-key", "key.pem"], "--tls-cert and --tls-key go together"),
        (["--tls-cert", "cert.pem", "--tls-key", "key.pem"], "cert.pem cannot be read: No such file or directory"),
    ],
)
def test_half_a_certificate(arguments: list[str], said: str, capsys: Captured) -> None:
    """TP9: it is bad usage, with a sentence."""
    assert cli.run(["serve", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_two_agents_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """CL6: an agent that is called like another one is bad usage."""
    (tmp_path / "twice.py").write_text("from plait.runtime import Agent\nagent = Agent('assistant', 'echo')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert cli.run(["serve", "--agent", "twice:agent"]) == 2
    assert "two agents have the same name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (StoreLocked("the database is held\nby process 7", 7), "plait: the database is held by process 7\n"),
        (Refused("bad-name"), "plait: bad-name: The room or document name breaks the naming rule.\n"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "plait: [Errno 98] Address already in use\n"),
        (BaseExceptionGroup("", [ExceptionGroup("", [StoreLocked("held")])]), "plait: held\n"),
    ],
)
def test_errors_on_purpose_are_one_line(
    error: BaseException, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """CL3: an error raised on purpose, ours or the operating system's, is one line and exit code 1."""
    assert _run_raising(error, monkeypatch) == 1
    assert capsys.readouterr() == ("", sentence)


def test_interrupts_are_not_errors(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """CL3: Ctrl-C ends a verb with 130, without a word, also out of a nursery."""
    assert _run_raising(BaseExceptionGroup("", [KeyboardInterrupt()]), monkeypatch) == 130
    assert _run_raising(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr().err.strip() == ""


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """CL3: what nobody raised on purpose is not dressed up as one line."""
    with pytest.raises(ZeroDivisionError):
        _run_raising(ZeroDivisionError(), monkeypatch)
    with pytest.raises(ExceptionGroup):
        _run_raising(ExceptionGroup("", [StoreLocked("held"), ZeroDivisionError()]), monkeypatch)


def _run_raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    @click.command("log")
    def verb() -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(cli.Verbs, "get_command", lambda *_: verb)
        return cli.run(["log"])


def _loaded(script: str) -> set[str]:
    """What a process that runs the script has loaded in the end."""
    said = "\nimport sys; print('\\n', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script + said], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_verbs_load_only_what_they_need() -> None:
    """CL1: reading a log loads no server and no model's SDK."""
    loaded = _loaded("from plait.runtime.cli import run; assert run(['log', '--help']) == 0")
    assert "plait.runtime.cli.log" in loaded
    assert not {"plait.runtime.cli.serve", "trio_websocket", "openai", "anthropic"} & loaded


def test_the_version_loads_nothing_that_works() -> None:
    """CL35: `plait --version` loads no storage, no server, no model, no document and no codec."""
    loaded = _loaded("from plait.runtime.cli import run; assert run(['--version']) == 0")
    assert {"plait.runtime.cli", "click"} <= loaded
    assert not {"msgspec", "pycrdt", "rich", "sqlalchemy", "trio", "plait.storage"} & loaded


def test_a_server_loads_only_what_it_serves_with() -> None:
    """CL35: `plait serve` that asks nobody for a grant loads no keys, no client, no SDK and no other database."""
    loaded = _loaded("import plait.runtime.cli.serve")
    assert {"plait.runtime.embed", "sqlalchemy.dialects.sqlite"} <= loaded
    unasked = {"anthropic", "cryptography", "jwt", "openai", "psycopg", "plait.runtime.client", "rich"}
    assert not (unasked | {"sqlalchemy.dialects.postgresql"}) & loaded


@pytest.mark.parametrize("package", ["protocol", "runtime"])
def test_what_a_package_offers_is_there_when_it_is_asked_for(package: str) -> None:
    """CL35: type checkers read the same list of names as Python does, every name is found, and no other."""
    module = importlib.import_module(f"plait.{package}")
    tree = ast.parse(Path(str(module.__file__)).read_text())
    (choice,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.asname or alias.name: f"{'.' * node.level}{node.module}"
        for node in choice.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (table,) = [node for node in ast.walk(choice) if isinstance(node, ast.Dict)]
    named = {name: place for place, names in ast.literal_eval(table).items() for name in names.split()}
    assert typed == named
    assert sorted(named) == sorted(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    for name, place in named.items():
        home = importlib.import_module(place, module.__name__)
        assert getattr(module, name) is getattr(home, name)
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        _ = module.Nobody


async def test_a_reader_that_leaves_is_no_error() -> None:
    """CL3: when whoever reads the output has gone (`plait log room | head`), nothing is said."""
    script = "import sys; from plait.runtime.cli import main; input(); sys.argv[1:] = ['--help']; main()"
    process = await trio.lowlevel.open_process([sys.executable, "-c", script], stdin=-1, stdout=-1, stderr=-1)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    async with process.stdin, process.stderr:
        await process.stdout.aclose()
        await process.stdin.send_all(b"\n")
        said = b"".join([piece async for piece in process.stderr])
        assert (await process.wait(), said) == (1, b"")
