"""Mutate protocol/ and see which changes no test notices: `python -m tests.mutation [GROUP ...]`.

Why: a line that may be altered without a test failing is a line that nobody has shown to be needed. mutmut does the
work; it is no dependency of the project: `uv run --with mutmut python -m tests.mutation`. It expects the package under
`src/`, and this tree maps `plait` to its root, so a copy is laid out as mutmut wants it and mutated there; the checkout
is never touched. Rules (specs/proof.md):

- A group of modules is run against the tests that are theirs; of those mutmut takes the ones that reach a mutant.
- What is printed is the score of each module and the name of each survivor; `mutmut show NAME` in the copy's folder
  shows one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
KILLED = 1
SURVIVED = 0
UNTESTED = 33
"""mutmut's words for what became of a mutant are the exit codes of its test run; other codes are time-outs."""


class Group(NamedTuple):
    """Modules of one subject, and the tests that are to notice a change in them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


READING = ("frames", "sync", "awareness", "update", "structs", "content", "codec", "control", "commands", "partial")
DECIDING = ("judge", "prompts", "fold", "steps", "moves", "asking", "assigning", "carrying", "budget")

_OF_ROOMS = (
    "tests/runtime/agent/test_conversations.py",
    "tests/runtime/agent/test_decisions.py",
    "tests/runtime/agent/test_limits.py",
    "tests/runtime/agent/test_tab_tools.py",
    "tests/runtime/room/test_commands.py",
)
"""The tests of rooms that reach the most for the time that they take; a survivor costs all that reach it."""

GROUPS: dict[str, Group] = {
    "reading": Group(READING, ("tests/protocol",)),
    "deciding": Group(DECIDING, ("tests/protocol", "tests/golden", *_OF_ROOMS)),
}

WORDS = [r"(Refused|Error|CommandRefused)\($", r"(Refused|Error)\(f?\"", r"^\s+f?\"[A-Z][^\"]* [^\"]*\",?$"]
"""Lines that hold a refusal and its sentence are left alone: a code is a Literal, so the type checker notices another
one, and a sentence is for people."""


def lay_out(folder: Path, group: Group, only: list[str], deselect: list[str]) -> None:
    """Copy what is mutated and what tests it, with a configuration of mutmut's own."""
    shutil.rmtree(folder / "src", ignore_errors=True)
    plait = folder / "src" / "plait"
    plait.mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__", "node_modules", ".venv")
    shutil.copy(ROOT / "__init__.py", plait)
    for house in ("protocol", "storage", "runtime"):
        shutil.copytree(ROOT / house, plait / house, ignore=ignore)
    for beside in ("tests", "specs"):
        shutil.copytree(ROOT / beside, folder / beside, ignore=ignore, dirs_exist_ok=True)
    modules = [f"src/plait/protocol/{name}.py" for name in (only or group.modules)]
    settings = {
        "source_paths": ["src"],
        "only_mutate": modules,
        "do_not_mutate_patterns": WORDS,
        "also_copy": ["specs"],
        "pytest_add_cli_args_test_selection": list(group.tests),
        "pytest_add_cli_args": ["-p", "no:cacheprovider", *(f"--deselect={each}" for each in deselect)],
        "track_dependencies": False,
        "use_git_change_detection": False,
    }
    pyproject = (ROOT / "pyproject.toml").read_text()
    pytest_settings = pyproject[pyproject.index("[tool.pytest.ini_options]") : pyproject.index("[tool.pyright]")]
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "pyproject.toml").write_text(pytest_settings + "[tool.mutmut]\n" + "\n".join(lines) + "\n")


def report(folder: Path) -> None:
    """The score of each module, then the survivors."""
    survivors: list[str] = []
    total: Counter[str] = Counter()
    for path in sorted((folder / "mutants").rglob("*.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"]
        if not codes:
            continue
        words = Counter(_word(code) for code in codes.values())
        total += words
        survivors += [key for key, code in codes.items() if _word(code) in ("survived", "untested")]
        print(f"{path.name.removesuffix('.py.meta'):12} {_score(words)}")
    print(f"{'all':12} {_score(total)}")
    print(*survivors, sep="\n")


def _word(code: int | None) -> str:
    if code is None:
        return "not run"
    return {SURVIVED: "survived", KILLED: "killed", 3: "killed", UNTESTED: "untested"}.get(code, "timed out")


def _score(words: Counter[str]) -> str:
    run = sum(words.values()) - words["not run"]
    killed = words["killed"] + words["timed out"]
    share = f"{100 * killed / run:.1f} %" if run else "-"
    return f"{share:>8}  " + ", ".join(f"{count} {word}" for word, count in sorted(words.items()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", default=list(GROUPS), help=", ".join(GROUPS))
    parser.add_argument("--only", nargs="*", default=[], metavar="MODULE", help="of protocol/, instead of the group's")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/plait-mutation"), help="where the copy is laid out")
    parser.add_argument("--children", default="2", help="how many mutants are tried at a time")
    parser.add_argument("--deselect", nargs="*", default=[], metavar="TEST")
    parser.add_argument("--report", action="store_true", help="print what the last run found, and run nothing")
    given = parser.parse_args()
    for name in given.groups:
        folder = given.folder / name
        if not given.report:
            lay_out(folder, GROUPS[name], given.only, given.deselect)
            os.nice(10)
            command = [sys.executable, "-m", "mutmut", "run", "--max-children", given.children]
            subprocess.run(command, cwd=folder, check=False)
        print(f"\n{name}")
        report(folder)


if __name__ == "__main__":
    main()
