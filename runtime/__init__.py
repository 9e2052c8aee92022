"""What is done: rooms, agents, servers, on Trio."""

from .agent.definition import Agent
from .client import connect
from .embed import Runtime
from .models import ModelNotOpened
from .tools.ask import ask_person
from .tools.demo import demo_tools
from .tools.function import tool
from .tools.tool import ToolError

__all__ = ["Agent", "ModelNotOpened", "Runtime", "ToolError", "ask_person", "connect", "demo_tools", "tool"]
