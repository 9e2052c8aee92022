"""Writing while the model is still saying it: the text of a call goes into a shared document word by word.

The tool's arguments are in the order in which they are needed, so that the place is known before the text begins.
While they stream, the step of the model writes what is whole words (`agent/writing`); when the answer is complete, the
call is carried out like any other, and writes what is missing. So a model that does not stream its arguments writes all
at once, and an attempt that breaks off leaves nothing (specs/shared.md).
"""

from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from ...protocol.writing import text
from ...protocol.writing.root import chosen
from .call import Call
from .function import FunctionTool

_TEXT = "new"


class Aim(NamedTuple):
    """Where a text goes, and how much of it is known."""

    target: str
    at: str
    text: str


class WritingTool(FunctionTool):
    """A tool whose text is written while it streams."""

    def aim(self, arguments: dict[str, Any]) -> Aim | None:
        """What arguments that are still coming say so far; None while the text has not begun. Its key must be the last
        one, or what stands before it may change."""
        if not {"document", "at"} <= arguments.keys() or list(arguments)[-1] != _TEXT:
            return None  # A key that comes later could name another place.
        if not all(isinstance(value, str) for value in arguments.values()):
            return None
        return Aim(arguments["document"], arguments["at"], arguments[_TEXT])

    document = "main"


def stream_into(document: str = "main") -> FunctionTool:
    """The tool `write_text`: for whole passages, which people then see as they are written. `document` is the one that
    is meant where the model names none."""

    async def write_text(
        call: Call,
        *,
        document: Annotated[
            str, Meta(description="The document's name, and perhaps a root's behind a #. Give this first.")
        ] = document,
        at: Annotated[str, Meta(description="An anchor that you were given, or the word start or end.")] = text.END,
        new: Annotated[
            str, Meta(description="The text, with the spaces and line breaks it needs. Give this last.")
        ] = "",
    ) -> dict[str, Any]:
        """Write a passage into a shared document at an anchor, or at its start or end. People see it while you write.

        Give document, at and new in this order. For short insertions insert_text does as well.
        """
        came = call.came
        rest, place = (new, at) if came is None else (new[came.chars :], came.end)
        name = document.partition("#")[0] or "main"
        found = await call.document(name).edit(
            lambda doc: text.insert(chosen(doc, document, values=False), place, rest)
        )
        return {"written": len(new), "end": found["end"]}

    made = WritingTool(write_text, "idempotent", "write_text")
    made.document = document
    return made
