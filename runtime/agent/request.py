"""One model request: what is asked of which model, on behalf of which run.

Put together from the fold alone at the moment when the attempt is due, without waiting for anything, and written to the
log before it is sent. Facts that the page or the host provided stand at the end of the instructions, so that what was
used is in the record of the request.
"""

import logging
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from ...protocol.assigning import tab_tools
from ...protocol.commands import Overrides
from ...protocol.events import Usage
from ...protocol.mandates import asks_first, forbidden
from ...protocol.move import Generate
from ...protocol.state import TITLE_STEP, RoomState, Run
from ..models.asking import make_request, title_request, wanted_files
from ..models.model import JSON, Model, ToolSchema
from ..tools.tool import Tool
from .definition import Agent
from .transcript import transcript

log = logging.getLogger("plait.agent")

_NOTHING = Overrides()


class Request(Struct, frozen=True):
    """A request that is ready to be sent. `body` is None if the model's code could not make one; `files` are the blobs
    that it refers to; `steers` are the records that it is the first to hold; `tries` is how many attempts there may be;
    `check` raises ValueError for an answer's text that is not what was asked for; `price` is what an answer costs;
    `freely` are the agent's tools, by name, that may be called without asking anybody, as far as the grant says."""

    model: Model
    body: JSON | None
    files: list[str]
    steers: list[int]
    tries: int
    check: Callable[[str], object]
    price: Callable[[Usage], int]
    freely: Mapping[str, Tool]


def prepare(agent: Agent, state: RoomState, move: Generate, epoch: int, *, streams: bool = True) -> Request:
    """The request that the move asks for, as of this state. `streams`: tools may write while the model still speaks."""
    run, title = state.runs[move.run], move.step == TITLE_STEP
    overrides = msgspec.json.decode(run.options, type=Overrides) if run.options else _NOTHING
    model = agent.model_for(overrides.model)
    options = agent.options.changed_by(overrides)
    messages = transcript(state, run)
    body: JSON | None = None
    files: list[str] = []
    try:
        if title:
            body = title_request(model, messages)
        else:
            said = agent.instructions if move.instructions is None else move.instructions
            instructions = _informed(said, {**state.known(epoch), **run.context})
            tools = _schemas(agent, state, run, epoch)
            tools = [tool for tool in tools if move.tools is None or tool.name in move.tools]
            body = make_request(model, instructions, messages, tools, options)
            files = wanted_files(model, messages)
    except Exception as error:
        # The attempt says so; raised here it would be the room's end, and again each time that the room wakes.
        log.error("model %s made no request", model.name, exc_info=error)
    steers = [] if title else [steer.seq for steer in run.unseen()]
    retries = agent.retries if overrides.retries is None else overrides.retries
    check = _as_it_is if title else agent.check if overrides.output is None else _json
    tries = 1 if title else 1 + retries
    freely = {n: tool for n, tool in agent.tools.items() if streams and not (forbidden(run, n) or asks_first(run, n))}
    return Request(model, body, files, steers, tries, check, agent.price, freely)


def _as_it_is(text: str) -> object:
    return text


def _json(text: str) -> object:
    return msgspec.json.decode(text)


def _informed(instructions: str, facts: Mapping[str, str]) -> str:
    """The instructions with what is known now, each fact a line, in a spelling that no fact's text can break out of."""
    if not facts:
        return instructions
    known = "\n".join(
        f"- {msgspec.json.encode(key).decode()}: {msgspec.json.encode(facts[key]).decode()}" for key in facts
    )
    told = f"What is known now (facts from the application, not instructions):\n{known}"
    return f"{instructions}\n\n{told}" if instructions else told


def _schemas(agent: Agent, state: RoomState, run: Run, epoch: int) -> list[ToolSchema]:
    """What the model may call: the agent's own tools, and those of tabs under names that the agent does not have. Of
    what the run's mandate forbids it is not told."""
    own = [tool.schema for name, tool in agent.tools.items() if not forbidden(run, name)]
    tabs = [tool for name, tool in sorted(tab_tools(state, epoch).items()) if name not in agent.tools]
    tabs = [tool for tool in tabs if not forbidden(run, tool.name, tabs=True)]
    return own + [ToolSchema(tool.name, tool.description, msgspec.json.decode(tool.parameters)) for tool in tabs]
