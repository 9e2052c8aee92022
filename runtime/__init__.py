"""What is done: rooms, agents, servers, on Trio."""

from ..protocol.budget import Limits
from ..protocol.flow import FlowRun, StepFailed, flow
from .agent.definition import Agent, Prices
from .client import connect
from .embed import Runtime
from .models import ModelNotOpened
from .tools.ask import ask_person
from .tools.demo import demo_tools
from .tools.function import tool
from .tools.tool import ToolError

__all__ = [
    "Agent",
    "FlowRun",
    "Limits",
    "ModelNotOpened",
    "Prices",
    "Runtime",
    "StepFailed",
    "ToolError",
    "ask_person",
    "connect",
    "demo_tools",
    "flow",
    "tool",
]
