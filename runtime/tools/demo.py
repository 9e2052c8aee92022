"""The demo agent's tools: one clock, which reads and changes nothing."""

import datetime
import zoneinfo

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


def demo_tools() -> tuple[Tool, ...]:
    """What the demo model asks for."""
    return (clock,)
