"""What is mutated: a copy of the tree in which every function also stands once for each change that mutmut knows.

Why: mutmut makes the mutants and the switch between them (a trampoline that reads `MUTANT_UNDER_TEST`), and expects a
layout that is not ours. So a copy of the tree gets a link `src/plait` to itself, which maps the package to the root as
the installed one does, and the checkout is never touched. mutmut changes the bodies of functions and methods, except
those with a decorator; what a module says outside of them (limits, tables, fields) is not mutated.
"""

import json
import os
import shutil
from difflib import ndiff
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

LEFT_ALONE = [
    r"(Refused|Error|CommandRefused)\($",
    r"(Refused|Error)\(f?\"",
    r"^\s+f?\"[A-Z][^\"]* [^\"]*\",?$",
    r"^\s+assert_never\(",
]
"""Lines that hold a refusal and its sentence: a code is a Literal, so the type checker notices another one, and a
sentence is for people. Cases that the type checker has shown to be impossible."""


class Mutant(NamedTuple):
    """One change of one function: where it is, what mutmut calls it, and which lines it takes and gives."""

    module: str
    function: str
    name: str
    change: str


def lay_out(folder: Path) -> None:
    """Copy the tree to `folder`, with the tests' settings and a configuration of mutmut's own."""
    shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", "node_modules", ".venv")
    for house in ("protocol", "storage", "runtime", "tests", "specs"):
        shutil.copytree(ROOT / house, folder / house, ignore=ignore)
    for beside in ("__init__.py", "README.md"):
        shutil.copy(ROOT / beside, folder)
    (folder / "src").mkdir()
    (folder / "src" / "plait").symlink_to(folder, target_is_directory=True)
    pyproject = (ROOT / "pyproject.toml").read_text()
    of_pytest = pyproject[pyproject.index("[tool.pytest.ini_options]") : pyproject.index("[tool.pyright]")]
    of_mutmut = f'[tool.mutmut]\nsource_paths = ["src"]\ndo_not_mutate_patterns = {json.dumps(LEFT_ALONE)}\n'
    (folder / "pyproject.toml").write_text(of_pytest + of_mutmut)


def mutate(folder: Path, house: str, only: list[str]) -> list[Mutant]:
    """Mutate a house's modules in the copy, all or those named; returns the mutants in the order of the source."""
    os.chdir(folder)  # mutmut reads its configuration where it stands.
    from mutmut.mutation.file_mutation import mutate_file_contents  # pyright: ignore[reportMissingImports]

    mutants: list[Mutant] = []
    for path in sorted((folder / house).rglob("*.py")):
        if only and path.stem not in only:
            continue
        mutated = mutate_file_contents(str(path), path.read_text())
        path.write_text(mutated.code)
        module = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        lines = mutated.code.splitlines()
        spans = {name: lines[span.start - 1 : span.end] for name, span in mutated.line_span_by_function_name.items()}
        for name in mutated.mutant_names:
            function = name.partition("__mutmut_")[0]
            change = _change(spans[f"{function}__mutmut_orig"], spans[name])
            mutants.append(Mutant(module, f"plait.{module}.{function}", f"plait.{module}.{name}", change))
    return mutants


def _change(before: list[str], after: list[str]) -> str:
    """The lines that differ between a function and its mutant, apart from those that hold the name."""
    taken = [line for line in ndiff(before, after) if line[:2] in ("- ", "+ ")]
    return "\n".join("    " + line[:2] + line[2:].strip() for line in taken if "__mutmut_" not in line)
