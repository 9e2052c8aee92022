"""What people say is what the form asks for, before it counts."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from plait.protocol import limits
from plait.protocol.commands import Answer, Approve
from plait.protocol.errors import Refused
from plait.protocol.events import ApprovalRequested, QuestionAsked, Record
from plait.runtime import Agent, Runtime, ask_person, tool
from plait.runtime.embed import RoomHandle
from plait.storage.memory import MemoryStore

from .scripted import Scripted, answered, calls, says
from .test_decisions import asked, call_of, until


async def told(room: RoomHandle, command: Any) -> str:
    """Why the command is refused."""
    with pytest.raises(Refused) as error:
        await room.decide(command)
    assert error.value.code == "bad-answer"
    return error.value.message


async def test_a_bad_answer_uses_nothing_up() -> None:
    """DE15: the question stays, the same person may say it again under the same id, and any other as well."""
    form = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}, "required": ["size"]}
    model = Scripted(lambda r: says("Fine.") if answered(r) else calls(("c", "ask_person", '{"question":"Which?"}')))
    async with Runtime(MemoryStore(), [Agent("desk", model, tools=[ask_person(form)])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        step = await asked(room)
        head = len([record async for record in _so_far(room)])
        assert "At $.size: " in await told(room, Answer(id="a", run=run, step=step, answer={"size": 0}))
        assert "At $: " in await told(room, Answer(id="b", run=run, step=step, answer="three"))
        assert len([record async for record in _so_far(room)]) == head
        await room.by("ada").decide(Answer(id="a", run=run, step=step, answer={"size": 3}))
        assert call_of(await room.wait(run))["result"] == '{"size":3}'


async def _so_far(room: RoomHandle) -> AsyncIterator[Record]:
    async for record in room.follow():
        yield record
        if isinstance(record.event, QuestionAsked):
            return


async def test_edited_arguments_are_what_the_tool_takes() -> None:
    """DE15: the schema is in the log beside the question, so a process without the tool judges alike."""
    sent: list[int] = []

    @tool(approval="always")
    async def send(copies: int) -> str:
        sent.append(copies)
        return "sent"

    model = Scripted(lambda r: says("Done.") if answered(r) else calls(("c", "send", '{"copies":1}')))
    async with Runtime(MemoryStore(), [Agent("desk", model, tools=[send])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        event = (await until(room, ApprovalRequested)).event
        assert isinstance(event, ApprovalRequested)
        assert json.loads(event.schema) == send.schema.parameters
        assert call_of((await room.runs())[run])["schema"] == event.schema
        wrong = Approve(id="y", run=run, step=event.step, args={"copies": "two"})
        assert await told(room, wrong) == 'At $.copies: what is there is not of type "integer"'
        assert "unexpected" in await told(room, Approve(id="y", run=run, step=event.step, args={"copies": 2, "to": 1}))
        await room.decide(Approve(id="y", run=run, step=event.step, args={"copies": 2}))
        await room.wait(run)
    assert sent == [2]


def test_a_form_is_checked_where_it_is_made() -> None:
    """DE15: so that no question is asked that nobody can answer by its form."""
    with pytest.raises(ValueError, match="JSON Schema"):
        ask_person({"type": "rainbow"})
    with pytest.raises(ValueError, match=f"{limits.FORM_BYTES} bytes"):
        ask_person({"type": "string", "description": "x" * limits.FORM_BYTES})
