"""The model's step writes into shared documents what stands in the arguments of its calls, while they stream.

One edit at a time is on its way to disk; what comes meanwhile is the next one, up to the last whole word. The edits
name the model's step and the call, so that they can be taken out again if the attempt is superseded, and so that the
call knows what is left for it to write. A text that cannot be written is left to the call, which is told why. What a
record may not say no document may either: known secrets are masked, and what may be the beginning of one waits.
"""

import logging
from collections.abc import Mapping
from typing import Any

from outcome import Outcome
from pycrdt import Doc

from ...protocol.errors import Refused
from ...protocol.events import Came
from ...protocol.move import Generate
from ...protocol.names import document_name
from ...protocol.partial import partial_json
from ...protocol.writing import text
from ...protocol.writing.prefix import stable_prefix
from ...protocol.writing.root import chosen
from ..models.model import ArgumentsChunk
from ..room.editing import Place
from ..room.reports import Write
from ..room.room import Room
from ..tools.streaming import WritingTool
from ..tools.tool import Tool

log = logging.getLogger("plait.agent")


class _Text:
    """One call's arguments, and how much of its text is in the document."""

    def __init__(self, tool: WritingTool, call: str) -> None:
        self.tool = tool
        self.call = call
        self.arguments: list[str] = []
        self.came = Came(0, "")
        self.on_its_way = False
        self.given_up = False


class Writing:
    """What one attempt at an answer writes into documents, by those of the `tools` that can."""

    def __init__(self, room: Room, run: str, author: str, move: Generate, tools: Mapping[str, Tool]) -> None:
        self._room = room
        self._run = run
        self._author = author
        self._move = move
        self._tools = tools
        self._texts: dict[str, _Text] = {}

    def hear(self, chunk: ArgumentsChunk) -> None:
        """Some more of a call's arguments."""
        known = self._texts.get(chunk.call)
        if known is None:
            tool = self._tools.get(chunk.name)
            if not isinstance(tool, WritingTool) or tool.approval != "never":
                return
            known = self._texts[chunk.call] = _Text(tool, chunk.call)
        known.arguments.append(chunk.text)
        self._write(known)

    def end(self) -> None:
        """The answer is complete, or broke off: what is on its way arrives before whatever is said next, and nothing
        more is written."""
        for known in self._texts.values():
            known.given_up = True

    def _write(self, known: _Text) -> None:
        if known.on_its_way or known.given_up:
            return
        given = partial_json("".join(known.arguments))
        aim = known.tool.aim(given) if isinstance(given, dict) else None
        if aim is None:
            return
        so_far = known.came
        # Counted is what was cleaned, as the call's arguments are once they are whole.
        cleaner = self._room.redactor
        sayable = cleaner.text(aim.text[: cleaner.shown(aim.text)])
        end = stable_prefix(sayable)
        if end <= so_far.chars:
            return
        words, at = sayable[so_far.chars : end], so_far.end or aim.at

        def insert(doc: "Doc[Any]") -> dict[str, Any]:
            return {"chars": end, "end": text.insert(chosen(doc, aim.target, values=False), at, words)["end"]}

        try:
            document = document_name(aim.target.partition("#")[0] or "main")
        except Refused:  # The call is told.
            known.given_up = True
            return
        known.on_its_way = True
        place = Place(self._run, self._move.step, self._move.attempt, call=known.call)
        self._room.write_soon(Write(self._author, document, insert, lambda outcome: self._told(known, outcome), place))

    def _told(self, known: _Text, outcome: Outcome[Any]) -> None:
        """It is on disk, or why not; on with what has come meanwhile."""
        known.on_its_way = False
        try:
            gave = outcome.unwrap()
            known.came = Came(gave["chars"], gave["end"])
        except Exception as error:
            log.info("room %s: %s is not written while it streams: %s", self._room.name, known.call, error)
            known.given_up = True
        self._write(known)
