"""What bounds something stands among the limits: every other number of the sources is here with why it is none."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

NONE_OF_THEM = {
    "what a format or somebody else's protocol says": """
        _PLAIN _CONTINUES _BINARY _CLOSE _PONG _TEXT _LINE_BYTES _LOCAL _PROXY _TCP4 _TCP6 _TLV_SSL _OVER_TLS SYNC
        AWARENESS AUTH QUERY_AWARENESS SYNC_STATUS STEP1 STEP2 UPDATE STATELESS CLOSE STATUS _TOKEN GC DELETED JSON
        BINARY STRING EMBED FORMAT TYPE ANY SKIP VERSION SHAPE MAX_UINT MAX_CLOCK ANY_SEQ LARGEST NOW _LAST NOT_SENT
        KEY_BYTES NONCE_BYTES APPLICATION_ID _SEQ _BODY _UPDATE _BEGINNING _MODE _ENCRYPTED _END_LISTED_BYTES
        _END_COMMENT _LOCATOR_BYTES _LONG_END_LISTED_BYTES _RECORD_BYTES _NAME_CHARS _NEWEST _OF_OTHERS
        _LEAST_BUDGET""",
    "a mark, a unit, or a part of a name": """
        BEFORE THEN DYING GONE MAKING _COPY _NEVER _BEING_SENT _PROJECTING _SECOND _MINUTE_S _MIB _ROUNDING_S _HEX
        _DIGEST _DIGEST_CHARS _PAGE""",
    "how much is done, read or handed on at a time: it changes when, and nothing else": """
        _FEW _GLANCED _LOOKS _MORE
        PARTITION AT_ONCE_BYTES READ_BYTES WORTH_ONE PLANS _ALONE _CHUNK_BYTES _EACH_S _EVERY _FOLLOW_BYTES
        _HASHED_AT_ONCE _HEAD_BYTES _LARGE_BYTES _LINGER_BYTES _NEAR _PART _PART_BYTES _PLAIN_BYTES _READ_BYTES
        _RECEIVE_BYTES _REMEMBERED _TOGETHER _TRIES _TURN _UNSEEN""",
    "a pause until something is tried, looked at or said again": """
        ACCEPT_LOG_S DRAIN_S POLL_S RETRY_S _AGAIN_S _BACKOFF_S _FIRST_WAIT_S _SAY_S _SHOW_EVERY_S _SPARE_S _SWEEP_S""",
    "how much of a text stands in a line for people; the whole is a question away": """
        VALUE_CHARS _AFTER _BEFORE _LONG _SHOWN_CHARS _TOLD""",
    "the demonstration's own pace": "WORDS_PER_S _STAGE_S _WORD_S",
}
"""Names of constants, by why they bound nothing that a user or an operator could meet."""

BOUNDING = {"max_length", "maxlen", "maxsize", "move_on_after", "fail_after", "CapacityLimiter", "Semaphore"}
"""Words whose argument is a bound: a number that is written there is one that has no name."""

_LITERAL = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.Tuple, ast.operator, ast.unaryop, ast.expr_context)


def _number(node: ast.expr) -> bool:
    """Whether it is made of numbers alone."""
    parts = list(ast.walk(node))
    constants = [part.value for part in parts if isinstance(part, ast.Constant)]
    return all(isinstance(part, _LITERAL) for part in parts) and all(type(each) in (int, float) for each in constants)


def _constants(module: ast.Module) -> Iterator[str]:
    """The names that the module gives to numbers."""
    for node in module.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        name, value = node.targets[0] if isinstance(node, ast.Assign) else node.target, node.value
        pairs = [(name, value)]
        if isinstance(name, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(name.elts, value.elts, strict=True))
        for name, value in pairs:
            if isinstance(name, ast.Name) and _number(value):
                yield name.id


def _nameless(module: ast.Module) -> Iterator[str]:
    """Bounds that are written where they are used. A single one (`max_length=1`) says "not empty", or "one"."""
    for node in ast.walk(module):
        if isinstance(node, ast.keyword) and node.arg in BOUNDING:
            said, value = node.arg, node.value
        elif isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in BOUNDING:
            said, value = ast.unparse(node.func), node.args[0]
        else:
            continue
        if _number(value) and ast.unparse(value) not in ("0", "1"):
            yield f"{said}: {ast.unparse(value)}"


def test_what_bounds_something_is_a_limit() -> None:
    """HO8: a number with a name is a limit, or here with its reason; a bound without a name is none."""
    known = {name for names in NONE_OF_THEM.values() for name in names.split()}
    found: set[str] = set()
    nameless: list[str] = []
    for path in (path for house in ("protocol", "storage", "runtime") for path in (ROOT / house).rglob("*.py")):
        shown = path.relative_to(ROOT).as_posix()
        if shown.startswith("protocol/limits/") or "node_modules" in shown or shown == "protocol/admission.py":
            continue
        module = ast.parse(path.read_text())
        names = set(_constants(module))
        assert names <= known, f"{shown}: {names - known} belongs in protocol/limits, or in NONE_OF_THEM with a reason"
        found |= names
        nameless += [f"{shown}: {each}" for each in _nameless(module)]
    assert known - found == set(), "nobody has such a constant any more"
    assert nameless == []
