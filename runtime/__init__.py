"""What is done: rooms, agents, servers, on Trio."""

from ..protocol.budget import Limits
from ..protocol.flow import FlowRun, StepFailed, flow
from .agent.definition import Agent, Prices
from .client import connect
from .embed import Runtime
from .models import ModelNotOpened
from .room.past import Blame, blame
from .tools.ask import ask_person
from .tools.call import Call, Data, File, Source
from .tools.demo import demo_tools
from .tools.documents import document_tools
from .tools.function import tool
from .tools.knowledge import knowledge
from .tools.tool import ToolError

__all__ = [
    "Agent",
    "Blame",
    "Call",
    "Data",
    "File",
    "FlowRun",
    "Limits",
    "ModelNotOpened",
    "Prices",
    "Runtime",
    "Source",
    "StepFailed",
    "ToolError",
    "ask_person",
    "blame",
    "connect",
    "demo_tools",
    "document_tools",
    "flow",
    "knowledge",
    "tool",
]
