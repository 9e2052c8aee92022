"""The committed bundle is what the sources make, and it asks nothing of anybody but this server."""

import gzip
import re
import subprocess
from pathlib import Path

from .conftest import CONSOLE

DIST = CONSOLE / "dist"
BUILD_S = 300
GZIP_BYTES = 300_000
DEBUGGER_BYTES = 40_000


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_committed_bundle_is_current(sources: Path, tmp_path: Path) -> None:
    """CO1: building the committed sources gives the committed bundle, byte for byte."""
    run("node", "build.mjs", str(tmp_path / "dist"), cwd=sources)
    built, committed = files(tmp_path / "dist"), files(DIST)
    assert sorted(built) == sorted(committed)
    stale = [name for name in built if built[name] != committed[name]]
    assert not stale, "run: npm ci --prefix runtime/console && npm run build --prefix runtime/console"


def test_the_sources_type_check(sources: Path) -> None:
    """CO1: under the compiler's strict mode."""
    run("npx", "--no-install", "tsc", "--noEmit", cwd=sources)


def test_the_units_pass(sources: Path) -> None:
    """What can be shown without a browser: Markdown, connection states, the control channel."""
    run("node", "test.mjs", cwd=sources)


def first(shipped: dict[str, bytes]) -> set[str]:
    """The files that a browser asks for when it opens the page."""
    return {"index.html", *re.findall(r'(?:src|href)="(?!data:)([^"]+)"', shipped["index.html"].decode())}


def weight(shipped: dict[str, bytes], names: set[str]) -> int:
    return sum(len(gzip.compress(shipped[name], mtime=0)) for name in names)


def test_the_first_load_is_light() -> None:
    """CO1, CO2, JS33: a page, a style sheet and a script in few files, together under 300 kB; and `/client.js`."""
    shipped = files(DIST)
    begins = first(shipped)
    plain = {re.sub(r"-[0-9A-Z]{8}", "", name) for name in begins}
    assert plain == {"index.html", "console.css", "console.js", "chunk.js"}
    assert len(begins) <= 5
    assert weight(shipped, begins) < GZIP_BYTES
    assert "client.js" in shipped


def test_what_is_loaded_later_is_light_and_says_its_version() -> None:
    """CO57: the debugger's script and style; each script's name is one that no other version has."""
    shipped = files(DIST)
    later = set(shipped) - first(shipped) - {"client.js"}
    debugger = {name for name in later if name.startswith("debugger")}
    assert {re.sub(r"-[0-9A-Z]{8}", "", name) for name in debugger} == {"debugger.js", "debugger.css"}
    assert weight(shipped, debugger) < DEBUGGER_BYTES
    assert all(re.search(r"-[0-9A-Z]{8}\.js$", name) for name in later if name.endswith(".js"))


def test_the_page_asks_no_other_server() -> None:
    """CO2: every address in the page and the style sheet is this server's, and the policy allows no other."""
    page = (DIST / "index.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    assert not re.search(r"(?:src|href)=\"(?!data:|console\.|chunk-)", page)
    assert not re.search(r"<script(?![^>]* src=)", page)
    assert not re.search(r"url\((?!data:)|@import", (DIST / "console.css").read_text())
