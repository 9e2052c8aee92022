"""The table that each limit enters as it is defined; `specs/limits.md` shows it in that order."""

from ..admission import Limit

LIMITS: dict[str, Limit] = {}


def limit(name: str, value: int, unit: str, reason: str) -> int:
    """Enter a limit under the name of the constant that it is assigned to; its value."""
    LIMITS[name] = Limit(value, unit, reason)
    return value
