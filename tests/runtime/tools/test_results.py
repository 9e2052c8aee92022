"""Results: in the declared type, as JSON, or a sentence about why not."""

import dataclasses
import datetime
import enum
import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol import limits
from plait.runtime import Call, ToolError, tool
from plait.runtime.tools.results import encode, shortened


class Sky(enum.Enum):
    BLUE = "blue"


class Day(msgspec.Struct):
    when: datetime.datetime
    sky: Sky = Sky.BLUE


@dataclasses.dataclass
class Point:
    x: int


class Row:
    """As a database gives it."""

    def __init__(self) -> None:
        self.when = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
        self.secret = "not declared"
        self.sky = Sky.BLUE


async def result(function: Any) -> Any:
    made = tool(effect="read")(function)
    return msgspec.json.decode(encode(made.schema.name, await made.call("", Call())))


async def test_a_result_is_spelt_by_its_declared_type() -> None:
    """TL6: Structs, dataclasses, enums, dates; what has the attributes becomes the type, and what is more stays out."""

    async def days() -> list[Day]:
        return [Row(), Day(datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC))]  # type: ignore[list-item]

    async def anything() -> Any:
        return {"point": Point(3), "sky": Sky.BLUE, "day": datetime.date(2026, 1, 2)}

    async def undeclared():  # type: ignore[no-untyped-def]
        return (1, {2})

    async def nothing() -> None:
        return None

    async def unknown_to_msgspec() -> list[int] | set[str]:
        return ["told", "all the same"]  # type: ignore[return-value]

    assert await result(days) == [{"when": "2026-01-02T00:00:00Z", "sky": "blue"}] * 2
    assert await result(anything) == {"point": {"x": 3}, "sky": "blue", "day": "2026-01-02"}
    assert await result(undeclared) == [1, [2]]
    assert await result(nothing) is None
    assert await result(unknown_to_msgspec) == ["told", "all the same"]


async def test_what_is_not_declared_or_no_json_is_told() -> None:
    """TL6: and that the call was carried out, since a model that thinks otherwise asks for it again."""

    async def text() -> str:
        return None  # type: ignore[return-value]

    async def picture() -> Any:
        return {"pictures": [("png", b"...")]}

    async def lock() -> Any:
        return {"lock": threading.Lock()}

    async def circle() -> Any:
        loop: list[Any] = []
        loop.append(loop)
        return loop

    for bad, why in [
        (text, "not what it declares: Expected `str`, got `null`"),
        (picture, "returned bytes; a tool attaches a file instead"),
        (lock, "returned something that is not JSON"),
        (circle, "returned something that is not JSON"),
    ]:
        with pytest.raises(ToolError, match=rf"{bad.__name__} was carried out, but .*{why}"):
            await result(bad)


@given(st.text(min_size=1), st.booleans())
def test_a_long_result_is_told_by_its_beginning(text: str, plain: bool) -> None:
    """TL17: a text as it is and anything else as its JSON, never half a character, and far below what a model takes."""
    long = text * (limits.TOOL_BEGINNING_BYTES // len(text.encode()) + 1)
    kept = msgspec.json.encode(long if plain else [long])
    told = msgspec.json.decode(shortened(kept, "hash"))
    assert (told["too_long"], told["bytes"], told["blob"]) == (True, len(kept), "hash")
    whole = long if plain else kept.decode()
    assert whole.startswith(told["beginning"])
    assert limits.TOOL_BEGINNING_BYTES - 4 < len(told["beginning"].encode()) <= limits.TOOL_BEGINNING_BYTES
    assert str(len(kept)) in told["note"]
    assert len(shortened(kept, "hash")) < limits.TOOL_RESULT_BYTES
