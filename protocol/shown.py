"""The room document as plain values, texts joined: for scripts, tests and JSON."""

from typing import Any, cast

from pycrdt import Array, Doc, Map

from .shape import DRAFTS, ROOM, ROOT

_OPEN = ("queued", "running", "waiting")


def shown_runs(doc: "Doc[Any]") -> dict[str, Any]:
    """The room document's runs as plain values, texts joined. Ids sort by creation."""
    runs = cast("Map[Any]", doc.get(ROOT, type=Map))
    return {run: shown_run(runs[run]) for run in sorted(runs.keys())}


def near_runs(doc: "Doc[Any]", parts: int, named: str = "") -> dict[str, Any]:
    """As `shown_runs`, for who reads the end of a long conversation: only the runs that are open, the one that is
    named, and of the others the newest that have no more than so many parts together, have their parts. The others have
    none, and `parts_left` says how many they are."""
    runs = cast("Map[Any]", doc.get(ROOT, type=Map))
    told: dict[str, Any] = {}
    for run in sorted(runs.keys(), reverse=True):
        shown = runs[run]
        length = len(shown["parts"])
        parts -= length
        if parts >= 0 or run == named or shown["status"] in _OPEN:
            told[run] = shown_run(shown)
        else:
            told[run] = _plain(shown, leave="parts") | {"parts": [], "parts_left": length}
    return {run: told[run] for run in sorted(told)}


def shown_room(doc: "Doc[Any]") -> dict[str, Any]:
    """What the room document says of the room itself, as plain values."""
    return _plain(cast("Map[Any]", doc.get(ROOM, type=Map)))


def shown_drafts(doc: "Doc[Any]") -> dict[str, Any]:
    """What the room document says of drafts, by their names, as plain values."""
    drafts = cast("Map[Any]", doc.get(DRAFTS, type=Map))
    return {name: _plain(drafts[name]) for name in sorted(drafts.keys())}


def shown_run(shown: "Map[Any]") -> dict[str, Any]:
    """One run's map as plain values."""
    plain = _plain(shown, leave="parts")
    plain["parts"] = [_shown_part(part) for part in shown["parts"]]
    return plain


def _plain(shown: "Map[Any]", leave: str = "") -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key in shown.keys():  # noqa: SIM118 - a Map iterates, but its types say nothing of it
        value = shown[key]
        if key == leave:
            continue
        if isinstance(value, Array):
            plain[key] = [_plain(cast("Map[Any]", each)) for each in value]
        elif isinstance(value, Map):
            plain[key] = _plain(value)
        else:
            plain[key] = int(value) if isinstance(value, float) and value.is_integer() else value
    return plain


def _shown_part(part: "Map[Any]") -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key in part.keys():  # noqa: SIM118
        value = part[key]
        if isinstance(value, Array):
            plain[key] = "".join(str(segment) for segment in value)
        elif key == "done":
            plain[key] = float(value)
        else:
            plain[key] = int(value) if isinstance(value, float) else value
    return plain
