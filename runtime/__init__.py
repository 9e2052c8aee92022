"""What is done: rooms, agents, servers, on Trio. Each name loads its module when it is asked for."""

from typing import TYPE_CHECKING

from ..protocol.deferred import deferred

if TYPE_CHECKING:
    from ..protocol.access import Grant
    from ..protocol.admission import Allowance
    from ..protocol.budget import Limits
    from ..protocol.digests import call_digest
    from ..protocol.flow import FlowRun, StepFailed, flow
    from ..protocol.forks import Change, Wanted
    from ..protocol.tokens import BadKey
    from .agent.definition import Agent, Prices
    from .auth.gate import Asker, Auth
    from .auth.keyring import KeyRing, keys_from_file, keys_from_url, keys_of
    from .client import connect
    from .embed import Runtime
    from .models import ModelNotOpened
    from .replay.calls import CalledBy, called_by
    from .replay.effects import Effects, effects
    from .replay.exporting import EVERYBODY, export
    from .replay.fork import Fork, Lineage, fork, lineage
    from .replay.importing import Imported, import_
    from .replay.merge import Merged, merge
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
else:
    __getattr__ = deferred(
        __name__,
        {
            "..protocol.access": "Grant",
            "..protocol.admission": "Allowance",
            "..protocol.budget": "Limits",
            "..protocol.digests": "call_digest",
            "..protocol.flow": "FlowRun StepFailed flow",
            "..protocol.forks": "Change Wanted",
            "..protocol.tokens": "BadKey",
            ".agent.definition": "Agent Prices",
            ".auth.gate": "Asker Auth",
            ".auth.keyring": "KeyRing keys_from_file keys_from_url keys_of",
            ".client": "connect",
            ".embed": "Runtime",
            ".models": "ModelNotOpened",
            ".replay.calls": "CalledBy called_by",
            ".replay.effects": "Effects effects",
            ".replay.exporting": "EVERYBODY export",
            ".replay.importing": "Imported import_",
            ".replay.fork": "Fork Lineage fork lineage",
            ".replay.merge": "Merged merge",
            ".replay.moment": "Moment moment",
            ".replay.rerun": "Divergence Rerun rerun",
            ".room.past": "Blame blame",
            ".server.peer": "BadProxy",
            ".server.tls": "BadCertificate Certificate",
            ".tools.ask": "ask_person",
            ".tools.call": "Call Data File Source",
            ".tools.demo": "demo_tools",
            ".tools.documents": "document_tools",
            ".tools.function": "tool",
            ".tools.knowledge": "knowledge",
            ".tools.tool": "ToolError",
        },
    )

__all__ = [
    "EVERYBODY",
    "Agent",
    "Allowance",
    "Asker",
    "Auth",
    "BadCertificate",
    "BadKey",
    "BadProxy",
    "Blame",
    "Call",
    "CalledBy",
    "Certificate",
    "Change",
    "Data",
    "Divergence",
    "Effects",
    "File",
    "FlowRun",
    "Fork",
    "Grant",
    "Imported",
    "KeyRing",
    "Limits",
    "Lineage",
    "Merged",
    "ModelNotOpened",
    "Moment",
    "Prices",
    "Rerun",
    "Runtime",
    "Source",
    "StepFailed",
    "ToolError",
    "Wanted",
    "ask_person",
    "blame",
    "call_digest",
    "called_by",
    "connect",
    "demo_tools",
    "document_tools",
    "effects",
    "export",
    "flow",
    "fork",
    "import_",
    "keys_from_file",
    "keys_from_url",
    "keys_of",
    "knowledge",
    "lineage",
    "merge",
    "moment",
    "rerun",
    "tool",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
