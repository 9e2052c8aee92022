"""Asking a person: a tool that is carried out by whoever answers, from any tab or device, however long it takes.

The model says what it wants to know; the form of the answer is fixed by whoever gives the tool to an agent, so a model
cannot invent one. The question is a record, so it survives everything, and the answer is the call's result.
"""

from typing import Any, Literal

import msgspec

from ...protocol.forms import check_schema
from ...protocol.limits import FORM_BYTES
from ..models.model import JSON, ToolSchema
from .call import Call
from .tool import Approval, Effect, Question, ToolError


class AskTool:
    """`schema` is the JSON Schema of the answer: an object of fields that people fill in."""

    effect: Effect = "read"
    approval: Approval = "never"
    shows: Literal["", "retrieval"] = ""

    def __init__(self, name: str, description: str, schema: JSON, decide_within_s: float | None) -> None:
        question = {"type": "string", "description": "What to ask the person, in one or two sentences."}
        parameters = {"type": "object", "properties": {"question": question}, "required": ["question"]}
        self.schema = ToolSchema(name, description, parameters)
        self.question = Question(schema)
        self.decide_within_s = decide_within_s

    async def call(self, args: str, call: Call, /) -> Any:
        """Never called: a step asks a person instead."""
        raise ToolError("a question is answered by a person")


def ask_person(
    answer: JSON | None = None,
    *,
    name: str = "ask_person",
    description: str = "Ask a person for what only they can know or decide.",
    decide_within_s: float | None = None,
) -> AskTool:
    """A tool by which an agent asks a person; `answer` is the JSON Schema of the form, one text field by default.

    Answers that do not fit it are refused and the question stays. Raises ValueError for what is no JSON Schema, refers
    to others, or has more than `FORM_BYTES`.
    """
    text: JSON = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    form = answer or text
    check_schema(form)
    if len(msgspec.json.encode(form)) > FORM_BYTES:
        raise ValueError(f"a form may have {FORM_BYTES} bytes of JSON Schema")
    return AskTool(name, description, form, decide_within_s)
