"""One attempt at a model's step: ask the model, and report all that it streams to the room."""

import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import msgspec
import trio

from ...protocol import limits
from ...protocol.events import (
    ArgumentsStreamed,
    ModelAnswered,
    ModelFailed,
    PartShown,
    ReasoningStreamed,
    TextStreamed,
    ToolCall,
)
from ...protocol.move import Generate
from ...protocol.recalling import Place
from ...protocol.state import Run
from ..models.asking import open_stream
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
from ..replay.recorded import Recorded
from ..room.identity import Surroundings
from ..room.merging import Diverged
from ..room.reports import Begin, Recalled, Report
from ..room.room import Room
from .attempt import let_pass, whole
from .definition import Agent
from .request import Request
from .writing import Writing

log = logging.getLogger("plait.agent")

_BACKOFF_S = (0.5, 2.0, 8.0)
_NO_REQUEST: JSON = {"messages": []}


class Streaming:
    """The stream of one attempt on its way into the room: parts are numbered, and the model waits for a slow disk."""

    def __init__(self, room: Room, run: str, author: str, move: Generate, writing: Writing) -> None:
        self._room = room
        self._writing = writing
        self._run = run
        self._author = author
        self._move = move
        self._kind: type[Chunk] | None = None
        self._parts = 0
        self.text: list[str] = []
        self._calls: dict[str, int] = {}
        self._part = 0
        self._uncommitted = 0
        self._drained = trio.Event()

    async def take(self, chunk: TextChunk | ReasoningChunk | ArgumentsChunk | SourceChunk) -> None:
        """Report a chunk; waits while too much of the stream is not on disk yet."""
        step, attempt = self._move.step, self._move.attempt
        if isinstance(chunk, SourceChunk):
            source = {"url": whole(chunk.url), "title": whole(chunk.title), "excerpt": whole(chunk.text)}
            shown = PartShown(step, attempt, "source", msgspec.json.encode(source).decode())
            self._room.report(Report(self._run, self._author, shown))
            return
        part = self._number(chunk)
        match chunk:
            case TextChunk():
                self.text.append(chunk.text)
                event = TextStreamed(step, attempt, part, whole(chunk.text))
            case ReasoningChunk():
                event = ReasoningStreamed(step, attempt, part, whole(chunk.text))
            case ArgumentsChunk():
                event = ArgumentsStreamed(step, attempt, part, whole(chunk.call), whole(chunk.name), whole(chunk.text))
                self._writing.hear(chunk)
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
    room: Room,
    agent: Agent,
    move: Generate,
    request: Request,
    surroundings: Surroundings,
    recorded: Recorded | None,
    run: Run,
    place: Place,
) -> None:
    """One attempt at an answer. Without a body, because the model's code could not make one, the attempt fails. In a
    fork that goes on by the record (`recorded`) it is what the record has, or the fork waits."""
    # A step that was abandoned before it began must not begin: the room would wait for an attempt that nobody makes.
    await trio.lowlevel.checkpoint_if_cancelled()
    model, body = request.model, request.body or _NO_REQUEST
    said = await recorded.answer(body) if recorded is not None else None
    if recorded is not None and said is None:
        room.post(Diverged(move.run, move.step, "an answer of the model"))
        return
    begin = Begin(move.run, agent.author, move.step, move.attempt, model.name, body, request.steers)
    if not await room.commit(begin):
        return
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        if request.body is None:
            raise ModelError("model-bug", "The model's code could not make a request.", retry=False)
        event = await _answer(room, agent, move, request, request.body, said)
    except ModelError as error:
        event = _failed(move, error, request.tries, surroundings.now())
    except BaseException as error:
        let_pass(error)
        log.error("room %s: model %s raised %s", room.name, model.name, type(error).__name__, exc_info=error)
        event = ModelFailed(move.step, move.attempt, "model-bug", f"The model's code raised {type(error).__name__}.")
    if recorded is not None:  # What people said while it answered decides whether it is asked once more.
        end = "end", move.step
        await room.commit(Recalled(run.id, "", lambda at: recorded.words(place, len(at.steers), end)))
    await room.commit(Report(move.run, agent.author, event))


async def _answer(
    room: Room, agent: Agent, move: Generate, request: Request, body: JSON, said: Sequence[Chunk] | None
) -> ModelAnswered:
    writing = Writing(room, move.run, agent.author, move, request.freely)
    streaming = Streaming(room, move.run, agent.author, move, writing)
    answered: Answered | None = None
    try:
        files = await _load(room, request.files) if said is None else {}
        async with open_stream(request.model, body, files) if said is None else _again(said) as chunks:
            async for chunk in chunks:
                # Chunks that the SDK has buffered arrive without a checkpoint, after a cancellation too.
                await trio.lowlevel.checkpoint_if_cancelled()
                if isinstance(chunk, Answered):
                    answered = chunk
                    break
                await streaming.take(chunk)
    finally:
        writing.end()
    if answered is None:
        raise ModelError("model-truncated", "The model's stream ended before the answer did.", retry=True)
    if len(answered.calls) > limits.TOOL_CALLS_PER_STEP:
        message = f"The model asked for more than {limits.TOOL_CALLS_PER_STEP} calls at once."
        raise ModelError("model-too-many-calls", message, retry=False)
    if not answered.calls:
        try:
            request.check("".join(streaming.text))
        except (ValueError, msgspec.MsgspecError) as error:
            raise ModelError(
                "model-bad-output", f"The answer is not what was asked for: {error}", retry=True
            ) from error
    calls = tuple(ToolCall(whole(c.id), whole(c.name), whole(c.args)) for c in answered.calls)
    usage, cost = answered.usage, request.price(answered.usage)
    return ModelAnswered(move.step, move.attempt, answered.finish, calls, usage, cost)


@asynccontextmanager
async def _again(said: Sequence[Chunk]) -> AsyncIterator[AsyncIterator[Chunk]]:
    """A stream that says what was said before."""

    async def chunks() -> AsyncGenerator[Chunk]:
        for chunk in said:
            await trio.lowlevel.checkpoint()
            yield chunk

    async with aclosing(chunks()) as again:
        yield again


async def _load(room: Room, files: Sequence[str]) -> dict[str, bytes]:
    """The content of the request's files; one that is not there the model is told of."""
    blobs = [await room.store.blob(file) for file in files]
    return {blob.hash: blob.data for blob in blobs if blob is not None}


def _failed(move: Generate, error: ModelError, tries: int, now: int) -> ModelFailed:
    retry_at = None
    if error.retry and move.attempt < tries:
        delay_s = max(_BACKOFF_S[min(move.attempt, len(_BACKOFF_S)) - 1], error.retry_after_s or 0.0)
        retry_at = now + math.ceil(min(delay_s, limits.WAIT_S) * 1_000_000)
    return ModelFailed(move.step, move.attempt, error.code, whole(error.message), retry_at)
