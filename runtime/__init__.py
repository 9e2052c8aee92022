"""What is done: rooms, agents, servers, on Trio."""

from .agent.definition import Agent
from .client import connect
from .embed import Runtime
from .tools.ask import ask_person
from .tools.function import tool
from .tools.tool import ToolError

__all__ = ["Agent", "Runtime", "ToolError", "ask_person", "connect", "tool"]
