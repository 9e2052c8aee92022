"""Tools with which an agent reads and edits the shared documents of its room, beside the people who type in them.

`Agent(..., tools=[*document_tools()])`. What they do is `protocol/writing`; here are the words that a model reads. Each
edit is one write in the room's pass, and an `idempotent` tool makes one edit, so a call that a crash cut is carried out
again and its edit still happens once (specs/shared.md). A refusal is a sentence that says what to do instead.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from msgspec import Meta
from pycrdt import Doc

from ...protocol.limits import FIND_MATCHES, READ_LINES
from ...protocol.names import draft_begun
from ...protocol.writing import blocks, text, values
from ...protocol.writing.root import Root, chosen
from ...protocol.writing.values import Operation
from .call import Call
from .document import Document as SharedDocument
from .function import FunctionTool, tool
from .streaming import stream_into

Document = Annotated[
    str,
    Meta(description="The document's name. If it has several roots, the root's name behind a #, as in notes#summary."),
]
At = Annotated[str, Meta(description="An anchor that you were given, or the word start or end.")]
From = Annotated[str, Meta(description="The anchor where the part that is meant begins; empty for the beginning.")]
Until = Annotated[str, Meta(description="The anchor where it ends; empty for the end.")]
Path = Annotated[list[str | int], Meta(description='Keys and numbers from the top, as in ["todo", 0, "done"].')]
Found = dict[str, Any]


def document_tools(document: str = "main", *, propose: bool = False) -> tuple[FunctionTool, ...]:
    """Everything that an agent needs for shared documents; leave out what yours should not do.

    Words: read_document, find_in_document, insert_text, replace_text, format_text, delete_text, and write_text, which
    people see word by word. Blocks of rich text: insert_blocks, delete_block. Values: get_value, set_value,
    patch_value. `document` is the one that is meant where the model names none.

    With `propose` the agent never writes a document: each run reads and edits drafts of its own, which people accept
    or reject; write_text is then left out.
    """
    edits = (*_writing(document, propose), *_blocks(document, propose), *_values(document, propose))
    streams = () if propose else (stream_into(document),)
    return (*_reading(document, propose), *edits, *streams)


def _reading(default: str, propose: bool) -> tuple[FunctionTool, ...]:
    @tool(effect="read")
    async def read_document(
        call: Call,
        document: Document = default,
        start: At = text.START,
        lines: Annotated[int, Meta(ge=1, le=READ_LINES)] = 100,
    ) -> Found:
        """Read a shared document, which people may be typing in at this moment.

        Each line, or each block of a rich text, comes with an anchor ("at") that stays with it while others type.
        "more" is the anchor to go on reading from.
        """
        return await _look(call, propose, document, partial(text.read, start=start, limit=lines))

    @tool(effect="read")
    async def find_in_document(
        call: Call,
        wanted: Annotated[str, Meta(description="The text to find, literally.")],
        document: Document = default,
        nth: Annotated[int | None, Meta(description="Only this one: 1 is the first, -1 the last.")] = None,
    ) -> Found:
        """Find where a text occurs in a shared document: anchors of its start and its end, and what is around it."""
        return await _look(
            call, propose, document, lambda root: text.find(root, wanted, nth=nth or None, limit=FIND_MATCHES)
        )

    return read_document, find_in_document


def _writing(default: str, propose: bool) -> tuple[FunctionTool, ...]:
    @tool(effect="idempotent", inside=True)
    async def insert_text(
        call: Call,
        new: Annotated[str, Meta(description="What to insert, with the spaces and line breaks that it needs.")],
        at: At = text.END,
        document: Document = default,
    ) -> Found:
        """Insert text into a shared document at an anchor, or at its start or end. Gives the new text's anchors."""
        return await _edit(call, propose, document, lambda root: text.insert(root, at, new))

    @tool(effect="idempotent", inside=True)
    async def replace_text(
        call: Call,
        old: Annotated[str, Meta(description="What it says now, quoted exactly; it must occur once.")],
        new: Annotated[str, Meta(description="What it should say instead.")],
        document: Document = default,
        start: From = "",
        end: Until = "",
    ) -> Found:
        """Replace a quoted text in a shared document by another. Only the words that differ are touched.

        If the quotation occurs more than once, quote more of what is around it, or give anchors of the part that is
        meant. With both anchors "old" may be empty: then all that is between them is replaced.
        """
        return await _edit(call, propose, document, lambda root: text.replace(root, new, old=old, start=start, end=end))

    @tool(effect="idempotent", inside=True)
    async def format_text(
        call: Call,
        marks: Annotated[
            dict[str, Any],
            Meta(description='Such as {"bold": true, "link": "https://…"}; null takes a mark away.'),
        ],
        old: Annotated[str, Meta(description="The text to format, quoted exactly; it must occur once.")] = "",
        document: Document = default,
        start: From = "",
        end: Until = "",
    ) -> Found:
        """Format a quoted text in a shared document, or all that is between two anchors: bold, italic, underline,
        strike, code, link."""
        return await _edit(
            call, propose, document, lambda root: text.set_marks(root, marks, old=old, start=start, end=end)
        )

    @tool(effect="idempotent", inside=True)
    async def delete_text(
        call: Call,
        old: Annotated[str, Meta(description="The text to delete, quoted exactly; it must occur once.")] = "",
        document: Document = default,
        start: From = "",
        end: Until = "",
    ) -> Found:
        """Delete a quoted text from a shared document, or all that is between two anchors."""
        return await _edit(call, propose, document, lambda root: text.delete(root, old=old, start=start, end=end))

    return insert_text, replace_text, format_text, delete_text


def _blocks(default: str, propose: bool) -> tuple[FunctionTool, ...]:
    @tool(effect="idempotent", inside=True)
    async def insert_blocks(
        call: Call,
        markdown: Annotated[
            str, Meta(description="Headings, paragraphs, lists, quotes, code, rules; no nested lists.")
        ],
        at: At = text.END,
        where: Literal["before", "after"] = "after",
        document: Document = default,
    ) -> Found:
        """Insert paragraphs, headings, list items or code into a rich-text document, before or after a block (its
        anchor is its "at"). Gives the anchors of the new blocks. For words inside a block use insert_text."""
        return await _edit(call, propose, document, lambda root: blocks.insert_blocks(root, markdown, at, where))

    @tool(effect="idempotent", inside=True)
    async def delete_block(
        call: Call, at: Annotated[str, Meta(description="The block's anchor.")], document: Document = default
    ) -> Found:
        """Delete a whole block of a rich-text document, with what is nested in it."""
        return await _edit(call, propose, document, lambda root: blocks.delete_block(root, at))

    return insert_blocks, delete_block


def _values(default: str, propose: bool) -> tuple[FunctionTool, ...]:
    @tool(effect="read")
    async def get_value(call: Call, path: Path | None = None, document: Document = default) -> Any:
        """Read a value of a shared document that holds data (objects and arrays); all of it without a path."""
        return await _look(call, propose, document, lambda root: values.get(root, path or []), values_wanted=True)

    @tool(effect="idempotent", inside=True)
    async def set_value(call: Call, path: Path, value: Any, document: Document = default) -> Found:
        """Set a value in a shared document that holds data. Only what differs is written, so give the smallest path."""
        return await _edit(
            call, propose, document, lambda root: values.set_value(root, path, value), values_wanted=True
        )

    @tool(effect="idempotent", inside=True)
    async def patch_value(call: Call, operations: list[Operation], document: Document = default) -> Found:
        """Add, replace and remove several values of a shared document at once, in order; all or none.

        "add" inserts into an array before the item of that number (-1: behind the last), or sets a key.
        """
        return await _edit(call, propose, document, lambda root: values.patch(root, operations), values_wanted=True)

    return get_value, set_value, patch_value


async def _look(
    call: Call, propose: bool, target: str, read: Callable[[Root], Any], *, values_wanted: bool = False
) -> Any:
    """What a function reads; it is kept here, because what an edit gives goes into the log and may be less."""
    found: list[Any] = []

    def look(doc: "Doc[Any]") -> None:
        found.append(read(chosen(doc, target, values=values_wanted)))

    # Who may only read is shown the document itself: opening a draft of it is writing.
    await (await _document(call, propose and call.grant.write, target)).read(look)
    return found[-1]


async def _edit(
    call: Call, propose: bool, target: str, edit: Callable[[Root], Any], *, values_wanted: bool = False
) -> Any:
    document = await _document(call, propose, target)
    return await document.edit(lambda doc: edit(chosen(doc, target, values=values_wanted)))


async def _document(call: Call, propose: bool, target: str) -> SharedDocument:
    """The document that is meant, or the run's draft of it; a draft that is named is meant itself."""
    name = target.partition("#")[0] or "main"
    return await call.proposal(name) if propose and not draft_begun(name) else call.document(name)
