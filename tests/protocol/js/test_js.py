"""The browser client's package, from outside: its types are current and whole, and its own tests pass."""

import subprocess
from pathlib import Path

BUILD_S = 120


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_generated_types_are_current(package: Path) -> None:
    """CT9: made again from specs/schema, they are byte for byte what is committed."""
    run("node", "generate.mjs", "--check", cwd=package)


def test_the_sources_and_their_tests_type_check(package: Path) -> None:
    """Under the compiler's strict mode, the generated types included."""
    run("npx", "--no-install", "tsc", "--noEmit", cwd=package)
    run("npx", "--no-install", "tsc", "--noEmit", "--project", "tsconfig.test.json", cwd=package)


def test_the_units_pass(package: Path) -> None:
    """What needs no browser, in Node: the same vectors as the server's tests, and the client's own rules."""
    run("npx", "--no-install", "vitest", "run", cwd=package)
