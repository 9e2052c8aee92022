"""A function of a flow's own, carried out as a tool is: under an intent, with an effect, its result in the log.

The model knows nothing of it; `run.once(name, function)` is how a flow does what is not worth a tool.
"""

import inspect
from collections.abc import Callable
from typing import Any

from .function import KEY, FunctionTool
from .tool import Effect


def once_tool(name: str, function: Callable[..., Any], effect: Effect) -> FunctionTool:
    """The function, sync or async, as a tool without arguments; an idempotent one may take `key`."""
    keyed = effect == "idempotent" and _takes_key(function)
    wrap = _awaited if inspect.iscoroutinefunction(function) else _called
    return FunctionTool(wrap(function, keyed), effect, name)


def _called(function: Callable[..., Any], keyed: bool) -> Callable[..., Any]:
    def with_key(key: str) -> Any:
        return function(key=key)

    def without() -> Any:
        return function()

    return with_key if keyed else without


def _awaited(function: Callable[..., Any], keyed: bool) -> Callable[..., Any]:
    async def with_key(key: str) -> Any:
        return await function(key=key)

    async def without() -> Any:
        return await function()

    return with_key if keyed else without


def _takes_key(function: Callable[..., Any]) -> bool:
    try:
        return KEY in inspect.signature(function).parameters
    except ValueError:  # Some builtin functions have no signature.
        return False
