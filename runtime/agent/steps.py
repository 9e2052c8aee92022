"""One attempt at one step: ask a model, or call a tool, and report all of it to the room.

Nothing happens before its intent is on disk, and a failed append means that it does not happen (law 7). A step that is
cancelled writes nothing about the run: the room ends runs, and only because of what is in its log.
"""

import logging
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import trio

from ...protocol import limits
from ...protocol.errors import OutcomeUnknown
from ...protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    ModelAnswered,
    ModelFailed,
    QuestionAsked,
    ReasoningStreamed,
    TextStreamed,
    ToolCall,
    ToolFailed,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolReturned,
    ToolStarted,
)
from ...protocol.moves import Call, Generate
from ..models.model import (
    JSON,
    Answered,
    ArgumentsChunk,
    Chunk,
    ModelError,
    ReasoningChunk,
    SourceChunk,
    TextChunk,
)
from ..room.identity import Surroundings
from ..room.messages import Begin, Report
from ..room.room import Room
from ..tools.tool import OutcomeNotKnown, Tool, ToolError
from .definition import Agent

log = logging.getLogger("plait.agent")

_BACKOFF_S = (0.5, 2.0, 8.0)
_LONGEST_S = 10 * 365 * 86_400
"""What a header or a careless tool may ask us to wait: times beyond year 9999 cannot be written down."""


_NO_REQUEST: JSON = {"messages": []}


class Streaming:
    """The stream of one attempt on its way into the room: parts are numbered, and the model waits for a slow disk."""

    def __init__(self, room: Room, run: str, author: str, move: Generate) -> None:
        self._room = room
        self._run = run
        self._author = author
        self._move = move
        self._kind: type[Chunk] | None = None
        self._parts = 0
        self._calls: dict[str, int] = {}
        self._part = 0
        self._uncommitted = 0
        self._drained = trio.Event()

    async def take(self, chunk: TextChunk | ReasoningChunk | ArgumentsChunk) -> None:
        """Report a chunk; waits while too much of the stream is not on disk yet."""
        step, attempt, part = self._move.step, self._move.attempt, self._number(chunk)
        match chunk:
            case TextChunk():
                event = TextStreamed(step, attempt, part, _whole(chunk.text))
            case ReasoningChunk():
                event = ReasoningStreamed(step, attempt, part, _whole(chunk.text))
            case ArgumentsChunk():
                event = ArgumentsStreamed(
                    step, attempt, part, _whole(chunk.call), _whole(chunk.name), _whole(chunk.text)
                )
        size = len(chunk.text)
        self._uncommitted += size
        self._room.report(Report(self._run, self._author, event, lambda accepted: self._committed(size)))
        while self._uncommitted > limits.STEP_UNCOMMITTED_BYTES:
            self._drained = trio.Event()
            await self._drained.wait()

    def _committed(self, size: int) -> None:
        self._uncommitted -= size
        self._drained.set()

    def _number(self, chunk: TextChunk | ReasoningChunk | ArgumentsChunk) -> int:
        """Text after a call or after reasoning is a new part; each call is a part, however calls interleave."""
        if isinstance(chunk, ArgumentsChunk):
            self._kind = ArgumentsChunk
            if chunk.call not in self._calls:
                self._calls[chunk.call] = self._next()
            return self._calls[chunk.call]
        if type(chunk) is not self._kind:
            self._kind = type(chunk)
            self._part = self._next()
        return self._part

    def _next(self) -> int:
        self._parts += 1
        return self._parts - 1


async def generate(
    room: Room, agent: Agent, move: Generate, request: JSON | None, steers: Sequence[int], surroundings: Surroundings
) -> None:
    """One attempt at an answer of the agent's model; `steers` are the records that the request is the first to hold.
    Without a request, because the model's code could not make one, the attempt fails."""
    # A step that was abandoned before it began must not begin: the room would wait for an attempt that nobody makes.
    await trio.lowlevel.checkpoint_if_cancelled()
    begin = Begin(move.run, agent.author, move.step, move.attempt, agent.model.name, request or _NO_REQUEST, steers)
    if not await room.commit(begin):
        return
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        if request is None:
            raise ModelError("model-bug", "The model's code could not make a request.", retry=False)
        event = await _answer(room, agent, move, request)
    except ModelError as error:
        event = _failed(move, error, surroundings.now())
    except BaseException as error:
        _let_pass(error)
        log.error("room %s: model %s raised %s", room.name, agent.model.name, type(error).__name__, exc_info=error)
        event = ModelFailed(move.step, move.attempt, "model-bug", f"The model's code raised {type(error).__name__}.")
    await room.commit(Report(move.run, agent.author, event))


async def broken(room: Room, agent: Agent, move: Generate | Call) -> None:
    """An attempt broke in code of ours: end it, if it had begun, so that its run goes on."""
    if isinstance(move, Generate):
        event = ModelFailed(move.step, move.attempt, "model-bug", "The step itself failed.")
    else:
        event = ToolFailed(move.step, move.attempt, "tool-bug", "The step itself failed.")
    await room.commit(Report(move.run, agent.author, event))


async def _answer(room: Room, agent: Agent, move: Generate, request: JSON) -> ModelAnswered:
    streaming = Streaming(room, move.run, agent.author, move)
    answered: Answered | None = None
    async with agent.model.stream(request) as chunks:
        async for chunk in chunks:
            # Chunks that the SDK has buffered arrive without a checkpoint, after a cancellation too.
            await trio.lowlevel.checkpoint_if_cancelled()
            if isinstance(chunk, Answered):
                answered = chunk
                break
            if isinstance(chunk, SourceChunk):
                continue  # The log has no word for it yet.
            await streaming.take(chunk)
    if answered is None:
        raise ModelError("model-truncated", "The model's stream ended before the answer did.", retry=True)
    if len(answered.calls) > limits.TOOL_CALLS_PER_STEP:
        message = f"The model asked for more than {limits.TOOL_CALLS_PER_STEP} calls at once."
        raise ModelError("model-too-many-calls", message, retry=False)
    calls = tuple(ToolCall(_whole(c.id), _whole(c.name), _whole(c.args)) for c in answered.calls)
    return ModelAnswered(move.step, move.attempt, answered.finish, calls, answered.usage)


def _let_pass(error: BaseException) -> None:
    """Raise what is not a step's own failure: its cancellation, alone or beside others, and Ctrl-C. All the rest is,
    also what no `except Exception` sees: an exit, or a Rust extension's panic."""
    ends = (trio.Cancelled, KeyboardInterrupt, GeneratorExit)
    if isinstance(error, ends):
        raise error
    if isinstance(error, BaseExceptionGroup) and (passing := error.split(ends)[0]) is not None:
        raise passing


def _whole(text: str) -> str:
    """The text without halves of characters, which JSON can spell and UTF-8, the log and Yjs cannot."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _failed(move: Generate, error: ModelError, now: int) -> ModelFailed:
    retry_at = None
    if error.retry and move.attempt < limits.STEP_ATTEMPTS:
        delay_s = max(_BACKOFF_S[min(move.attempt, len(_BACKOFF_S)) - 1], error.retry_after_s or 0.0)
        retry_at = now + math.ceil(min(delay_s, _LONGEST_S) * 1_000_000)
    return ModelFailed(move.step, move.attempt, error.code, _whole(error.message), retry_at)


async def call(room: Room, agent: Agent, move: Call, key: str, surroundings: Surroundings) -> None:
    """One attempt at a tool's call, or the question to a person that must come before it."""
    await trio.lowlevel.checkpoint_if_cancelled()  # As for a model: what was abandoned must not begin.
    tool = agent.tools.get(move.call.name)
    asked = _asked_first(tool, move, surroundings.now()) if tool is not None and not move.approved else None
    if asked is not None:
        await room.commit(Report(move.run, agent.author, asked))
        return
    effect = tool.effect if tool is not None else "read"
    started = ToolStarted(move.step, move.attempt, move.call.id, move.call.name, effect)
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


def _asked_first(tool: Tool, move: Call, now: int) -> ApprovalRequested | QuestionAsked | None:
    """What a person is asked before this call, if anything. A policy that fails asks: no call slips through a bug."""
    within_s = tool.decide_within_s
    expires_at = None if within_s is None else now + math.ceil(min(within_s, _LONGEST_S) * 1_000_000)
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
            _let_pass(error)
            log.error("the approval policy of tool %s raised", move.call.name, exc_info=error)
            reason = f"The approval policy raised {type(error).__name__}."
    if not reason:
        return None
    why = _whole(reason) if isinstance(reason, str) else ""
    return ApprovalRequested(move.step, move.call.id, move.call.name, move.call.args or "{}", why, expires_at)


def _question(args: str) -> str:
    """What the model wants to know; rubbish asks nothing, and the person sees that."""
    try:
        return _whole(str(_arguments(args).get("question", "")))
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
        return ToolFailed(move.step, move.attempt, "tool-error", _whole(str(error)))
    except OutcomeNotKnown as error:
        log.warning("room %s: the outcome of %s is not known: %s", room.name, move.call.name, error)
        if tool.effect == "write":
            return ToolOutcomeUnknown(move.step, move.attempt)
        return ToolFailed(move.step, move.attempt, "tool-error", _whole(str(error)))
    except BaseException as error:
        try:
            _let_pass(error)
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
