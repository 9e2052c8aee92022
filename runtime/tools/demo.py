"""The demo agent's tools: a clock, a mail that needs a person's yes and only pretends, a question with a form, work
that takes its time, a note in the shared document, a proposal for it, and a search in a handful of texts about plait.

None of them changes anything outside, so nobody can do harm by trying.
"""

import datetime
import re
import zoneinfo
from functools import partial
from typing import Any

import trio
from pycrdt import Doc

from ...protocol.writing.root import Root
from ...protocol.writing.text import END, START, insert
from ..models.model import JSON
from .ask import ask_person
from .call import Call, Data, Source
from .demo_texts import TEXTS
from .function import tool
from .knowledge import knowledge
from .tool import Tool, ToolError


@tool(effect="read")
def clock(zone: str = "UTC") -> dict[str, str]:
    """What time it is.

    Args:
        zone: A name from the IANA time zone database, such as Europe/Vienna.
    """
    try:
        # UTC works without a time zone database, which a bare machine may lack.
        tz = datetime.UTC if zone == "UTC" else zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ToolError(f"no time zone is called {zone!r}") from error
    now = datetime.datetime.now(tz)
    return {"time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A")}


@tool(approval="always")
def send_mail(to: str, subject: str, body: str, copies: int = 1, urgent: bool = False) -> dict[str, Any]:
    """Pretend to send a mail; a person approves it first.

    Args:
        to: The address.
        copies: How many.
    """
    told = "Nothing was sent: this tool only pretends."
    return {"pretended": True, "to": to, "subject": subject, "copies": copies, "urgent": urgent, "note": told}


FORM: JSON = {
    "type": "object",
    "properties": {
        "tone": {"enum": ["plain", "proud", "short"], "title": "Tone", "default": "plain"},
        "days": {"type": "integer", "title": "Days to wait", "minimum": 0, "maximum": 30, "default": 0},
        "everybody": {"type": "boolean", "title": "Tell everybody, not only the team"},
        "words": {"type": "string", "title": "In your words", "maxLength": 2000},
    },
    "required": ["tone", "days"],
}
"""One field of each kind."""


_STAGES = ("Looking around", "Sorting", "Counting twice", "Writing it down", "Tidying up")
_STAGE_S = 4.0


@tool(effect="read")
async def slow_work(call: Call) -> dict[str, Any]:
    """Do something that takes twenty seconds, and tell how far it is."""
    counted: list[int] = []
    for number, stage in enumerate(_STAGES):
        for tenth in range(10):
            call.progress(f"{stage} ({number + 1} of {len(_STAGES)})", (number + tenth / 10) / len(_STAGES))
            await trio.sleep(_STAGE_S / 10)
        counted.append((number + 1) * len(stage))
    call.show(Data("counted", dict(zip(_STAGES, counted, strict=True))))
    call.progress("Done", 1.0)
    return {"stages": len(_STAGES), "seconds": round(_STAGE_S * len(_STAGES)), "counted": sum(counted)}


_WORD_S = 0.08


@tool(effect="idempotent", inside=True)
async def write_note(text: str, call: Call) -> dict[str, Any]:
    """Write a note at the end of the shared document that people see beside the chat, word by word.

    Args:
        text: The note, without line breaks at its ends.
    """
    note = call.document("main")
    at = END
    pieces = re.findall(r"\S+\s*|\s+", text)
    for number, piece in enumerate(pieces):
        # Each word goes to the anchor of the last one's end, wherever that is after what people typed meanwhile.
        written = await note.edit(partial(_append, at=at, piece=piece, first=number == 0))
        at = written["end"]
        call.progress(f"{number + 1} of {len(pieces)} words", (number + 1) / len(pieces))
        await trio.sleep(_WORD_S)
    return {"document": "main", "words": len(pieces)}


def _append(doc: "Doc[Any]", at: str, piece: str, *, first: bool) -> dict[str, Any]:
    root = Root(doc)
    begins_a_line = first and str(root.text) and not str(root.text).endswith("\n")
    return insert(root, at, f"\n{piece}" if begins_a_line else piece)


@tool(effect="idempotent", inside=True)
async def propose_ending(text: str, call: Call) -> dict[str, Any]:
    """Propose a title and an ending for the shared document; people accept or reject them, each alone.

    Args:
        text: The ending, one sentence.
    """
    draft = await call.draft("main", title="A title and an ending")
    await draft.edit(partial(_propose, text=text))
    return {"draft": draft.name}


def _propose(doc: "Doc[Any]", text: str) -> None:
    root = Root(doc)
    if not str(root.text).startswith("#"):
        insert(root, START, "# A title, proposed\n\n")
    insert(root, END, f"\n{text}")


@knowledge
def search_docs(query: str) -> list[Source]:
    """Search in what is written about plait: rooms, logs, crashes, tabs, tools, approvals, models.

    Args:
        query: A few words.
    """
    wanted = set(_words(query))
    hits = [(sum(word in wanted for word in _words(f"{each.title} {each.excerpt}")), each) for each in TEXTS]
    found = sorted((hit for hit in hits if hit[0]), key=lambda hit: hit[0], reverse=True)
    return [source for _, source in found[:3]]


_LITTLE = re.compile("and|are|can|do(?:es)?|for|how|not|one|that|the|this|what|when|which|who|with|you")


def _words(text: str) -> list[str]:
    """Those that say something; a plural is the same word."""
    return [word.rstrip("s") for word in re.findall(r"[a-z]{3,}", text.lower()) if not _LITTLE.fullmatch(word)]


def demo_tools() -> tuple[Tool, ...]:
    """What the demo model asks for."""
    return (clock, send_mail, ask_person(FORM), slow_work, write_note, propose_ending, search_docs)
