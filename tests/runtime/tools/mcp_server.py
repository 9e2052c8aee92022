"""A real MCP server on the official SDK, with a tool for each thing that can happen to a call.

`python mcp_server.py NOTES` speaks stdio, `python mcp_server.py NOTES PORT` streamable HTTP on loopback. What its tools
did is a line each in the file NOTES, so that a test can read what really happened.
"""

import os
import sys

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import EmbeddedResource, ImageContent, TextContent, TextResourceContents, ToolAnnotations

NOTES = sys.argv[1]
server = MCPServer("test", log_level="CRITICAL")


def note(line: str) -> None:
    with open(NOTES, "a") as file:
        file.write(f"{line}\n")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def look(city: str) -> dict[str, str]:
    """What the weather is like."""
    return {"city": city, "sky": "blue"}


@server.tool(name="put.it/there", annotations=ToolAnnotations(idempotent_hint=True), structured_output=False)
def put(what: str) -> str:
    """Put it there."""
    note(f"put {what}")
    return f"put {what}"


@server.tool(structured_output=False)
def mixed() -> list[TextContent | ImageContent | EmbeddedResource]:
    """All kinds of things."""
    file = TextResourceContents(uri="file:///a.txt", text="in the file")
    return [
        TextContent(type="text", text="a line"),
        ImageContent(type="image", data="aGk=", mime_type="image/png"),
        EmbeddedResource(type="resource", resource=file),
    ]


@server.tool(annotations=ToolAnnotations(read_only_hint=True), structured_output=False)
async def stepwise(ctx: Context) -> str:
    """Tell how far it is, with and without an end in sight."""
    await ctx.report_progress(1, 4, "a quarter")
    await ctx.report_progress(2)
    await ctx.report_progress(4, 4, "all")
    return "done"


@server.tool()
def huge() -> str:
    """Too much."""
    return "x" * (300 << 10)


@server.tool()
def refuse() -> str:
    """Say no."""
    raise ToolError("the shop is closed")


@server.tool()
def environment() -> dict[str, str]:
    """What this process was given."""
    return dict(os.environ)


@server.tool()
async def wait() -> str:
    """Wait for ever, and note being told not to."""
    note(f"waiting {os.getpid()}")
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        note("cancelled")
        raise
    return ""


@server.tool()
async def grow(ctx: Context) -> str:
    """Learn another tool, and tell."""

    def grown() -> str:
        """What was learnt."""
        return "new"

    server.add_tool(grown)
    await ctx.session.send_tool_list_changed()
    await ctx.notify_tools_changed()
    return "grown"


@server.tool()
def crash() -> str:
    """Do something and die before the answer."""
    note(f"crashed {os.getpid()}")
    os._exit(3)


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def crash_reading() -> str:
    """Die without having done anything."""
    os._exit(3)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run("stdio")
