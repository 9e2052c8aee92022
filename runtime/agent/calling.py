"""One attempt at a tool's step: ask a person where one must say yes, call the tool, and report what came of it."""

import hashlib
import inspect
import logging
import math
from functools import partial
from typing import Any

import msgspec
import trio

from ...protocol import limits
from ...protocol.blocking import CODE
from ...protocol.errors import OutcomeUnknown
from ...protocol.events import (
    ApprovalRequested,
    Came,
    QuestionAsked,
    ToolDelegated,
    ToolFailed,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolRefused,
    ToolReturned,
    ToolStarted,
)
from ...protocol.mandates import ASKED, asks_first, grant_of
from ...protocol.move import Call as CallMove
from ...protocol.recalling import rest_of
from ...protocol.state import Run
from ..replay.recorded import Recorded
from ..room.identity import Surroundings
from ..room.merging import Diverged
from ..room.reports import Recalled, Report
from ..room.room import Room
from ..tools.call import Call
from ..tools.once import once_tool
from ..tools.results import encode, shortened
from ..tools.tool import OutcomeNotKnown, Tool, ToolError
from .attempt import let_pass, whole
from .definition import Agent, AgentTool
from .desk import AtDesk
from .recalling import happens_again
from .reporting import Reporting, keep

log = logging.getLogger("plait.agent")

Outcome = ToolReturned | ToolFailed | ToolOutcomeUnknown


async def call(
    room: Room,
    agent: Agent,
    move: CallMove,
    run: Run,
    key: str,
    surroundings: Surroundings,
    came: Came | None = None,
    recorded: Recorded | None = None,
) -> None:
    """One attempt at a tool's call, or the question to a person that must come before it. `came` is what was written of
    its text while it streamed. `run` is read before anything is waited for: what it may do never changes. In a fork
    that goes on by the record (`recorded`) its outcome is what the record has."""
    must_ask = move.function is None and asks_first(run, move.call.name)
    await trio.lowlevel.checkpoint_if_cancelled()  # As for a model: what was abandoned must not begin.
    tool = _tool(agent, move)
    given = move.call.args if move.call.id == move.step else ""  # No answer of a model holds what the flow asked for.
    if recorded is not None and await _again(room, tool, move, run, recorded):
        return
    why = room.blocks(tool.effect) if tool is not None and not getattr(tool, "inside", False) else ""
    if why:
        refused = ToolRefused(move.step, move.call.id, move.call.name, CODE, why, given)
        await room.commit(Report(move.run, agent.author, refused))
        return
    asked = (
        await asked_first(agent, tool, move, surroundings.now(), must_ask)
        if tool is not None and not move.approved
        else None
    )
    if asked is not None:
        if recorded is not None:
            room.post(Diverged(move.run, move.step, f"a person, before {move.call.name}"))
        else:
            await room.commit(Report(move.run, agent.author, asked))
        return
    delegated = _delegated(tool, move)
    if delegated is not None:
        await room.commit(Report(move.run, agent.author, delegated))
        return
    effect, shows = (tool.effect, tool.shows) if tool is not None else ("read", "")
    started = ToolStarted(move.step, move.attempt, move.call.id, move.call.name, effect, shows, given)
    if not await room.commit(Report(move.run, agent.author, started)):
        return
    try:
        await trio.lowlevel.checkpoint_if_cancelled()
    except trio.Cancelled:
        await _commit_quietly(room, Report(move.run, agent.author, ToolNotStarted(move.step, move.attempt)))
        raise
    if tool is None:
        event = ToolFailed(move.step, move.attempt, "no-such-tool", agent.absent(move.call.name))
        await room.commit(Report(move.run, agent.author, event))
    else:
        desk = AtDesk(room, agent.author, move)
        about = partial(Call, key, room=room.name, run=move.run, step=move.step, attempt=move.attempt)
        at_work = about(desk=desk, came=came, grant=grant_of(run))
        await _carry_out(room, agent, tool, move, at_work)


async def _again(room: Room, tool: Tool | None, move: CallMove, run: Run, recorded: Recorded) -> bool:
    """Whether the call was answered by the record, or waits because the record has none. What happens inside the room
    happens again, another agent's run and an edit of documents; but not that somebody was asked about it."""
    call = move.call
    inside = happens_again(tool)
    if inside and move.approved:
        return False
    find = recorded.decision if inside else recorded.call
    trail = await find(run, move.step, call)
    if trail is not None:
        await room.commit(Recalled(run.id, move.step, lambda at: rest_of(trail, at, move.step, call)))
    elif not inside:
        room.post(Diverged(move.run, move.step, f"a call of {call.name}"))
    return trail is not None or not inside


def _tool(agent: Agent, move: CallMove) -> Tool | None:
    if move.function is not None:
        return once_tool(move.call.name, move.function, move.effect)
    return agent.tools.get(move.call.name)


def _delegated(tool: Tool | None, move: CallMove) -> ToolDelegated | None:
    """The call of another agent is that one's run to carry out; bad arguments are the tool's to refuse."""
    prompt = tool.prompt(move.call.args) if isinstance(tool, AgentTool) else None
    if not isinstance(tool, AgentTool) or prompt is None:
        return None
    return ToolDelegated(move.step, move.attempt, move.call.id, move.call.name, tool.agent.name, whole(prompt))


async def asked_first(
    agent: Agent, tool: Tool, move: CallMove, now: int, must_ask: bool
) -> ApprovalRequested | QuestionAsked | None:
    """What a person is asked before this call, if anything. A policy that fails asks: no call slips through a bug; and
    one that wants no yes is not asked where the run's mandate wants one."""
    within_s = tool.decide_within_s
    expires_at = None if within_s is None else now + math.ceil(min(within_s, limits.WAIT_S) * 1_000_000)
    if tool.question is not None:
        question, schema = _question(move.call.args), msgspec.json.encode(tool.question.schema).decode()
        return QuestionAsked(move.step, move.call.id, move.call.name, question, schema, expires_at)
    if tool.approval == "never" and not must_ask:
        return None
    reason: bool | str = True
    if not isinstance(tool.approval, str):
        try:
            said = tool.approval(_arguments(move.call.args))
            reason = await said if inspect.isawaitable(said) else said
        except BaseException as error:
            let_pass(error)
            log.error("the approval policy of tool %s raised", move.call.name, exc_info=error)
            reason = f"The approval policy raised {type(error).__name__}."
    if not reason and not must_ask:
        return None
    reason = ASKED if must_ask and not isinstance(reason, str) else reason
    why = whole(reason) if isinstance(reason, str) else ""
    schema = _form(agent, tool)
    return ApprovalRequested(move.step, move.call.id, move.call.name, move.call.args or "{}", why, expires_at, schema)


def _form(agent: Agent, tool: Tool) -> str:
    """The schema that edited arguments are held to: of the host's own tools. One that somebody else's server wrote
    could take the room any time to check; that server looks at its arguments itself."""
    schema = msgspec.json.encode(tool.schema.parameters).decode()
    elsewhere = any(tool.schema.name in source.tools for source in agent.sources)
    return "" if elsewhere or len(schema) > limits.FORM_BYTES else schema


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


async def _carry_out(room: Room, agent: Agent, tool: Tool, move: CallMove, call: Call) -> None:
    """Run the body, with its reports beside it, and write its outcome behind them. Raises OutcomeUnknown."""
    unknown: OutcomeUnknown | None = None
    async with trio.open_nursery() as nursery:
        reporting = Reporting(room, agent.author, call)
        nursery.start_soon(reporting.run)
        try:
            outcome = await _outcome(room, agent, tool, move, call)
        finally:
            call.end()
        with trio.CancelScope(shield=True):  # What is known to have happened is written down, whoever wants to stop.
            await reporting.finish()
            outcome = await _kept(room, move, outcome, reporting)
            try:
                await room.commit(Report(move.run, agent.author, outcome))
            except OutcomeUnknown as error:  # A nursery would wrap it in a group.
                unknown = error
    if unknown is not None:
        raise unknown


async def _outcome(
    room: Room, agent: Agent, tool: Tool, move: CallMove, call: Call
) -> bytes | ToolFailed | ToolOutcomeUnknown:
    """What the body gave: JSON text, or how it failed."""
    step, attempt, name = move.step, move.attempt, move.call.name
    try:
        return encode(name, await tool.call(move.call.args, call))
    except ToolError as error:
        return ToolFailed(step, attempt, error.code, whole(str(error)))
    except OutcomeNotKnown as error:
        log.warning("room %s: the outcome of %s is not known: %s", room.name, name, error)
        return _not_known(move, tool.effect, error.code, whole(str(error)))
    except BaseException as error:
        try:
            let_pass(error)
        except BaseException:  # What passes is cancelled, whatever else was raised while it was.
            cut = _not_known(move, tool.effect, "tool-cancelled", "The call was cancelled.")
            await _commit_quietly(room, Report(move.run, agent.author, cut))
            raise
        log.error("room %s: tool %s raised %s", room.name, name, type(error).__name__, exc_info=error)
        return ToolFailed(step, attempt, "tool-bug", f"The tool raised {type(error).__name__}.")


def _not_known(move: CallMove, effect: str, code: str, message: str) -> ToolFailed | ToolOutcomeUnknown:
    """What a call leaves behind of which nobody can say how far it came: a write is a person's to resolve."""
    if effect == "write":
        return ToolOutcomeUnknown(move.step, move.attempt)
    return ToolFailed(move.step, move.attempt, code, message)


async def _kept(
    room: Room, move: CallMove, outcome: bytes | ToolFailed | ToolOutcomeUnknown, reporting: Reporting
) -> Outcome:
    """The outcome as it is written down: a long result is a blob, and the model sees its beginning."""
    if not isinstance(outcome, bytes):
        return outcome
    step, attempt, name = move.step, move.attempt, move.call.name
    lost, blob, result = reporting.lost, "", outcome.decode()
    if len(outcome) > limits.BLOB_BYTES:
        message = f"{name} was carried out, but its result of {len(outcome)} bytes is beyond {limits.BLOB_BYTES}."
        return ToolFailed(step, attempt, "tool-result-too-large", message)
    if len(outcome) > limits.TOOL_RESULT_BYTES:
        outcome = room.redactor.json(outcome.decode()).encode()
        blob = hashlib.sha256(outcome).hexdigest()
        lost = lost or await keep(room.store, outcome, "application/json")
        result = shortened(outcome, blob)
    if lost:
        message = f"{name} was carried out, but what it returned could not be kept ({lost})."
        return ToolFailed(step, attempt, "tool-result-lost", whole(message))
    return ToolReturned(step, attempt, result, blob, reporting.files)


async def _commit_quietly(room: Room, report: Report) -> None:
    """A cancelled step's last word; if it cannot be written, recovery says the same."""
    try:
        await room.commit(report)
    except OutcomeUnknown:
        log.warning("room %s: a cancelled step's end is left to recovery", room.name)
