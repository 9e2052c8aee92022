"""The specs are true: every rule has its test, every vector is read, every example runs, every verb exists.

A rule is a line of specs/*.md that begins `- **SY3.** `: two capitals for its family, a number. The test that shows it
says the id in its name or in its docstring. When a test and a page disagree, one of them is wrong.
"""

import ast
import importlib.util
import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import need
from .preloaded import Command
from .test_house import files

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"
EXAMPLE_S = 180

RULE = re.compile(r"^- \*\*([A-Z]{2}\d+)\.\*\* (.*)$", re.MULTILINE)
ID = re.compile(r"\b[A-Z]{2}[0-9]+\b")
MODULE = re.compile(r"`([a-z_]+(?:/[a-z_]+)+)(?:\.[a-z_]+)?`")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A fenced block: the page, the fence's line, its tag and its text."""

    page: Path
    line: int
    tag: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(SPECS.glob("*.md"))]


def rules() -> list[tuple[str, str]]:
    """Each rule's id and the page that holds it, in order."""
    return [(found[1], page.name) for page in pages() for found in RULE.finditer(page.read_text())]


def _test_files() -> list[Path]:
    kinds = {".py", ".mjs", ".ts", ".tsx"}
    return [path for path in files(ROOT / "tests") if path.suffix in kinds]


@cache
def claims(path: Path) -> frozenset[str]:
    """The ids that a test file says it shows: in names and docstrings; in JavaScript, in the titles of its tests."""
    text = path.read_text()
    if path.suffix != ".py":
        return frozenset(ID.findall(" ".join(re.findall(r"\b(?:test|it)\(\s*(?:\"|'|`)([^\"'`]*)", text))))
    said: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            said |= set(ID.findall(ast.get_docstring(node) or ""))
            said |= {word.upper() for word in node.name.split("_") if ID.fullmatch(word.upper())}
    return frozenset(said)


def examples() -> list[Example]:
    found = []
    for page in pages():
        text = page.read_text()
        for fence in FENCE.finditer(text):
            found.append(Example(page, text.count("\n", 0, fence.start()) + 1, fence[1].strip(), fence[2]))
    return found


def test_no_two_rules_share_an_id() -> None:
    """HO4: an id is one rule's for ever, and a family of ids is one page's."""
    ids = [each for each, _ in rules()]
    assert len(ids) == len(set(ids)), sorted({each for each in ids if ids.count(each) > 1})
    homes = {(each[:2], page) for each, page in rules()}
    assert len(homes) == len({family for family, _ in homes}), sorted(homes)


def test_every_rule_has_its_test() -> None:
    """HO4: a rule that no test shows is a wish."""
    shown = {each for path in _test_files() for each in claims(path)}
    assert not [f"{each} ({page})" for each, page in rules() if each not in shown]


def test_every_id_that_a_test_shows_is_a_rule() -> None:
    """HO4: a test that names a rule nobody wrote shows nothing."""
    known = {each for each, _ in rules()}
    families = {each[:2] for each in known}
    unknown = {
        f"{path.relative_to(ROOT).as_posix()}: {each}"
        for path in _test_files()
        for each in claims(path) - known
        if each[:2] in families or re.search(rf'"""{each}[:.,]', path.read_text())
    }
    assert not sorted(unknown)


def test_every_law_names_the_rules_that_show_it() -> None:
    """LW1, LW2, LW3, LW4, LW5, LW6, LW7, LW8, LW9, LW10, LW11: each is shown by the rules at its end, which exist."""
    known = {each for each, _ in rules()}
    laws = [found for found in RULE.finditer((SPECS / "architecture.md").read_text()) if found[1].startswith("LW")]
    assert [found[1] for found in laws] == [f"LW{n}" for n in range(1, 12)]
    for law in laws:
        shown = re.search(r"\(([A-Z0-9, ]+)\)\.$", law[2])
        assert shown, law[1]
        named = set(shown[1].split(", "))
        assert named <= known, f"{law[1]} names {sorted(named - known)}"
        assert not any(each.startswith("LW") for each in named)


def test_rules_are_written_as_rules() -> None:
    """HO4: whatever looks like a rule is one: at a line's beginning, with a sentence behind it."""
    for page in pages():
        text = page.read_text()
        bold = set(re.findall(r"\*\*([A-Z]{2}\d+)\.?\*\*", text))
        assert bold == {found[1] for found in RULE.finditer(text) if found[2].strip()}, page.name


def test_every_vector_is_read() -> None:
    """HO4: each file of specs/vectors is named by a test that loads it."""
    texts = [path.read_text() for path in _test_files()]
    for vector in sorted((SPECS / "vectors").glob("*.yaml")):
        named = re.compile(rf"""["'/]{re.escape(vector.stem)}(?:\.yaml)?["']""")
        assert any(named.search(text) for text in texts), vector.name


def test_every_module_that_the_architecture_names_is_there() -> None:
    """HO9: a map that names what has moved sends people into a wall."""
    named = set(MODULE.findall((SPECS / "architecture.md").read_text()))
    assert len(named) > 50
    homes = (ROOT, ROOT / "runtime")
    assert not sorted(
        name for name in named if not any((home / name).is_dir() or (home / f"{name}.py").is_file() for home in homes)
    )


def test_every_page_is_in_the_index() -> None:
    """HO4: specs/README.md lists every page, with a link."""
    index = (SPECS / "README.md").read_text()
    missing = [page.name for page in SPECS.glob("*.md") if page.name != "README.md" and f"]({page.name})" not in index]
    assert not missing


def test_links_lead_somewhere() -> None:
    """HO4: a relative link of README or a spec names a file that exists."""
    dead = []
    for page in pages():
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", FENCE.sub("", page.read_text())):
            if "://" not in target and not (page.parent / target).exists():
                dead.append(f"{page.name}: {target}")
    assert not dead


def test_no_example_is_exempt() -> None:
    """HO4: Python is fenced as `python` and nothing else, so that no example escapes."""
    odd = [f"{each} {each.tag}" for each in examples() if each.tag.startswith("py") and each.tag != "python"]
    assert not odd


def _ending() -> list[Example]:
    """The Python examples that end by themselves; those that serve, or ask that service, are run by test_readme."""
    asks = ("runtime.serve(", ':8800"')
    return [each for each in examples() if each.tag == "python" and not any(word in each.text for word in asks)]


@pytest.mark.parametrize("example", _ending(), ids=str)
def test_examples_run(example: Example, tmp_path: Path) -> None:
    """HO4: each Python example runs as it stands, as a script in an empty folder."""
    if "tools.mcp" in example.text and importlib.util.find_spec("mcp") is None:
        need("the MCP SDK", "uv sync --group dev")
    script = tmp_path / "example.py"
    script.write_text(example.text)
    with (tmp_path / "stderr").open("w+b") as stderr:
        running = Command([], os.environ, stderr.fileno(), script=script, folder=tmp_path)
        with open(running.stdout, "rb"):  # What it says is let stand in the pipe, which is wide enough for an example.
            try:
                code = running.wait(EXAMPLE_S)
            finally:
                running.forget()
        stderr.seek(0)
        assert code == 0, f"{example}\n{stderr.read().decode()}"
