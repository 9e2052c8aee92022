"""Writes the pages of specs/ that are derived from the code: `python -m tests.generate`.

`generated()` says what they should hold; tests/protocol/test_schema.py compares that with the files.
"""

import json
from pathlib import Path
from typing import Any

from plait.protocol import schema
from plait.protocol.errors import CODES
from plait.protocol.limits import LIMITS

SPECS = Path(__file__).parent.parent / "specs"

_HEAD = """# {title}

Generated from `protocol/{module}.py` by `python -m tests.generate`; a test holds both equal.

{text}

"""


def limits_page() -> str:
    """specs/limits.md: every limit with its unit and its reason."""
    head = _HEAD.format(
        title="Limits", module="limits", text="Everything has a limit (law 6). Each stands here beside its reason."
    )
    rows = [f"| `{name}` | {limit.value:,} | {limit.unit} | {limit.reason} |\n" for name, limit in LIMITS.items()]
    return head + "| limit | value | unit | why this and not another |\n| --- | ---: | --- | --- |\n" + "".join(rows)


def codes_page() -> str:
    """specs/codes.md: every code with what it says and where it shows."""
    text = (
        "A code never changes its meaning. The close code is the one that a socket ends with because of it; where "
        "there is none, the\nsocket stays open. The status is that of a plain HTTP request."
    )
    head = _HEAD.format(title="Codes", module="errors", text=text)
    rows = [f"| `{c}` | {m.sentence} | {m.close or 'stays open'} | {m.status} |\n" for c, m in CODES.items()]
    return head + "| code | meaning | socket | HTTP |\n| --- | --- | --- | --- |\n" + "".join(rows)


def document_page() -> str:
    """specs/document.md: the tables of a run's and a part's keys between its two marks; the rest is written by hand."""
    head, tail = (SPECS / "document.md").read_text().split("<!-- generated: shape -->")[0], "<!-- end -->"
    rest = (SPECS / "document.md").read_text().split(tail)[1]
    shapes = schema.document()["$defs"]
    tables = [
        f"### {title}\n\n{_keys(shapes[name])}"
        for title, name in (("A run", "ShownRun"), ("A part", "ShownPart"), ("A draft", "ShownDraft"))
    ]
    return head + "<!-- generated: shape -->\n\n" + "\n".join(tables) + "\n" + tail + rest


def _keys(shape: dict[str, Any]) -> str:
    rows = ["| key | in the document | always | meaning |\n| --- | --- | --- | --- |\n"]
    for key, value in shape["properties"].items():
        kind = value.get("x-yjs") or value.get("type", "string")
        meaning = value.get("description") or "one of " + ", ".join(f"`{word}`" for word in value["enum"])
        rows.append(f"| `{key}` | {kind} | {'yes' if key in shape['required'] else ''} | {meaning} |\n")
    return "".join(rows)


def generated() -> dict[Path, str]:
    """Every derived file and what it should hold."""
    pages = {SPECS / "limits.md": limits_page(), SPECS / "codes.md": codes_page()}
    pages[SPECS / "document.md"] = document_page()
    for name, make in schema.ALL.items():
        pages[SPECS / "schema" / f"{name}.json"] = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
    return pages


if __name__ == "__main__":
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
