"""The page of threats names rules and tests that exist."""

import re

from ..test_specs import SPECS, claims, rules
from ..test_specs import _test_files as files

PAGE = (SPECS / "threats.md").read_text()


def shown() -> list[tuple[str, list[str]]]:
    """Each threat and what it says it is shown by."""
    table = PAGE.partition("## What stops what")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    return [(row[0], row[2].split(", ")) for row in rows]


def test_what_stops_a_threat_exists() -> None:
    """AC62: each threat names at least one rule that is written and tested, or a test by its name."""
    known = {rule for rule, _ in rules()}
    tested = {each for path in files() for each in claims(path)}
    named = {name for path in files() for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M)}
    assert len(shown()) > 15
    for threat, words in shown():
        for word in words:
            assert word in named or (word in known and word in tested), f"{threat}: {word}"


def test_every_attack_is_on_the_page() -> None:
    """AC62: what is tried in tests/attacks is a threat that the page tells."""
    said = {word for _, words in shown() for word in words}
    tried = {f"AC{number}" for number in range(50, 62)}
    assert tried <= said
