"""What an agent is: a name, a model, instructions, tools. Everything that it does is in the room's log, not here."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...protocol.budget import Limits
from ...protocol.events import Usage
from ...protocol.flow import FlowFunction, converse
from ...protocol.limits import PROMPT_BYTES, STEP_ATTEMPTS, TOOL_NAMES
from ...protocol.options import DEFAULTS, Options, OutputSchema
from ...protocol.prompts import AgentFacts
from ..models import open_model
from ..models.asking import proposes_titles
from ..models.model import Model, ToolSchema
from ..tools.call import Call
from ..tools.function import NAME
from ..tools.knowledge import knowledge_tool
from ..tools.tool import Approval, Effect, Tool, ToolError, ToolSource
from .code import code_version

NO_LIMITS = Limits()


class Prices(Struct, frozen=True):
    """What a million tokens cost, in the currency in which you count. `cached` is for input that the vendor had in its
    cache; without it, that costs what other input does."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None


class Agent:
    """Somebody who answers prompts.

    `model` is a name as on the command line (`echo`, `openai:gpt-5`) or a Model. `tools` are what it may call, made by
    `@tool`, sources of tools that live elsewhere (`mcp_tools`), and other agents. `knowledge` are functions by which it
    searches in what its host knows: they take what the model asks and return a list of `Source`. `flow` is how it goes
    about its work; the built-in one asks the model and calls the tools that it asks for, until it asks for none.
    `on_second_prompt` says what a prompt means while a run is on: it waits for its turn, is said to the run at work,
    stops that one, or is refused. `limits` are what one run may take.

    `options` is how the model is asked (temperature, reasoning, …), `retries` how often a failed request is tried
    again. A prompt may set those of them that `overrides` names, and `model` among `models`. `output` is the type of
    the answer, or its JSON Schema; an answer that is none of it is asked for again. `prices` make costs known. `title`:
    propose a title for a room that nobody has named. Raises ModelNotOpened if a model cannot be had.
    """

    def __init__(
        self,
        name: str,
        model: str | Model = "demo",
        *,
        instructions: str = "",
        tools: "Sequence[Tool | ToolSource | Agent]" = (),
        knowledge: Sequence[Callable[..., Any]] = (),
        flow: FlowFunction = converse,
        on_second_prompt: Literal["queue", "steer", "interrupt", "reject"] = "queue",
        limits: Limits = NO_LIMITS,
        options: Options = DEFAULTS,
        models: Sequence[str | Model] = (),
        overrides: Collection[str] = (),
        retries: int = STEP_ATTEMPTS - 1,
        output: type[Any] | OutputSchema | None = None,
        prices: Prices | None = None,
        title: bool = True,
    ) -> None:
        self.name = name
        self.model = open_model(model) if isinstance(model, str) else model
        others = [open_model(other) if isinstance(other, str) else other for other in models]
        self.models = {each.name: each for each in (self.model, *others)}
        unknown = sorted(set(overrides) - _OVERRIDABLE)
        if unknown:
            raise ValueError(f"a prompt cannot set {', '.join(unknown)}; it could: {', '.join(sorted(_OVERRIDABLE))}")
        allowed = frozenset(overrides) | ({"model"} if others else set())
        titles: Literal["", "model", "prompt"] = ("model" if proposes_titles(self.model) else "prompt") if title else ""
        self.instructions = instructions
        self.options = options if output is None else replace(options, output=_schema(output))
        self.retries = retries
        self.prices = prices
        self._output = None if isinstance(output, OutputSchema) else output
        taken: list[Tool | ToolSource] = [each.as_tool() if isinstance(each, Agent) else each for each in tools]
        taken += map(knowledge_tool, knowledge)
        self.sources = [each for each in taken if isinstance(each, ToolSource)]
        self._tools: dict[str, Tool] = {each.schema.name: each for each in taken if not isinstance(each, ToolSource)}
        if len(self._tools) + len(self.sources) != len(taken) or _clash(self.sources, self._tools):
            raise ValueError(f"two tools of agent {name} have the same name")
        self.flow = flow
        self.facts = AgentFacts(
            name,
            on_second_prompt,
            allowed,
            tuple(self.models),
            limits,
            titles,
            output is not None,
            code_version(flow, instructions, self._tools.values()),
        )

    @property
    def tools(self) -> dict[str, Tool]:
        """What it may call now, by name; a source's tools come and go."""
        return self._tools | {name: tool for source in self.sources for name, tool in source.tools.items()}

    @property
    def delegates(self) -> "list[Agent]":
        """The agents that it may call as tools."""
        return [tool.agent for tool in self._tools.values() if isinstance(tool, AgentTool)]

    def as_tool(
        self,
        name: str = "",
        description: str = "",
        *,
        approval: Approval = "never",
        decide_within_s: float | None = None,
    ) -> "AgentTool":
        """This agent as a tool of another one: a call is a run of its own, with the argument for its prompt, and its
        last answer, or what its flow returned, is the call's result. `description` tells the model when to call it."""
        name = name or self.name
        if not NAME.fullmatch(name):
            raise ValueError(
                f"a tool's name has 1 to 64 letters, digits, _ or -, and {name!r} has not: give it another"
            )
        return AgentTool(self, name, description, approval, decide_within_s)

    def absent(self, tool: str) -> str:
        """Why a tool that is not in `tools` cannot be called, as a sentence for the model."""
        said = (source.absent(tool) for source in self.sources)
        return next((sentence for sentence in said if sentence), f"There is no tool {tool}; {_there_is(self.tools)}.")

    def model_for(self, name: str) -> Model:
        """The model that a prompt chose, or the agent's own; also if the prompt is older than the agent's present
        models."""
        return self.models.get(name, self.model)

    def check(self, text: str) -> object:
        """The answer as the agent's `output` type. Raises ValueError, which says why it is none."""
        if self._output is not None:
            return msgspec.json.decode(text, type=self._output)
        return msgspec.json.decode(text) if self.options.output is not None else text

    def price(self, usage: Usage) -> int:
        """What an answer cost, in millionths of the currency."""
        if self.prices is None:
            return 0
        cached = self.prices.input if self.prices.cached is None else self.prices.cached
        fresh = max(0, usage.input - usage.cached)
        return round(fresh * self.prices.input + usage.cached * cached + usage.output * self.prices.output)

    @property
    def author(self) -> str:
        """How records name it."""
        return f"agent:{self.name}"

    def __repr__(self) -> str:
        return f"<Agent {self.name} ({self.model.name})>"


class AgentTool:
    """An agent as a tool of another; made by `Agent.as_tool`."""

    effect: Effect = "read"
    question = None
    shows: Literal["", "retrieval"] = ""

    def __init__(
        self, agent: Agent, name: str, description: str, approval: Approval, decide_within_s: float | None
    ) -> None:
        prompt = {"type": "string", "description": "What it should do, with all that it must know to do it."}
        parameters = {"type": "object", "properties": {"prompt": prompt}, "required": ["prompt"]}
        self.agent = agent
        self.schema = ToolSchema(name, description or f"Ask the agent {agent.name} to do something.", parameters)
        self.approval: Approval = approval
        self.decide_within_s = decide_within_s

    def prompt(self, args: str) -> str | None:
        """What the agent is to be asked; None for arguments that say it wrongly, or too much."""
        try:
            prompt = msgspec.json.decode(args or "{}", type=_Prompted).prompt
        except (msgspec.MsgspecError, UnicodeError):
            return None
        return prompt if len(prompt.encode(errors="replace")) <= PROMPT_BYTES else None

    async def call(self, args: str, call: Call, /) -> Any:
        """Never called with arguments that make a run. Raises ToolError for the others."""
        raise ToolError(f"{self.schema.name} takes a prompt of at most {PROMPT_BYTES} bytes, and nothing else")


class _Prompted(Struct, forbid_unknown_fields=True):
    prompt: str


def _there_is(tools: Collection[str]) -> str:
    """What a model could have asked for instead, as far as that is worth its tokens."""
    if not tools:
        return "there is none"
    listed = ", ".join(sorted(tools)[:TOOL_NAMES])
    more = len(tools) - TOOL_NAMES
    return f"there is: {listed}" + (f" and {more} more" if more > 0 else "")


def _clash(sources: Sequence[ToolSource], names: Iterable[str]) -> bool:
    """Whether two sources share a name, or a tool has one that is a source's to give."""
    ours = {f"{source.name}__" for source in sources}
    return len(ours) != len(sources) or any(name.startswith(prefix) for name in names for prefix in ours)


_OVERRIDABLE = frozenset({*Options.__struct_fields__, "model", "retries"})


def _schema(output: type[Any] | OutputSchema) -> OutputSchema:
    """The schema that the vendor is sent for a type: an object at the top, as vendors want it. Raises TypeError."""
    if isinstance(output, OutputSchema):
        return output
    (reference,), definitions = msgspec.json.schema_components([output], ref_template="#/$defs/{name}")
    if "$ref" not in reference:
        raise TypeError(f"an answer's type is a Struct, a dataclass or a TypedDict, and {output!r} is none")
    schema = definitions.pop(reference["$ref"].removeprefix("#/$defs/"))
    if definitions:
        schema["$defs"] = definitions
    return OutputSchema(re.sub(r"[^A-Za-z0-9_-]", "_", getattr(output, "__name__", "answer"))[:64], schema)
