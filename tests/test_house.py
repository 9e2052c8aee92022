"""The laws of the house: which way imports run, how large things may be, what lies where and what ships.

Each law is read from the syntax tree or from the built wheel, never from a list that somebody keeps up to date, except
where a list is the law: the exceptions below, each beside its reason.
"""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest

from .conftest import Need

ROOT = Path(__file__).resolve().parent.parent
HOUSES = ("protocol", "storage", "runtime")
FILE_LINES = 500
FUNCTION_LINES = 70

MAY_IMPORT = {"protocol": {"protocol"}, "storage": {"protocol", "storage"}, "runtime": set(HOUSES)}
"""Imports run down: protocol <- storage <- runtime."""

PURE = {"jsonschema_rs", "jwt", "msgspec", "pycrdt"}
"""The only packages that protocol may import: none opens anything, waits for anything or asks a clock (jsonschema_rs
would fetch what a schema refers to; `protocol/forms` tells it not to)."""

IMPURE_STDLIB = re.compile(
    "asyncio|concurrent|contextvars|glob|http|io|logging|multiprocessing|os|pathlib|queue|random|sched|secrets|select|"
    "selectors|shutil|signal|socket|socketserver|sqlite3|ssl|subprocess|sys|tempfile|threading|time|uuid"
)
"""What of the standard library protocol may not import: time, randomness and ids come in as arguments."""

ONLY_IN = {
    "aiosqlite": ("storage/",),
    "asyncio": ("storage/aio.py", "runtime/client/aio.py", "runtime/client/guest.py"),
    "prometheus_client": ("runtime/server/",),
    "psycopg": ("storage/",),
    "sqlalchemy": ("storage/",),
    "sqlite3": ("storage/",),
    "trio_websocket": ("runtime/server/", "runtime/client"),
    "wsproto": ("runtime/server/", "runtime/client"),
}
"""Where alone a package may be imported, as beginnings of paths."""

NEVER_EACH_OTHER = ("runtime/agent", "runtime/server")
"""These two meet in the room."""

EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
"""Names that say nothing of what is inside."""

TOP_LEVEL = {
    *(".ci", ".gitignore", ".typings", "CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "__init__.py"),
    *("protocol", "py.typed", "pyproject.toml", "runtime", "specs", "storage", "tests", "uv.lock"),
}

TESTING = "runtime/testing"
"""The folder of `plait.testing`, not called after the house that it stands in: the top level takes no other."""

REGISTRY_HOST = re.compile(
    rb"(?:pypi|files\.pythonhosted|registry\.npmjs|registry\.yarnpkg|deb\.debian|proxy\.golang)\.(?:org|com)"
)
"""A registry's address belongs to the machine's own settings. uv.lock alone has it: its format needs it."""


@cache
def files(folder: Path) -> tuple[Path, ...]:
    """All files below the folder, in order; packages of npm are not looked into, for they are many."""
    found: list[Path] = []
    for place, below, names in os.walk(folder):
        below[:] = [each for each in below if each != "node_modules"]
        found += [Path(place, name) for name in names]
    return tuple(sorted(found))


def modules(*folders: str) -> list[Path]:
    """The Python files of these folders of the root, in order."""
    return sorted(path for folder in folders for path in files(ROOT / folder) if path.suffix == ".py")


@cache
def tree(path: Path) -> ast.Module:
    """The file's syntax; every law reads it and none changes it."""
    return ast.parse(path.read_text())


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked(need: Need) -> list[str]:
    """What git knows of and has not lost, as paths from the root."""
    if not (ROOT / ".git").exists():
        need("the git history", "work in a clone instead of an unpacked archive")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = listed.stdout.decode().rstrip("\0").split("\0")
    return [name for name in names if (ROOT / name).exists()]


class Import:
    """One imported name: a module of ours (`target`), or a package of somebody else's (`package`)."""

    def __init__(self, path: Path, node: ast.Import | ast.ImportFrom, name: str) -> None:
        self.path = path
        self.line = node.lineno
        self.at_import = node.col_offset == 0
        self.package = ""
        self.target: Path | None = None
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            base = folder.joinpath(*node.module.split(".")) if node.module else folder
            self.target = _file(base / name) or _file(base) or base.with_suffix(".py")
        else:
            self.package = name.split(".")[0] if isinstance(node, ast.Import) else str(node.module).split(".")[0]

    def __str__(self) -> str:
        return f"{shown(self.path)}:{self.line} imports {shown(self.target) if self.target else self.package}"


def _file(base: Path) -> Path | None:
    if base.with_suffix(".py").is_file():
        return base.with_suffix(".py")
    return base / "__init__.py" if (base / "__init__.py").is_file() else None


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import of the file, wherever in it: a lazy import is one too."""
    found = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return tuple(Import(path, node, alias.name) for node in found for alias in node.names)


def house_imports() -> Iterator[Import]:
    for path in modules(*HOUSES):
        yield from imports(path)


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_imports_run_down() -> None:
    """HO1: protocol imports nothing of storage or runtime, storage nothing of runtime."""
    wrong = []
    for found in house_imports():
        if found.target is not None:
            house = shown(found.path).split("/")[0]
            if shown(found.target).split("/")[0] not in MAY_IMPORT[house]:
                wrong.append(str(found))
    assert not wrong


def test_agents_and_servers_never_import_each_other() -> None:
    """HO1: agent/ and server/ meet in the room."""
    wrong = [
        str(found)
        for found in house_imports()
        if found.target is not None
        for here, there in (NEVER_EACH_OTHER, NEVER_EACH_OTHER[::-1])
        if shown(found.path).startswith(f"{here}/") and shown(found.target).startswith(f"{there}/")
    ]
    assert not wrong


def test_imports_are_relative() -> None:
    """HO1: the houses import each other relatively and the tests through `plait`: a second copy breaks isinstance."""
    wrong = [
        str(found)
        for found in house_imports()
        if found.package in {"plait", *HOUSES} and shown(found.path) != f"{TESTING}/__init__.py"
    ]
    for path in modules("tests"):
        wrong += [str(found) for found in imports(path) if found.package in HOUSES]
    assert not wrong


def test_protocol_is_pure() -> None:
    """HO1: protocol opens nothing, waits for nothing and asks no clock."""
    wrong = []
    for found in house_imports():
        foreign = found.package not in sys.stdlib_module_names and found.package not in PURE
        if (
            shown(found.path).startswith("protocol/")
            and found.package
            and (foreign or IMPURE_STDLIB.fullmatch(found.package))
        ):
            wrong.append(str(found))
    for path in modules("protocol"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Name) and called.id in {"open", "print", "input", "breakpoint"}:
                    wrong.append(f"{shown(path)}:{node.lineno} calls {called.id}")
                if isinstance(called, ast.Attribute) and called.attr in {"now", "utcnow", "today"}:
                    wrong.append(f"{shown(path)}:{node.lineno} asks a clock")
    assert not wrong


def test_some_packages_have_one_place() -> None:
    """HO1: SQL in storage, sockets in the server and the client, asyncio where it is named."""
    wrong = [
        str(found)
        for found in house_imports()
        if found.package in ONLY_IN and not shown(found.path).startswith(ONLY_IN[found.package])
    ]
    assert not wrong


def test_what_is_imported_is_declared() -> None:
    """HO1: what loads with a module is a plain dependency; an extra is imported lazily or by its own file."""

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^A-Za-z0-9_-]", each)[0].replace("-", "_").lower() for each in requirements}

    project = pyproject()["project"]
    plain = names(project["dependencies"]) | {"jwt", "plait"}  # PyJWT by its name, and ourselves in `plait.testing`.
    extra = names([each for group in project["optional-dependencies"].values() for each in group])
    extra |= {name.removesuffix("_api") for name in extra}
    wrong = []
    for found in house_imports():
        if not found.package or found.package in sys.stdlib_module_names or found.package in plain:
            continue
        # A module named for its vendor may import it at once, since it is itself imported lazily.
        if found.package in extra and (not found.at_import or found.path.stem == found.package):
            continue
        wrong.append(str(found))
    assert not wrong


def test_no_import_goes_in_a_circle() -> None:
    """HO1: no circle, not even a lazy one or one for a type."""
    graph = {path: sorted({each.target for each in imports(path) if each.target}) for path in modules(*HOUSES)}
    done: set[Path] = set()

    def walk(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, " -> ".join(shown(each) for each in (*trail[trail.index(path) :], path))
        if path not in done:
            for target in graph.get(path, ()):
                walk(target, (*trail, path))
            done.add(path)

    for path in graph:
        walk(path, ())


def _sources() -> list[Path]:
    folders = [ROOT / "runtime" / "console", ROOT / "protocol" / "js", ROOT / "specs" / "examples", ROOT / "tests"]
    kinds = {".mjs", ".ts", ".tsx", ".css"}
    written = [path for folder in folders for path in files(folder) if path.suffix in kinds]
    made = {"dist", "generated"}
    return modules(*HOUSES, "tests") + [path for path in written if not made & set(path.parts)]


def test_files_have_one_subject() -> None:
    """HO2: a file has at most 500 lines, and a name that says what is inside."""
    sources = _sources()
    assert len(sources) > 500
    assert not [shown(path) for path in sources if len(path.read_text().splitlines()) > FILE_LINES]
    assert not [shown(path) for path in sources if EMPTY_WORDS & set(re.split(r"[_.-]", path.name.lower()))]


def test_functions_are_short() -> None:
    """HO2: a function has at most 70 lines."""
    long = [
        f"{shown(path)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in modules(*HOUSES, "tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        if node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert not long


def test_modules_open_with_a_sentence() -> None:
    """HO2: the docstring's first paragraph is one sentence that could be the file's caption."""
    mute = []
    for path in [*modules(*HOUSES, "tests"), ROOT / "__init__.py"]:
        opening = (ast.get_docstring(tree(path)) or "").split("\n\n")[0]
        if not re.search(r"\w.*[.?]$", opening, re.DOTALL):
            mute.append(f"{shown(path)}: {opening!r}")
    assert not mute


def test_the_root_module_is_only_a_docstring() -> None:
    """HO3: with imports in it pytest would load modules twice, and isinstance would fail."""
    assert len(tree(ROOT / "__init__.py").body) == 1
    assert ast.get_docstring(tree(ROOT / "__init__.py"))


def test_tests_are_no_package() -> None:
    """HO3: with an `__init__` in it pytest would call a test module after the checkout's folder, in a second copy."""
    assert not [shown(path) for path in modules("tests") if path.name == "__init__.py"]


def test_the_list_of_packages_equals_the_disk() -> None:
    """HO3: a package missing from the list would work in a checkout and be silently missing from the wheel."""
    folders = {path.parent for path in modules(*HOUSES)}
    bare = [shown(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert not bare
    listed = pyproject()["tool"]["setuptools"]["packages"]
    ours = {f"plait.{shown(folder).replace('/', '.')}" for folder in folders if shown(folder) != TESTING}
    assert sorted(listed) == sorted({"plait", "plait.testing"} | ours)


def test_the_wheel_equals_the_tree(tmp_path: Path) -> None:
    """HO3: the wheel holds the houses and the console's bundle, and nothing else."""
    copy, out = tmp_path / "copy", tmp_path / "out"
    ignored = ignore_patterns(
        ".git", ".venv", ".cache", "build", "*.egg-info", "node_modules", "__pycache__", "*.db*", "tests"
    )
    copytree(ROOT, copy, ignore=ignored, symlinks=True)
    (copy / "tests").mkdir()
    (copy / "tests" / "test_stray.py").write_text('"""Must not ship."""\n')
    out.mkdir()
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", build, str(out)], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = sorted(name for name in archive.namelist() if ".dist-info/" not in name)
        metadata = "".join(archive.read(n).decode() for n in archive.namelist() if n.endswith("dist-info/METADATA"))
    bundle = [path for path in (ROOT / "runtime" / "console" / "dist").rglob("*") if path.is_file()]
    ours = [ROOT / "__init__.py", ROOT / "py.typed", *modules(*HOUSES), *bundle]
    assert inside == sorted(f"plait/{shown(path)}".replace(TESTING, "testing") for path in ours)
    assert "License-Expression: MIT" in metadata


def test_the_top_level_holds_only_what_it_must(need: Need) -> None:
    """HO3: a new thing finds its folder; the root is for what tools look for there."""
    assert {name.split("/")[0] for name in tracked(need)} <= TOP_LEVEL


def test_no_file_names_a_registry(need: Need) -> None:
    """HO3: where packages come from is the machine's business, except in uv.lock, whose format needs it."""
    named = [
        name
        for name in tracked(need)
        if name != "uv.lock" and (ROOT / name).is_file() and REGISTRY_HOST.search((ROOT / name).read_bytes())
    ]
    assert not named


def test_type_checkers_find_plait() -> None:
    """HO3: the committed links in .typings point to the root's own files, so that tests can import `plait`."""
    links = ROOT / ".typings" / "plait"
    assert sorted(path.name for path in links.iterdir()) == sorted(["__init__.py", "py.typed", "testing", *HOUSES])
    for link in links.iterdir():
        assert link.is_symlink(), link.name
        assert link.resolve() == ROOT / (TESTING if link.name == "testing" else link.name)


def test_what_is_missing_fails_where_it_counts(need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """HO5: a test that lacks a peer skips with a sentence on a laptop and fails in CI."""
    monkeypatch.delenv("PLAIT_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"A cow is missing; to get it: apt-get moo"):
        need("A cow", "apt-get moo")
    monkeypatch.setenv("PLAIT_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match=r"A cow is missing"):
        need("A cow", "apt-get moo")
