"""`plait grant`, and a `plait serve` that asks for grants: nothing that was shown to it is ever said again."""

import json
import stat
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trio
from plait.protocol import tokens
from plait.protocol.access import RIGHTS
from plait.runtime.auth.gate import wall_clock
from plait.runtime.auth.keyring import load_keys
from plait.runtime.cli import run

from .test_serve import said, serving


def test_it_prints_a_grant_that_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """AC7: with a secret that it makes, for its owner alone; all but admin for an hour, unless told otherwise."""
    path = tmp_path / "key"
    assert run(["grant", "--secret-file", str(path), "--new-secret"]) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    grant = tokens.verify(capsys.readouterr().out.strip(), load_keys(path), now := wall_clock())
    assert [right for right in RIGHTS if grant.has(right)] == [right for right in RIGHTS if right != "admin"]
    assert (grant.author, grant.rooms, grant.documents) == ("dev", ("*",), ("*",))
    assert 3590 < (grant.expires - now) / 1e6 < 3601
    words = (
        "--subject svc --name S --room a* --room b --document n --right read --right admin --on-behalf-of ann --for 2d"
    )
    assert run(["grant", "--secret-file", str(path), "--json", *words.split()]) == 0
    told = json.loads(capsys.readouterr().out)
    grant = tokens.verify(told["token"], load_keys(path), wall_clock())
    assert (grant.author, grant.name, grant.rooms, grant.documents) == ("svc", "S", ("a*", "b"), ("n",))
    assert (grant.admin, grant.write, grant.on_behalf_of, grant.id) == (True, False, "ann", told["id"])


@pytest.mark.parametrize(
    "words",
    [
        "--for soon",
        "--for 0s",
        "--right fly",
        "--subject plait",
        "--subject agent:x",
        "--new-secret",
        "--secret-file nowhere",
        "--secret-file short",
    ],
)
def test_bad_usage(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """AC7, CL2: one line, and a file that is there is not written over."""
    monkeypatch.chdir(tmp_path)
    Path("key").write_text("x" * 40)
    Path("short").write_text("hidden")
    assert run(["grant", "--secret-file", "key", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "hidden" not in err
    assert Path("key").read_text() == "x" * 40


@pytest.mark.parametrize(
    "words",
    [
        "--secret-file nowhere",
        "--secret-file key --auth a:b",
        "--secret-file key --jwks-url https://x.example",
        "--auth nothing",
        "--auth json:__doc__",
        "--jwks-url http://x.example/keys",
        "--host 0.0.0.0",
    ],
)
def test_serve_refuses(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CL6: what says who asks must be one thing and be there, before anything is opened; and without it no other
    machine is let in."""
    monkeypatch.chdir(tmp_path)
    Path("key").write_text("x" * 40)
    assert run(["serve", *words.split()]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("plait.db").exists()


async def test_nothing_that_was_shown_is_said_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """AC18: tokens, good ones, bad ones and those of requests that fail, in header, query, body and subprotocol: none
    is in what the server logs, in its database, its metrics or any answer; and nor is the secret."""
    key = tmp_path / "key"
    assert (
        run(
            [
                "grant",
                "--secret-file",
                str(key),
                "--new-secret",
                "--right",
                "admin",
                "--right",
                "read",
                "--right",
                "prompt",
            ]
        )
        == 0
    )
    good = capsys.readouterr().out.strip()
    bad = good[:-9] + "AAAAAAAAA"
    answers: list[bytes] = []
    async with serving(tmp_path, "--secret-file", str(key), "--host", "0.0.0.0") as process:
        url = (await said(process)).split()[-1].replace("0.0.0.0", "127.0.0.1")

        def ask(path: str, shown: str = "", body: bytes | None = None, **headers: str) -> int:
            more = {"authorization": f"Bearer {shown}"} if shown else {}
            try:
                with urllib.request.urlopen(urllib.request.Request(url + path, body, {**headers, **more})) as answer:
                    answers.append(answer.read() + str(answer.headers).encode())
                    return answer.status
            except urllib.error.HTTPError as error:
                answers.append(error.read() + str(error.headers).encode())
                return error.code

        def all_of_it() -> None:
            for shown in (good, bad):
                status = 200 if shown == good else 401
                assert ask("/metrics", shown) == status
                assert ask(f"/api/rooms?token={shown}") == status
                assert ask(f"/api/rooms/a%00b/records?token={shown}") in (400, 401)
                renew = json.dumps({"id": "1", "do": "renew-grant", "grant": shown}).encode()
                assert ask("/api/rooms/r/commands", good, renew) == 400
                assert ask("/api/rooms/r/commands", good, renew.replace(b"1", b"", 1)) == 400
                assert ask("/api/rooms/r/commands", shown, b'{"id":"2","do":"prompt","text":"hi"}') == status
                upgrade = {"upgrade": "websocket", "sec-websocket-key": "x", "sec-websocket-version": "13"}
                upgrade["sec-websocket-protocol"] = f"plait.v1, plait.token.{shown}"
                ask(f"/rooms/r?token={shown}", "", None, **upgrade)
            assert ask("/metrics", good) == 200

        await trio.to_thread.run_sync(all_of_it)
        process.terminate()
        assert process.stderr
        logged = b"".join([piece async for piece in process.stderr])
        await process.wait()
    kept = (tmp_path / "plait.db").read_bytes()
    assert b"hi" in kept
    secret = key.read_bytes().strip()
    for where in (logged, kept, *answers):
        for hidden in (good.encode(), bad.encode(), good.split(".")[1].encode(), secret):
            assert hidden not in where
