"""Tools that are Python functions: `@tool` makes one of a function's signature and docstring.

The types of the parameters become the JSON Schema that the model sees and the check that its arguments must pass; a
model that gets them wrong is told what was wrong and may try again. What else a function raises is a bug of the
function and is left to the step. Types are those that msgspec knows: the builtin ones, dataclasses, Structs, enums,
`Literal`, datetimes, `Annotated[int, Meta(gt=0)]`.

A sync function runs in a thread, so it may block (`threads`). What a function returns is held to the type that it
declares (`results`). A parameter annotated `Call` gets the call at work, by which the body says how far it is.
"""

import copy
import inspect
import math
import re
import typing
from collections.abc import Callable
from typing import Any, Literal, overload

import msgspec
import trio

from ..models.model import JSON, ToolSchema
from .call import Call
from .results import conform, declared
from .threads import in_thread
from .tool import Approval, Effect, ToolError, ToolTimeout

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What both OpenAI and Anthropic take for a tool's name."""

KEY = "key"
"""The parameter of an idempotent tool that gets the call's key. The model neither sees nor chooses it."""


class FunctionTool:
    """A function that a model can call. Called from Python it is the function itself."""

    question = None
    shows: Literal["", "retrieval"] = ""

    def __init__(
        self,
        function: Callable[..., Any],
        effect: Effect,
        name: str,
        approval: Approval = "never",
        decide_within_s: float | None = None,
        timeout_s: float | None = None,
        *,
        inside: bool = False,
    ) -> None:
        if not NAME.fullmatch(name):
            raise TypeError(f"a tool's name has 1 to 64 letters, digits, _ or -, and {name!r} has not")
        if timeout_s is not None and not 0 < timeout_s < math.inf:
            raise ValueError(f"a tool's timeout_s is a number of seconds above 0, and {timeout_s!r} is not")
        hints = typing.get_type_hints(function, include_extras=True)
        self._function = function
        self.body = function
        """As it was given, which is what the agent's code version is made of."""
        self._async = inspect.iscoroutinefunction(function)
        self._keyed = effect == "idempotent" and KEY in inspect.signature(function).parameters
        self._listeners = [parameter for parameter, kind in hints.items() if kind is Call and parameter != "return"]
        self._returns = declared(hints.get("return"))
        hidden = {*self._listeners, *({KEY} if self._keyed else ())}
        arguments = _arguments(function, name, hints, hidden)
        description, notes = _read_docstring(function)
        self._decoder = msgspec.json.Decoder(arguments)
        self.timeout_s = timeout_s
        self.effect: Effect = effect
        self.inside = inside
        """It changes only documents of its room, so a fork may call it."""
        self.approval: Approval = approval
        self.decide_within_s = decide_within_s
        self.schema = ToolSchema(name, description, _parameters(arguments, notes))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self.schema.name} ({self.effect})>"

    @property
    def is_async(self) -> bool:
        """Whether the function is an `async def`."""
        return self._async

    def with_body(self, function: Callable[..., Any]) -> "FunctionTool":
        """The same tool whose calls go to another function of the same kind: to one in another event loop."""
        other = copy.copy(self)
        other._function = function
        return other

    async def call(self, args: str, call: Call, /) -> Any:
        """Run it with JSON text for arguments. Raises ToolError for bad arguments and for a result of another type than
        it declares, ToolTimeout."""
        try:
            # A model that has nothing to say for arguments may send nothing instead of {}.
            given = self._decoder.decode(args or "{}")
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ToolError(f"bad arguments for {self.schema.name}: {error}; {self._takes()}") from error
        arguments = {field: getattr(given, field) for field in given.__struct_fields__}
        if self._keyed:
            arguments[KEY] = call.key
        arguments |= dict.fromkeys(self._listeners, call)
        return conform(self.schema.name, await self._run(arguments), self._returns)

    async def _run(self, arguments: dict[str, Any]) -> Any:
        name = self.schema.name
        if not self._async:
            return await in_thread(
                name, lambda: self._function(**arguments), self.timeout_s, changes=self.effect != "read"
            )
        with trio.move_on_after(math.inf if self.timeout_s is None else self.timeout_s):
            return await self._function(**arguments)
        raise ToolTimeout(f"{name} took longer than {self.timeout_s:g} s and was cut.")

    def _takes(self) -> str:
        """What there is to give it: whoever misspelt one name is told all of them."""
        parameters: JSON = self.schema.parameters["properties"]
        required = self.schema.parameters.get("required", ())
        named = [name if name in required else f"{name} (optional)" for name in parameters]
        return f"it takes {', '.join(named)}" if named else "it takes nothing"


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(
    *,
    effect: Effect = "write",
    name: str | None = None,
    approval: Approval = "never",
    decide_within_s: float | None = None,
    timeout_s: float | None = None,
    inside: bool = False,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    effect: Effect = "write",
    name: str | None = None,
    approval: Approval = "never",
    decide_within_s: float | None = None,
    timeout_s: float | None = None,
    inside: bool = False,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a function, sync or async: `@tool` or `@tool(effect="read")`.

    `effect` says what a call may change outside (law 7): "read", "idempotent" or "write", and is "write" unless told
    otherwise, because after a crash that is the one that nobody repeats by mistake. An idempotent function may have a
    parameter `key: str`; it gets a string that is the same for every try at one call and different between calls.
    `approval`: "always", "never", or a function of the arguments (a dict), sync or async, that says whether a person
    must say yes first, by True or by the reason that people are shown; after `decide_within_s` seconds without a word
    it is a no. A body that takes longer than `timeout_s` is cut, by default none is: of a write nobody knows then how
    far it came, and a person is asked; of anything else the model is told. `inside`: all that it changes is documents
    of its room, so that it is called in a fork as well, where what changes the world outside is refused.
    Raises TypeError for a signature that no schema can describe, ValueError for a `timeout_s` that is none.
    """

    def make(function: Callable[..., Any]) -> FunctionTool:
        called = name or getattr(function, "__name__", type(function).__name__)
        return FunctionTool(function, effect, called, approval, decide_within_s, timeout_s, inside=inside)

    return make if function is None else make(function)


def _arguments(
    function: Callable[..., Any], name: str, hints: dict[str, Any], hidden: set[str]
) -> type[msgspec.Struct]:
    """A Struct with one field for each parameter that the model fills in."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in hidden:
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"a tool's parameters have names, and {parameter} of {name} has not")
        if parameter.name not in hints:
            raise TypeError(f"a tool's parameters have types, and {parameter.name} of {name} has not")
        kind = hints[parameter.name]
        if parameter.default is parameter.empty:
            fields.append((parameter.name, kind))
        else:
            fields.append((parameter.name, kind, _default(parameter.default)))
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)


def _default(value: Any) -> Any:
    """msgspec copies only empty containers itself and refuses others; a factory is right for every mutable one."""
    if isinstance(value, list | dict | set):
        return msgspec.field(default_factory=value.copy)
    return value


def _parameters(arguments: type[msgspec.Struct], notes: dict[str, str]) -> JSON:
    """The JSON Schema of the arguments, an object at the top, for vendors that follow no reference there."""
    (reference,), definitions = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema: JSON = definitions.pop(reference["$ref"].removeprefix("#/$defs/"))
    schema.pop("title", None)
    for parameter, note in notes.items():
        if parameter in schema["properties"]:
            schema["properties"][parameter].setdefault("description", note)
    if definitions:
        schema["$defs"] = definitions
    return schema


def _read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """What the function does, and a note for each parameter that its `Args:` section names (Google's style)."""
    text, _, section = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    notes: dict[str, str] = {}
    current = ""
    for line in section.splitlines():
        if found := re.fullmatch(r" {2,4}(\w+)(?: \([^)]*\))?: *(.*)", line):
            current, notes[found[1]] = found[1], found[2]
        elif current and line.startswith("     "):
            notes[current] = f"{notes[current]} {line.strip()}"
        elif line.strip():
            break
    return text.strip(), notes
