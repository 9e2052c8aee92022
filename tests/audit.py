"""What is known against the packages that we lock: by pip-audit, by `npm audit`, and by a list of our own beside them.

    uv run python -m tests.audit

Fails on a known vulnerability that a newer version does not have. Whoever keeps such knowledge may not be reached from
where this runs, which says nothing about our packages; so that is a line and no failure, and `advisories.json` stands
in: what we know of ourselves, the first version without it. It is never asked nothing, and never the whole truth.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
ADVISORIES = Path(__file__).with_name("advisories.json")
SHIPPED = ("runtime/console", "protocol/js")
"""Where Node packages come from that end up in a reader's browser; tests' own run here and nowhere else."""
PATIENCE_S = 60


class Answer(NamedTuple):
    """What somebody who was asked knows: sentences about vulnerabilities that have a fix, others, and how many packages
    they could tell nothing about, of how many."""

    fixable: list[str]
    others: list[str]
    silent: int
    asked: int


def of_pip_audit(report: dict[str, Any]) -> Answer:
    """Judge the JSON of pip-audit."""
    fixable, others, silent = [], [], 0
    for package in report["dependencies"]:
        silent += "skip_reason" in package
        for found in package.get("vulns", ()):
            said = f"{package['name']} {package['version']}: {found['id']}"
            if found["fix_versions"]:
                fixable.append(f"{said}, fixed in {', '.join(found['fix_versions'])}")
            else:
                others.append(said)
    return Answer(fixable, others, silent, len(report["dependencies"]))


def of_npm_audit(report: dict[str, Any]) -> Answer | None:
    """Judge the JSON of `npm audit`; None if nobody was reached."""
    if "vulnerabilities" not in report:
        return None
    fixable, others = [], []
    for name, found in report["vulnerabilities"].items():
        said = f"{name}: {found['severity']}"
        if found.get("fixAvailable"):
            fixable.append(f"{said}, and there is a fix")
        else:
            others.append(said)
    return Answer(fixable, others, 0, len(report["vulnerabilities"]))


def of_our_own(lock: dict[str, Any], advisories: dict[str, list[dict[str, str]]]) -> list[str]:
    """The locked versions that `advisories` are about."""
    return [
        f"{package['name']} {package['version']}: {known['id']}, fixed in {known['fixed']}"
        for package in lock["package"]
        for known in advisories.get(package["name"], ())
        if Version(package["version"]) < Version(known["fixed"])
    ]


def _ask_pip() -> Answer | None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "locked.txt"
        export = ["uv", "export", "--quiet", "--frozen", "--no-emit-project", "--all-extras", "--no-hashes"]
        subprocess.run([*export, "--output-file", wanted], cwd=ROOT, check=True)
        audit = ["--vulnerability-service", "pypi", "--progress-spinner", "off", "--format", "json", "--timeout", "10"]
        report = _json(
            [sys.executable, "-m", "pip_audit", *audit, "--disable-pip", "--no-deps", "--requirement", str(wanted)]
        )
    return of_pip_audit(report) if "dependencies" in report else None


def _ask_npm() -> Iterator[Answer | None]:
    for folder in SHIPPED:
        answer = of_npm_audit(_json(["npm", "audit", "--json", "--prefix", str(ROOT / folder)]))
        yield answer
        if answer is None:
            return  # Who is not there for one is not there for the next.


def _json(command: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=PATIENCE_S)
        report = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def main() -> int:
    """Ask everybody; 1 if something is known that a newer version does not have."""
    fixable = of_our_own(tomllib.loads((ROOT / "uv.lock").read_text()), json.loads(ADVISORIES.read_text()))
    for who, answer in [("pip-audit", _ask_pip()), *(("npm audit", answer) for answer in _ask_npm())]:
        if answer is None:
            print(f"{who} reached nobody who knows of vulnerabilities, so nothing is said here of its packages")
            continue
        if answer.silent:
            print(
                f"{who} was told nothing of {answer.silent} of {answer.asked} packages; tests/advisories.json stands in"
            )
        for said in answer.others:
            print(f"{who}: {said}, without a fix so far")
        fixable += answer.fixable
    for said in fixable:
        print(f"vulnerable: {said}")
    print(f"{len(fixable)} known vulnerabilities with a fix")
    return 1 if fixable else 0


if __name__ == "__main__":
    sys.exit(main())
