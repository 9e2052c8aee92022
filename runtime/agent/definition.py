"""What an agent is: a name, a model, instructions, tools. Everything that it does is in the room's log, not here."""

from collections.abc import Sequence
from typing import Literal

from ...protocol.flow import FlowFunction, converse
from ...protocol.judge import AgentFacts
from ..models import open_model
from ..models.model import Model
from ..tools.tool import Tool


class Agent:
    """Somebody who answers prompts.

    `model` is a name as on the command line (`echo`, `openai:gpt-5`) or a Model. `tools` are what it may call, made by
    `@tool`. `flow` is how it goes about its work; the built-in one asks the model and calls the tools that it asks for,
    until it asks for none. `on_second_prompt` says what a prompt means while a run is on: it waits for its turn, is
    said to the run at work, stops that one, or is refused. Raises ModelNotOpened if the model cannot be had.
    """

    def __init__(
        self,
        name: str,
        model: str | Model = "demo",
        *,
        instructions: str = "",
        tools: Sequence[Tool] = (),
        flow: FlowFunction = converse,
        on_second_prompt: Literal["queue", "steer", "interrupt", "reject"] = "queue",
    ) -> None:
        self.name = name
        self.facts = AgentFacts(name, on_second_prompt)
        self.model = open_model(model) if isinstance(model, str) else model
        self.instructions = instructions
        self.tools = {tool.schema.name: tool for tool in tools}
        if len(self.tools) != len(tools):
            raise ValueError(f"two tools of agent {name} have the same name")
        self.flow = flow

    @property
    def author(self) -> str:
        """How records name it."""
        return f"agent:{self.name}"

    def __repr__(self) -> str:
        return f"<Agent {self.name} ({self.model.name})>"
