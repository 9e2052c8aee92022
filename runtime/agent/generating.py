"""One attempt at a model's step: ask the model, and report all that it streams to the room."""

import logging
import math
from collections.abc import Sequence

import trio

from ...protocol import limits
from ...protocol.events import (
    ArgumentsStreamed,
    ModelAnswered,
    ModelFailed,
    ReasoningStreamed,
    TextStreamed,
    ToolCall,
)
from ...protocol.moves import Generate
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
from .attempt import LONGEST_S, let_pass, whole
from .definition import Agent

log = logging.getLogger("plait.agent")

_BACKOFF_S = (0.5, 2.0, 8.0)
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
                event = TextStreamed(step, attempt, part, whole(chunk.text))
            case ReasoningChunk():
                event = ReasoningStreamed(step, attempt, part, whole(chunk.text))
            case ArgumentsChunk():
                event = ArgumentsStreamed(step, attempt, part, whole(chunk.call), whole(chunk.name), whole(chunk.text))
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
        let_pass(error)
        log.error("room %s: model %s raised %s", room.name, agent.model.name, type(error).__name__, exc_info=error)
        event = ModelFailed(move.step, move.attempt, "model-bug", f"The model's code raised {type(error).__name__}.")
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
    calls = tuple(ToolCall(whole(c.id), whole(c.name), whole(c.args)) for c in answered.calls)
    return ModelAnswered(move.step, move.attempt, answered.finish, calls, answered.usage)


def _failed(move: Generate, error: ModelError, now: int) -> ModelFailed:
    retry_at = None
    if error.retry and move.attempt < limits.STEP_ATTEMPTS:
        delay_s = max(_BACKOFF_S[min(move.attempt, len(_BACKOFF_S)) - 1], error.retry_after_s or 0.0)
        retry_at = now + math.ceil(min(delay_s, LONGEST_S) * 1_000_000)
    return ModelFailed(move.step, move.attempt, error.code, whole(error.message), retry_at)
