"""Asking a person: a tool that is carried out by whoever answers, from any tab or device, however long it takes.

The model says what it wants to know; the form of the answer is fixed by whoever gives the tool to an agent, so a model
cannot invent one. The question is a record, so it survives everything, and the answer is the call's result.
"""

from typing import Any

from ..models.model import JSON, ToolSchema
from .tool import Approval, Effect, Question, ToolError


class AskTool:
    """`schema` is the JSON Schema of the answer: an object of fields that people fill in."""

    effect: Effect = "read"
    approval: Approval = "never"

    def __init__(self, name: str, description: str, schema: JSON, decide_within_s: float | None) -> None:
        question = {"type": "string", "description": "What to ask the person, in one or two sentences."}
        parameters = {"type": "object", "properties": {"question": question}, "required": ["question"]}
        self.schema = ToolSchema(name, description, parameters)
        self.question = Question(schema)
        self.decide_within_s = decide_within_s

    async def call(self, args: str, key: str) -> Any:
        """Never called: a step asks a person instead."""
        raise ToolError("a question is answered by a person")


def ask_person(
    answer: JSON | None = None,
    *,
    name: str = "ask_person",
    description: str = "Ask a person for what only they can know or decide.",
    decide_within_s: float | None = None,
) -> AskTool:
    """A tool by which an agent asks a person; `answer` is the JSON Schema of the form, one text field by default."""
    text: JSON = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    return AskTool(name, description, answer or text, decide_within_s)
