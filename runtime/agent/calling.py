"""One attempt at a tool's step: ask a person where one must say yes, call the tool, and report what came of it."""

import logging
import math
from typing import Any

import msgspec
import trio

from ...protocol import limits
from ...protocol.errors import OutcomeUnknown
from ...protocol.events import (
    ApprovalRequested,
    QuestionAsked,
    ToolDelegated,
    ToolFailed,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolReturned,
    ToolStarted,
)
from ...protocol.moves import Call
from ..room.identity import Surroundings
from ..room.messages import Report
from ..room.room import Room
from ..tools.once import once_tool
from ..tools.tool import OutcomeNotKnown, Tool, ToolError
from .attempt import LONGEST_S, let_pass, whole
from .definition import Agent, AgentTool

log = logging.getLogger("plait.agent")


async def call(room: Room, agent: Agent, move: Call, key: str, surroundings: Surroundings) -> None:
    """One attempt at a tool's call, or the question to a person that must come before it."""
    await trio.lowlevel.checkpoint_if_cancelled()  # As for a model: what was abandoned must not begin.
    tool = _tool(agent, move)
    asked = _asked_first(tool, move, surroundings.now()) if tool is not None and not move.approved else None
    if asked is not None:
        await room.commit(Report(move.run, agent.author, asked))
        return
    delegated = _delegated(tool, move)
    if delegated is not None:
        await room.commit(Report(move.run, agent.author, delegated))
        return
    effect = tool.effect if tool is not None else "read"
    given = move.call.args if move.call.id == move.step else ""  # No answer of a model holds what the flow asked for.
    started = ToolStarted(move.step, move.attempt, move.call.id, move.call.name, effect, args=given)
    if not await room.commit(Report(move.run, agent.author, started)):
        return
    try:
        await trio.lowlevel.checkpoint_if_cancelled()
    except trio.Cancelled:
        await _commit_quietly(room, Report(move.run, agent.author, ToolNotStarted(move.step, move.attempt)))
        raise
    if tool is None:
        event = ToolFailed(move.step, move.attempt, "no-such-tool", agent.absent(move.call.name))
    else:
        event = await _outcome(room, agent, tool, move, key)
    await room.commit(Report(move.run, agent.author, event))


def _tool(agent: Agent, move: Call) -> Tool | None:
    if move.function is not None:
        return once_tool(move.call.name, move.function, move.effect)
    return agent.tools.get(move.call.name)


def _delegated(tool: Tool | None, move: Call) -> ToolDelegated | None:
    """The call of another agent is that one's run to carry out; bad arguments are the tool's to refuse."""
    prompt = tool.prompt(move.call.args) if isinstance(tool, AgentTool) else None
    if not isinstance(tool, AgentTool) or prompt is None:
        return None
    return ToolDelegated(move.step, move.attempt, move.call.id, move.call.name, tool.agent.name, whole(prompt))


def _asked_first(tool: Tool, move: Call, now: int) -> ApprovalRequested | QuestionAsked | None:
    """What a person is asked before this call, if anything. A policy that fails asks: no call slips through a bug."""
    within_s = tool.decide_within_s
    expires_at = None if within_s is None else now + math.ceil(min(within_s, LONGEST_S) * 1_000_000)
    if tool.question is not None:
        question, schema = _question(move.call.args), msgspec.json.encode(tool.question.schema).decode()
        return QuestionAsked(move.step, move.call.id, move.call.name, question, schema, expires_at)
    if tool.approval == "never":
        return None
    reason: bool | str = True
    if tool.approval != "always":
        try:
            reason = tool.approval(_arguments(move.call.args))
        except BaseException as error:
            let_pass(error)
            log.error("the approval policy of tool %s raised", move.call.name, exc_info=error)
            reason = f"The approval policy raised {type(error).__name__}."
    if not reason:
        return None
    why = whole(reason) if isinstance(reason, str) else ""
    return ApprovalRequested(move.step, move.call.id, move.call.name, move.call.args or "{}", why, expires_at)


def _question(args: str) -> str:
    """What the model wants to know; rubbish asks nothing, and the person sees that."""
    try:
        return whole(str(_arguments(args).get("question", "")))
    except RecursionError:
        return ""


def _arguments(args: str) -> dict[str, Any]:
    """The arguments as a policy sees them; a model's rubbish is an empty object, which the call itself will refuse.
    Raises RecursionError for what is nested too deeply."""
    try:
        return msgspec.json.decode(args, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


async def _outcome(
    room: Room, agent: Agent, tool: Tool, move: Call, key: str
) -> ToolReturned | ToolFailed | ToolOutcomeUnknown:
    try:
        result = msgspec.json.encode(await tool.call(move.call.args, key))
    except ToolError as error:
        return ToolFailed(move.step, move.attempt, "tool-error", whole(str(error)))
    except OutcomeNotKnown as error:
        log.warning("room %s: the outcome of %s is not known: %s", room.name, move.call.name, error)
        if tool.effect == "write":
            return ToolOutcomeUnknown(move.step, move.attempt)
        return ToolFailed(move.step, move.attempt, "tool-error", whole(str(error)))
    except BaseException as error:
        try:
            let_pass(error)
        except BaseException:  # What passes is cancelled, whatever else was raised while it was.
            await _commit_quietly(room, Report(move.run, agent.author, _cut(move, tool.effect)))
            raise
        log.error("room %s: tool %s raised %s", room.name, move.call.name, type(error).__name__, exc_info=error)
        return ToolFailed(move.step, move.attempt, "tool-bug", f"The tool raised {type(error).__name__}.")
    if len(result) > limits.TOOL_RESULT_BYTES:
        message = f"The result has more than {limits.TOOL_RESULT_BYTES} bytes."
        return ToolFailed(move.step, move.attempt, "tool-result-too-large", message)
    return ToolReturned(move.step, move.attempt, result.decode())


def _cut(move: Call, effect: str) -> ToolFailed | ToolOutcomeUnknown:
    """What a cancelled tool leaves behind: of a write nobody can say how far it came."""
    if effect == "write":
        return ToolOutcomeUnknown(move.step, move.attempt)
    return ToolFailed(move.step, move.attempt, "tool-cancelled", "The call was cancelled.")


async def _commit_quietly(room: Room, report: Report) -> None:
    """A cancelled step's last word; if it cannot be written, recovery says the same."""
    try:
        await room.commit(report)
    except OutcomeUnknown:
        log.warning("room %s: a cancelled step's end is left to recovery", room.name)
