"""A conversation in the shape of chat completions, which OpenAI, the servers compatible with it, echo and demo share.

Instructions are the first message, because that is where chat completions want them. Keys stand in a fixed order, so
that equal conversations have equal bytes and a longer one begins with the bytes of the shorter.
"""

from collections.abc import Sequence
from typing import assert_never

from .model import JSON, Assistant, Message, Result, ToolSchema, User


def chat_messages(instructions: str, messages: Sequence[Message]) -> list[JSON]:
    """The conversation as a list of `{role, content, …}`; a failed result says so in its text, there is no field."""
    head = [{"role": "system", "content": instructions}] if instructions else []
    return head + [_message(message) for message in messages]


def _message(message: Message) -> JSON:
    match message:
        case User(text=text):
            return {"role": "user", "content": text}
        case Assistant(text=text, calls=calls):
            said: JSON = {"role": "assistant", "content": text}
            if calls:
                said["tool_calls"] = [
                    {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.args or "{}"}}
                    for call in calls
                ]
            return said
        case Result(call=call, text=text, failed=failed):
            return {"role": "tool", "tool_call_id": call, "content": f"Error: {text}" if failed else text}
    assert_never(message)


def chat_tools(tools: Sequence[ToolSchema]) -> list[JSON]:
    """The tools as chat completions take them."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]
