"""What is done: rooms, agents, servers, on Trio."""

from ..protocol.access import Grant
from ..protocol.admission import Allowance
from ..protocol.budget import Limits
from ..protocol.digests import call_digest
from ..protocol.flow import FlowRun, StepFailed, flow
from ..protocol.tokens import BadKey
from .agent.definition import Agent, Prices
from .auth.gate import Asker, Auth
from .auth.keyring import KeyRing, keys_from_file, keys_from_url, keys_of
from .client import connect
from .embed import Runtime
from .models import ModelNotOpened
from .replay.effects import Effects, effects
from .replay.moment import Moment, moment
from .replay.rerun import Divergence, Rerun, rerun
from .room.past import Blame, blame
from .server.peer import BadProxy
from .server.tls import BadCertificate, Certificate
from .tools.ask import ask_person
from .tools.call import Call, Data, File, Source
from .tools.demo import demo_tools
from .tools.documents import document_tools
from .tools.function import tool
from .tools.knowledge import knowledge
from .tools.tool import ToolError

__all__ = [
    "Agent",
    "Allowance",
    "Asker",
    "Auth",
    "BadCertificate",
    "BadKey",
    "BadProxy",
    "Blame",
    "Call",
    "Certificate",
    "Data",
    "Divergence",
    "Effects",
    "File",
    "FlowRun",
    "Grant",
    "KeyRing",
    "Limits",
    "ModelNotOpened",
    "Moment",
    "Prices",
    "Rerun",
    "Runtime",
    "Source",
    "StepFailed",
    "ToolError",
    "ask_person",
    "blame",
    "call_digest",
    "connect",
    "demo_tools",
    "document_tools",
    "effects",
    "flow",
    "keys_from_file",
    "keys_from_url",
    "keys_of",
    "knowledge",
    "moment",
    "rerun",
    "tool",
]
