"""The audit of packages would notice: each of those who are asked, saying something and saying nothing."""

import json
import re
import tomllib
from typing import Any

from . import audit

LOCK: dict[str, Any] = {"package": [{"name": "h11", "version": "0.14.0"}, {"name": "trio", "version": "0.35.0"}]}


def test_what_pip_audit_knows_counts() -> None:
    """HO7: a vulnerability with a fix fails the audit, one without is said, and who was not asked about is counted."""
    vulns = [{"id": "CVE-1", "fix_versions": ["0.16.0"]}, {"id": "CVE-2", "fix_versions": []}]
    report = {
        "dependencies": [
            {"name": "h11", "version": "0.14.0", "vulns": vulns},
            {"name": "trio", "version": "0.35.0", "vulns": []},
            {"name": "lost", "skip_reason": "Dependency not found"},
        ]
    }
    assert audit.of_pip_audit(report) == audit.Answer(
        ["h11 0.14.0: CVE-1, fixed in 0.16.0"], ["h11 0.14.0: CVE-2"], silent=1, asked=3
    )


def test_what_npm_audit_knows_counts() -> None:
    """HO7: as for Python; an answer without a list is nobody's answer."""
    report = {
        "vulnerabilities": {
            "ws": {"severity": "high", "fixAvailable": True},
            "old": {"severity": "low", "fixAvailable": False},
        }
    }
    assert audit.of_npm_audit(report) == audit.Answer(["ws: high, and there is a fix"], ["old: low"], 0, 2)
    assert audit.of_npm_audit({"message": "405 Method Not Allowed"}) is None


def test_our_own_list_counts() -> None:
    """HO7: without anybody to ask, what is listed here still fails the audit; what is locked is past all of it."""
    advisories = json.loads(audit.ADVISORIES.read_text())
    assert audit.of_our_own(LOCK, advisories) == ["h11 0.14.0: CVE-2025-43859, fixed in 0.16.0"]
    assert not audit.of_our_own(tomllib.loads((audit.ROOT / "uv.lock").read_text()), advisories)


def test_what_bandit_passes_over_has_a_reason() -> None:
    """HO7: a `nosec` names the check and says why it is none."""
    bare = [
        f"{path.relative_to(audit.ROOT)}: {line.strip()}"
        for house in ("protocol", "storage", "runtime")
        for path in (audit.ROOT / house).rglob("*.py")
        if "node_modules" not in path.parts
        for line in path.read_text().splitlines()
        if "nosec" in line and not re.search(r"# nosec B\d{3}  # .{10,}", line)
    ]
    assert not bare
