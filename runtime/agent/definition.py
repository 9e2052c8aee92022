"""What an agent is: a name, a model, instructions, tools. Everything that it does is in the room's log, not here."""

from collections.abc import Iterable, Sequence
from typing import Literal

from ...protocol.flow import FlowFunction, converse
from ...protocol.judge import AgentFacts
from ..models import open_model
from ..models.model import Model
from ..tools.tool import Tool, ToolSource


class Agent:
    """Somebody who answers prompts.

    `model` is a name as on the command line (`echo`, `openai:gpt-5`) or a Model. `tools` are what it may call, made by
    `@tool`, and sources of tools that live elsewhere (`mcp_tools`). `flow` is how it goes about its work; the built-in
    one asks the model and calls the tools that it asks for, until it asks for none. `on_second_prompt` says what
    a prompt means while a run is on: it waits for its turn, is said to the run at work, stops that one, or is refused.
    Raises ModelNotOpened if the model cannot be had.
    """

    def __init__(
        self,
        name: str,
        model: str | Model = "demo",
        *,
        instructions: str = "",
        tools: Sequence[Tool | ToolSource] = (),
        flow: FlowFunction = converse,
        on_second_prompt: Literal["queue", "steer", "interrupt", "reject"] = "queue",
    ) -> None:
        self.name = name
        self.facts = AgentFacts(name, on_second_prompt)
        self.model = open_model(model) if isinstance(model, str) else model
        self.instructions = instructions
        self.sources = [each for each in tools if isinstance(each, ToolSource)]
        self._tools = {each.schema.name: each for each in tools if not isinstance(each, ToolSource)}
        if len(self._tools) + len(self.sources) != len(tools) or _clash(self.sources, self._tools):
            raise ValueError(f"two tools of agent {name} have the same name")
        self.flow = flow

    @property
    def tools(self) -> dict[str, Tool]:
        """What it may call now, by name; a source's tools come and go."""
        return self._tools | {name: tool for source in self.sources for name, tool in source.tools.items()}

    def absent(self, tool: str) -> str:
        """Why a tool that is not in `tools` cannot be called, as a sentence for the model."""
        said = (source.absent(tool) for source in self.sources)
        return next((sentence for sentence in said if sentence), f"There is no tool {tool}.")

    @property
    def author(self) -> str:
        """How records name it."""
        return f"agent:{self.name}"

    def __repr__(self) -> str:
        return f"<Agent {self.name} ({self.model.name})>"


def _clash(sources: Sequence[ToolSource], names: Iterable[str]) -> bool:
    """Whether two sources share a name, or a tool has one that is a source's to give."""
    ours = {f"{source.name}__" for source in sources}
    return len(ours) != len(sources) or any(name.startswith(prefix) for name in names for prefix in ours)
