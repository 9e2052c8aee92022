"""Porting: a shared document out to a file, and a file into a document that nobody has written in.

Both are pure. `export` reads a copy, because a root is typed by the first who asks for it and the live document's roots
are their editors' to type. `plant` is what a seeding does to the live document, once: the update that comes of it is
what the log keeps, so nobody ever makes it a second time (law 2).

Formats: `text`, `markdown`, `json`, and `update`, which is the whole document as one Yjs update of version 1. Rules
(specs/porting.md).
"""

from hashlib import sha256
from typing import Any, Literal, cast, get_args

import msgspec
from msgspec import Struct
from pycrdt import Doc, XmlElement, XmlFragment, XmlText

from . import limits
from .errors import Refused
from .events import DocumentSeeded
from .names import DEFAULT_DOCUMENT
from .writing import blocks, values
from .writing.outline import attributes, outline
from .writing.passage import plain
from .writing.rendering import render
from .writing.root import DEFAULT_ROOT, DEFAULT_VALUES, RICH_ROOTS, Root, chosen

Format = Literal["text", "markdown", "json", "update"]

_TOO_DEEP = "It is nested deeper than can be written down."


class Kind(Struct, frozen=True):
    """How a format is called outside: its media type, and what a file's name ends with."""

    media_type: str
    suffix: str


KINDS: dict[Format, Kind] = {
    "text": Kind("text/plain; charset=utf-8", "txt"),
    "markdown": Kind("text/markdown; charset=utf-8", "md"),
    "json": Kind("application/json", "json"),
    "update": Kind("application/octet-stream", "yjs"),
}
assert set(KINDS) == set(get_args(Format))


def format_named(name: str) -> Format:
    """The format of that name. Raises Refused('bad-request')."""
    if name not in KINDS:
        raise Refused("bad-request", f"A format is one of {', '.join(KINDS)}.")
    return name


# --- out --------------------------------------------------------------------------------------------------------------


def export(update: bytes, format: Format, *, root: str = "", document: str = DEFAULT_DOCUMENT) -> bytes:  # noqa: A002
    """A document, given as one update, in that format. Without a root: the only one that holds words, or with `json` an
    object of all roots by name. Raises Refused."""
    _check_root(format, root)
    if format == "update":
        return update
    doc: Doc[Any] = Doc()
    doc.apply_update(update)
    try:
        if format == "json":
            data = _json(doc, root)
        else:
            data = _words(chosen(doc, f"{document}#{root}", values=False), marked=format == "markdown").encode()
    except RecursionError:
        raise Refused("too-large", _TOO_DEEP) from None
    if len(data) > limits.EXPORT_BYTES:
        raise Refused("too-large", f"An export may have {limits.EXPORT_BYTES} bytes; take the format update.")
    return data


def _words(root: Root, *, marked: bool) -> str:
    if not root.is_rich:
        return plain(root.text).text
    if marked:
        return render(root)
    return "\n".join(block.passage.text for block in outline(root) if not block.is_leaf)


def _json(doc: Doc[Any], name: str) -> bytes:
    names = [name] if name else sorted(cast(Any, doc))
    shown = {each: _shown(Root(doc, each)) for each in names}
    return msgspec.json.encode(shown[name] if name else shown)


def _shown(root: Root) -> Any:
    """A root as JSON: its value, its text, or its tree; null if it holds nothing."""
    match root.kind:
        case "text":
            return plain(root.text).text
        case "rich":
            return [_node(child) for child in root.fragment.children]
        case "foreign":
            return [_inside(content, marks) for content, marks in root.text.diff()]
        case "empty":
            return None
        case _:
            return values.get(root)


def _node(node: XmlElement | XmlText | XmlFragment) -> Any:
    """An element with what is in it, or a text as its runs."""
    if isinstance(node, XmlText):
        return {"text": [_inside(content, marks) for content, marks in node.diff()]}
    children = [_node(child) for child in node.children]
    if isinstance(node, XmlElement):
        return {"tag": node.tag, "attributes": attributes(node), "children": children}
    return {"children": children}


def _inside(content: Any, marks: dict[str, Any] | None) -> dict[str, Any]:
    """A run of a text, or what is embedded in it: a text in a text, as Lexical writes them, is a node like others."""
    if isinstance(content, XmlText | XmlElement):
        return _node(content)
    run: dict[str, Any] = {"insert": content if isinstance(content, str) else None}
    return {**run, "marks": marks} if marks else run


# --- in ---------------------------------------------------------------------------------------------------------------


def seeding(data: bytes, format: Format, *, root: str = "") -> DocumentSeeded:  # noqa: A002
    """The fact that a document began with this file: the same file, format and root give the same fact. Raises
    Refused('too-large')."""
    _check_root(format, root)
    if len(data) > limits.SEED_BYTES:
        raise Refused("too-large", f"A document may begin with {limits.SEED_BYTES} bytes.")
    default = {"text": DEFAULT_ROOT, "markdown": DEFAULT_ROOT, "json": DEFAULT_VALUES, "update": ""}[format]
    return DocumentSeeded(format, sha256(data).hexdigest(), root or default)


def plant(doc: Doc[Any], event: DocumentSeeded, data: bytes) -> None:
    """Write a file of words or values into an empty document. Raises Refused, and then nothing was written."""
    root = Root(doc, event.root)
    rich = root.name in RICH_ROOTS
    match event.format:
        case "json":
            if rich:
                raise Refused("bad-request", f"The root '{root.name}' is rich text; seed it with Markdown.")
            try:
                value = msgspec.json.decode(data)
                values.set_value(root, [], value)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise Refused("bad-json", "The file is not JSON.") from None
            except RecursionError:
                raise Refused("too-large", _TOO_DEEP) from None
        case "markdown" if rich:
            blocks.insert_blocks(root, _text(data))
        case _:
            if rich:
                raise Refused("bad-request", f"The root '{root.name}' is rich text; seed it with Markdown.")
            root.text.insert(0, _text(data))


def _text(data: bytes) -> str:
    """A file of words, without a byte order mark, its lines ended as editors end them: else the editor would count
    other characters than the document has."""
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise Refused("bad-request", f"The file is not UTF-8: byte {error.start}.") from None


def _check_root(format: Format, root: str) -> None:  # noqa: A002
    if root and format == "update":
        raise Refused("bad-request", "An update is a whole document, so it has no root.")
    if len(root) > limits.DOCUMENT_NAME_CHARS or any("\ud800" <= char <= "\udfff" for char in root):
        raise Refused("bad-name", f"The name of a root has at most {limits.DOCUMENT_NAME_CHARS} characters.")
