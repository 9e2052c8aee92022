"""An MCP server of 2025 in plain Python: it knows `initialize` and no newer word, lists in pages, tells of changes
unasked, and says rubbish before it speaks. Told to be `endless` it lists without end, `wordy` at length.

Most servers out there are such; the SDK's own would speak the newest protocol only.
"""

import json
import sys
from typing import Any

TOOLS = ["one", "two"]


def say(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    if method == "initialize":
        capabilities = {"tools": {"listChanged": True}}
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": capabilities,
            "serverInfo": {"name": "o", "version": "1"},
        }
    if method == "tools/list":
        at = int(params.get("cursor", "0"))
        if "endless" in sys.argv:
            return {"tools": [{"name": f"t{at}", "inputSchema": {"type": "object"}}], "nextCursor": str(at + 1)}
        length = (300 << 10) * at if "wordy" in sys.argv else 0
        listed = {"name": TOOLS[at], "description": "x" * length, "inputSchema": {"type": "object"}}
        page: dict[str, Any] = {"tools": [listed]}
        return {**page, "nextCursor": str(at + 1)} if at + 1 < len(TOOLS) else page
    if method == "tools/call":
        TOOLS.append("three")
        say(method="notifications/tools/list_changed")
        return {"content": [{"type": "text", "text": f"did {params['name']}"}]}
    return None


print("Starting up!", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = answer(asked["method"], asked.get("params", {}))
        if result is None:
            say(id=asked["id"], error={"code": -32601, "message": "Method not found"})
        else:
            say(id=asked["id"], result=result)
