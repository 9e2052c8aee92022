"""`@tool`: a schema from a signature, arguments that are checked, results that are JSON."""

import dataclasses
import threading
from typing import Annotated, Any, Literal

import msgspec
import pytest
import trio
from plait.runtime.tools.call import Call
from plait.runtime.tools.function import tool
from plait.runtime.tools.tool import ToolError


@tool
def book(city: str, nights: Annotated[int, msgspec.Meta(ge=1)] = 1, *, kind: Literal["bed", "room"] = "bed") -> str:
    """Book somewhere to sleep.

    It costs money.

    Args:
        city: Where,
            in English.
        nights (int): How long.

    Returns:
        A sentence.
    """
    return f"{nights} nights in a {kind} in {city}"


def test_the_schema_is_that_of_the_signature() -> None:
    """TL1: an object at the top, required and default as in Python, notes from the docstring."""
    assert book.schema.name == "book"
    assert book.schema.description == "Book somewhere to sleep.\n\nIt costs money."
    assert book.schema.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where, in English."},
            "nights": {"type": "integer", "minimum": 1, "default": 1, "description": "How long."},
            "kind": {"enum": ["bed", "room"], "default": "bed"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_the_effect_is_write_unless_told_otherwise() -> None:
    """TL2."""
    assert book.effect == "write"

    def peek() -> None: ...

    named = tool(effect="read", name="look")(peek)
    assert (named.effect, named.schema.name) == ("read", "look")
    assert book("Linz") == "1 nights in a bed in Linz"


async def test_arguments_arrive_typed() -> None:
    assert await book.call('{"city": "Linz", "nights": 2, "kind": "room"}', Call("k")) == "2 nights in a room in Linz"
    assert await book.call('{"city": "Linz"}', Call("k")) == "1 nights in a bed in Linz"


@pytest.mark.parametrize(
    ("args", "what"),
    [
        ("{}", "missing required field `city`"),
        ("", "missing required field `city`"),
        ('{"city": 1}', r"Expected `str`, got `int` - at `\$.city`"),
        ('{"city": "Linz", "nights": 0}', ">= 1"),
        ('{"city": "Linz", "kind": "tent"}', "Invalid enum value 'tent'"),
        ('{"city": "Linz", "star": 5}', "unknown field `star`"),
        ('{"city": "Li', "truncated"),
        ("[]", "Expected `object`, got `array`"),
        ('{"city": "\ud800"}', "surrogates"),
    ],
)
async def test_bad_arguments_are_told_to_the_model(args: str, what: str) -> None:
    """TL3: the sentence names the tool, what is wrong and what it takes, and the body does not run."""
    takes = r"; it takes city, nights \(optional\), kind \(optional\)"
    with pytest.raises(ToolError, match=f"bad arguments for book: .*{what}.*{takes}"):
        await book.call(args, Call("k"))


async def test_types_of_ones_own() -> None:
    @dataclasses.dataclass
    class Point:
        x: int
        y: int

    @tool(effect="read")
    async def far(points: list[Point], tags: list[str] = ["near"]) -> dict[str, Any]:  # noqa: B006
        tags.append(str(sum(point.x for point in points)))
        return {"tags": tags, "first": points[0]}

    assert far.schema.parameters["properties"]["points"]["items"] == {"$ref": "#/$defs/Point"}
    assert far.schema.parameters["$defs"]["Point"]["required"] == ["x", "y"]
    for _ in range(2):  # A default that is changed by one call is whole again for the next.
        result = await far.call('{"points": [{"x": 1, "y": 2}]}', Call("k"))
        assert result == {"tags": ["near", "1"], "first": Point(1, 2)}


async def test_a_sync_function_runs_in_a_thread_and_an_async_one_here() -> None:
    """TL4."""

    @tool
    def there() -> bool:
        return threading.current_thread() is threading.main_thread()

    @tool
    async def here() -> bool:
        await trio.lowlevel.checkpoint()
        return threading.current_thread() is threading.main_thread()

    assert await there.call("", Call("k")) is False
    assert await here.call("", Call("k")) is True


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_a_cancelled_thread_is_abandoned_only_if_it_changes_nothing(effect: Any) -> None:
    """TL4: a stopped run waits for a write that is under way, so that its outcome is known."""
    began, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    @tool(effect=effect)
    def slow() -> None:
        began.set()
        goes_on.wait(timeout=10)
        ended.set()

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(slow.call, "", Call("k"))
            await trio.to_thread.run_sync(began.wait, 10)
            scope.cancel()
            if effect == "write":
                goes_on.set()
    assert ended.is_set() == (effect == "write")
    goes_on.set()


async def test_an_idempotent_tool_gets_its_key_unseen() -> None:
    """TL5: `key` is the call's, not the model's; in other tools it is a parameter like any other."""

    @tool(effect="idempotent")
    async def pay(amount: int, key: str) -> str:
        return f"{amount} under {key}"

    @tool(effect="read")
    async def look(key: str) -> str:
        return key

    assert set(pay.schema.parameters["properties"]) == {"amount"}
    assert await pay.call('{"amount": 3}', Call("the-key")) == "3 under the-key"
    with pytest.raises(ToolError, match="unknown field `key`"):
        await pay.call('{"amount": 3, "key": "mine"}', Call("the-key"))
    assert await look.call('{"key": "mine"}', Call("the-key")) == "mine"


async def test_a_tools_own_errors_pass_through() -> None:
    """TL7: its ToolError is for the model, anything else is a bug of the tool and left to the step."""

    @tool
    def refuse(how: str) -> None:
        raise ToolError("no room") if how == "politely" else KeyError("room")

    with pytest.raises(ToolError, match="no room"):
        await refuse.call('{"how": "politely"}', Call("k"))
    with pytest.raises(KeyError):
        await refuse.call('{"how": "badly"}', Call("k"))


async def test_arguments_nested_without_end_are_told_to_the_model() -> None:
    """TL3: a parameter that takes anything takes what its decoder can follow."""

    @tool(effect="read")
    async def echo(value: Any) -> None: ...

    with pytest.raises(ToolError, match="bad arguments for echo: maximum recursion depth"):
        await echo.call('{"value": ' + "[" * 200_000 + "]" * 200_000 + "}", Call("k"))


def test_a_signature_that_no_schema_describes_is_refused_at_once() -> None:
    """TL8: at decoration, where the author sees it."""

    def untyped(city):  # type: ignore[no-untyped-def]
        return city

    def anything(*cities: str) -> None: ...

    def unnamed(city: str, /) -> None: ...

    def unknown(lock: threading.Event) -> None: ...

    for bad, why in [
        (untyped, "have types, and city of untyped has not"),
        (anything, r"have names, and \*cities: str of anything has not"),
        (unnamed, "have names"),
        (unknown, "Event"),
    ]:
        with pytest.raises(TypeError, match=why):
            tool(bad)
    with pytest.raises(TypeError, match="a tool's name"):
        tool(name="no spaces")(unnamed)
    with pytest.raises(TypeError, match="a tool's name"):
        tool(lambda: None)
