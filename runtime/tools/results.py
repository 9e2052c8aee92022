"""What a tool returned, as JSON text: in the type that it declares, or a sentence about why not.

A result goes to the model and into the log. Dates, enums, Structs and dataclasses are spelt as msgspec spells them.
Bytes are refused, because what JSON makes of them is noise to a model: files are attached instead.
"""

from typing import Any

import msgspec

from ...protocol import limits
from .failures import ToolError

_BYTES = (bytes, bytearray, memoryview)


def declared(kind: Any) -> Any:
    """The declared type if results can be held to it, else Any."""
    if kind in (None, type(None)):
        return Any  # What a function returns that declares nothing of worth is nobody's business.
    try:
        msgspec.json.Decoder(kind)
    except (TypeError, RecursionError):
        return Any
    return kind


def conform(name: str, result: Any, kind: Any) -> Any:
    """The result in its declared type; objects with the right attributes become it. Raises ToolError."""
    if kind is Any:
        return result
    try:
        return msgspec.convert(result, kind, from_attributes=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ToolError(f"{name} was carried out, but what it returned is not what it declares: {error}") from error


def encode(name: str, result: Any) -> bytes:
    """The result as JSON text. Raises ToolError."""
    try:
        plain = msgspec.to_builtins(result, builtin_types=_BYTES)
        if _holds_bytes(plain):
            raise ToolError(f"{name} was carried out, but returned bytes; a tool attaches a file instead.")
        return msgspec.json.encode(plain)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise ToolError(f"{name} was carried out, but returned something that is not JSON: {error}") from error


def shortened(result: bytes, blob: str) -> str:
    """What a model is told, as JSON text, of a result that is too long for it and is kept whole as that blob."""
    decoded = msgspec.json.decode(result)
    text = decoded if isinstance(decoded, str) else result.decode()
    # Escapes may make six bytes of one; it is the characters that a model reads.
    beginning = text.encode()[: limits.TOOL_BEGINNING_BYTES].decode(errors="ignore")
    note = (
        f"The result has {len(result)} bytes of JSON, and a model is shown at most {limits.TOOL_RESULT_BYTES}: this is "
        "its beginning. People can open all of it. Ask for less, if the tool lets you."
    )
    told = {"too_long": True, "bytes": len(result), "blob": blob, "note": note, "beginning": beginning}
    return msgspec.json.encode(told).decode()


def _holds_bytes(plain: Any) -> bool:
    level = [plain]
    while level:
        if any(isinstance(value, _BYTES) for value in level):
            return True
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                deeper += value.values()
            elif isinstance(value, list | tuple):
                deeper += value
        level = deeper
    return False
