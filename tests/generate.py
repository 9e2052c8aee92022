"""Writes the pages of specs/ that are derived from the code: `python -m tests.generate`.

`generated()` says what they should hold; tests/protocol/test_schema.py compares that with the files. The browser
client's codes and limits are written too; its types are made from the schemas by Node afterwards:
`npm run generate --prefix protocol/js`.
"""

import json
from pathlib import Path
from typing import Any

from plait.protocol import access, schema
from plait.protocol.errors import CODES
from plait.protocol.limits import LIMITS

SPECS = Path(__file__).parent.parent / "specs"
TYPES = SPECS.parent / "protocol" / "js" / "src" / "generated"

CLIENT_LIMITS = (
    *("FRAME_BYTES", "TEXT_FRAME_BYTES", "PROMPT_BYTES", "ROOM_NAME_CHARS", "DOCUMENT_NAME_CHARS", "COMMAND_ID_CHARS"),
    *("COMMANDS_UNANSWERED", "COMMANDS_WAITING", "EDITS_UNANSWERED", "DOCUMENTS_PER_SOCKET", "FRAME_MESSAGES"),
    *("AWARENESS_IDS", "AWARENESS_BYTES", "PRESENCE_S", "TAB_TOOLS", "TAB_CALLS", "TOOL_LEASE_S", "TOOL_RESULT_BYTES"),
    *("ATTACHMENTS", "BLOB_BYTES", "CONTEXT_FACTS", "CONTEXT_BYTES", "FOLLOW_RECORDS", "PING_S", "PONG_S", "SILENCE_S"),
    *("CLIENT_CONNECT_S", "RECONNECT_FIRST_MS", "RECONNECT_MAX_S"),
)
"""The limits that a client heeds or runs into; the others are the server's own."""

_HEAD = """# {title}

Generated from `protocol/{module}` by `python -m tests.generate`; a test holds both equal.

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


_TYPES_HEAD = "// Generated from protocol/{module} by `python -m tests.generate`; a test holds both equal.\n\n"


def codes_types() -> str:
    """src/generated/codes.ts: the codes as a union, and what a socket's end may mean."""
    codes = "".join(f"\n  | '{code}'" for code in CODES)
    ends = "".join(
        f"  {{ close: {m.close}, code: '{c}', sentence: {_quoted(m.sentence)} }},\n"
        for c, m in CODES.items()
        if m.close
    )
    return (
        _TYPES_HEAD.format(module="errors")
        + f"/** Every refusal: a code never changes its meaning (specs/codes.md). */\nexport type Code ={codes}\n\n"
        + "/** What a socket's end may mean: its close code, and the sentence that is its reason. */\n"
        + "export const ENDS: readonly { close: number; code: Code; sentence: string }[] = [\n"
        + f"{ends}]\n"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def limits_types() -> str:
    """src/generated/limits.ts: the limits that a client heeds or runs into."""
    lines = (
        f"/** {limit.unit}: {limit.reason} */\nexport const {name} = {limit.value:_}\n"
        for name, limit in LIMITS.items()
        if name in CLIENT_LIMITS
    )
    return _TYPES_HEAD.format(module="limits") + "\n".join(lines)


def document_page() -> str:
    """specs/document.md: the tables of a run's and a part's keys between its two marks; the rest is written by hand."""
    head, tail = (SPECS / "document.md").read_text().split("<!-- generated: shape -->")[0], "<!-- end -->"
    rest = (SPECS / "document.md").read_text().split(tail)[1]
    shapes = schema.document()["$defs"]
    tables = [
        f"### A run\n\n{_keys(shapes['ShownRun'])}",
        f"### A part\n\n{_parts(shapes)}",
        f"### A draft\n\n{_keys(shapes['ShownDraft'])}",
    ]
    return head + "<!-- generated: shape -->\n\n" + "\n".join(tables) + "\n" + tail + rest


def _keys(shape: dict[str, Any]) -> str:
    rows = ["| key | in the document | always | meaning |\n| --- | --- | --- | --- |\n"]
    for key, value in shape["properties"].items():
        kind = value.get("x-yjs") or value.get("type", "string")
        words = "one of " + ", ".join(f"`{word}`" for word in value["enum"]) if "enum" in value else ""
        meaning = ": ".join(text for text in (value.get("description"), words) if text)
        rows.append(f"| `{key}` | {kind} | {'yes' if key in shape['required'] else ''} | {meaning} |\n")
    return "".join(rows)


def _parts(shapes: dict[str, Any]) -> str:
    """What every part has, then what each kind of them has besides."""
    kinds = [
        shapes[each["$ref"].rpartition("/")[2]] for each in shapes["ShownRun"]["properties"]["parts"]["items"]["anyOf"]
    ]
    shared = {
        key: value
        for key, value in kinds[0]["properties"].items()
        if all(value == kind["properties"].get(key) for kind in kinds)
    }
    types = {"description": "what it is, one of the following", "type": "string"}
    text = _keys({"properties": {"type": types, **shared}, "required": ["type", *shared]})
    of: dict[str, list[dict[str, Any]]] = {}
    for kind in kinds:
        own = {key: value for key, value in kind["properties"].items() if key not in shared and key != "type"}
        of.setdefault(_keys({"properties": own, "required": kind["required"]}), []).append(kind)
    for table, same in of.items():
        names = "; ".join(
            f"`{kind['properties']['type']['enum'][0]}`: {kind['description'].rstrip('.')}" for kind in same
        )
        text += f"\n{names}.\n\n{table}"
    return text


def access_page() -> str:
    """specs/access.md: the tables of what needs which right between its two marks; the rest is written by hand."""
    page = (SPECS / "access.md").read_text()
    head, tail = page.split("<!-- generated: rights -->")[0], "<!-- end -->"
    head_row = " | ".join(access.RIGHTS)
    tables = [
        f"### {title}\n\n| {first} | {head_row} |\n| --- |{' --- |' * len(access.RIGHTS)}\n{_rights(table)}"
        for title, first, table in (
            ("Commands", "`do`", access.COMMANDS),
            ("Messages of a document's lane", "message", access.FRAMES),
            ("HTTP", "request", access.REQUESTS),
        )
    ]
    return head + "<!-- generated: rights -->\n\n" + "\n".join(tables) + "\n" + tail + page.split(tail)[1]


def _rights(table: dict[str, access.Needs]) -> str:
    return "".join(
        f"| `{name}` | {' | '.join('x' if right in needed else '' for right in access.RIGHTS)} |\n"
        for name, needed in table.items()
    )


def generated() -> dict[Path, str]:
    """Every derived file and what it should hold."""
    pages = {SPECS / "limits.md": limits_page(), SPECS / "codes.md": codes_page()}
    pages[SPECS / "document.md"] = document_page()
    pages[SPECS / "access.md"] = access_page()
    pages |= {TYPES / "codes.ts": codes_types(), TYPES / "limits.ts": limits_types()}
    for name, make in schema.ALL.items():
        pages[SPECS / "schema" / f"{name}.json"] = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
    return pages


if __name__ == "__main__":
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
