"""What an MCP server says in plait's words: the names of its tools, their effects, and their results as JSON.

Pure, and without the SDK at hand: a name that is in a log must mean the same tool whatever runs later, so it depends on
the two names alone and never on what else a server lists.
"""

import base64
import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

from ..models.model import JSON, ToolSchema
from .call import Call
from .tool import Effect, ToolError

if TYPE_CHECKING:
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import CallToolResult, ContentBlock, Tool, ToolAnnotations

SERVER = re.compile(r"(?=.{1,24}$)[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*")
"""A server's name: short, so that its tools' names have room; no two underscores together and none at its ends, so that
the first `__` of a tool's name is where the server's name ends."""

_NAME_CHARS = 64
_DIGEST_CHARS = 8


def full_name(server: str, tool: str) -> str:
    """The name that the model says: `server__tool`, 1 to 64 letters, digits, `_` and `-`.

    A tool's name that does not fit is cut and made safe, and a part of its hash keeps it apart from its neighbours.
    """
    clean = re.sub(r"[^A-Za-z0-9_-]", "_", tool)
    room = _NAME_CHARS - len(server) - len("__")
    if clean == tool and 0 < len(tool) <= room:
        return f"{server}__{tool}"
    digest = hashlib.sha256(tool.encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{server}__{clean[: room - _DIGEST_CHARS - 1]}_{digest}"


def effect_of(annotations: "ToolAnnotations | None") -> Effect:
    """What a call may change. The annotations are the server's own word; one that says nothing may change anything."""
    if annotations is None:
        return "write"
    if annotations.read_only_hint:
        return "read"
    return "idempotent" if annotations.idempotent_hint else "write"


def schema_of(name: str, tool: "Tool") -> ToolSchema:
    """The tool as a model sees it. Vendors want an object with properties at the top, which servers may leave out."""
    parameters: JSON = {"type": "object", "properties": {}, **tool.input_schema}
    return ToolSchema(name, tool.description or tool.title or "", parameters)


def result_of(answer: "CallToolResult", call: Call) -> Any:
    """A result as JSON: what is structured as it is, one text as a string, several blocks as a list.

    The texts beside a structured result repeat it for clients that do not know structure, so they are left out.
    Pictures, sounds and other bytes are attached to the call, and their place says so.
    """
    if answer.structured_content is not None:
        told = [_block(block, call) for block in answer.content if block.type != "text"]
        return [answer.structured_content, *told] if told else answer.structured_content
    blocks = [_block(block, call) for block in answer.content]
    return blocks[0] if len(blocks) == 1 else blocks


def error_of(answer: "CallToolResult") -> str:
    """What a failed call says, for the model."""
    said = "\n".join(block.text for block in answer.content if block.type == "text").strip()
    return said or "the server says that it failed, and not why"


def heard(call: Call) -> "ProgressFnT":
    """What hears of a call's progress: servers count in units of their own, up to a total that they may not know."""

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        known = total is not None and math.isfinite(progress) and math.isfinite(total) and total > 0
        call.progress(message or "", progress / total if known and total else None)

    return hear


def _block(block: "ContentBlock", call: Call) -> Any:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return _attached(call, block.data, block.mime_type, "")
        case "resource_link":
            return {"uri": str(block.uri), "name": block.name}
        case "resource":
            uri, text = str(block.resource.uri), getattr(block.resource, "text", None)
            if text is not None:
                return {"uri": uri, "text": text}
            data: str = getattr(block.resource, "blob", "")
            return _attached(call, data, block.resource.mime_type or _UNKNOWN, uri.rstrip("/").rpartition("/")[2])


_UNKNOWN = "application/octet-stream"
"""The type of bytes that say nothing of themselves (RFC 2046, 4.5.1)."""


def _attached(call: Call, data: str, kind: str, name: str) -> Any:
    """What the model reads where the file was; one that cannot be taken is left out, and the rest is not."""
    try:
        content = base64.b64decode(data, validate=True)
        call.attach(content, kind, name)
    except (ValueError, ToolError) as error:
        return f"[Here the tool returned a file of type {kind}, which is left out: {error}]"
    told = {"file": name} if name else {}
    return {**told, "media_type": kind, "bytes": len(content), "note": "attached to this result"}
