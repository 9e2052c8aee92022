"""The demo agent's tools: a clock, a mail that needs a person's yes and only pretends, and a question with a form.

None of them changes anything outside, so nobody can do harm by trying.
"""

import datetime
import zoneinfo
from typing import Any

from ..models.model import JSON
from .ask import ask_person
from .function import tool
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


def demo_tools() -> tuple[Tool, ...]:
    """What the demo model asks for."""
    return (clock, send_mail, ask_person(FORM))
