"""The one thread that writes: it takes whatever is queued, commits it together, and wakes everybody at once.

The fsync is the batching window. While one commit is on its way to the disk, the next batch gathers in the queue, so no
timer decides how long to wait: a lone appender gets a commit of its own at once, and sixty-four share one.

- What is queued cannot be cancelled: nobody could say whether it happened. A caller's deadline counts before that.
- The waiters of one commit wake through one `run_sync_soon`, because each such call costs a pass of the event loop.
- A commit gives each job its outcome itself. If it raises, which only a bug can cause, its jobs get OutcomeUnknown.
- Whatever takes time and nobody waits for (`tend`, the checkpoints) comes after the waiters were woken.

`InlineWriter` does the same work on the caller's thread, at once. Trio's MockClock jumps ahead while a thread is at
work, so a simulation must not have one.
"""

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

import trio
from outcome import Error, Outcome

from ..protocol import limits
from ..protocol.errors import OutcomeUnknown
from .errors import StoreError


class Weighed(Protocol):
    """What can be queued. `weight` is how many records it counts for in a batch."""

    @property
    def weight(self) -> int: ...


JobT = TypeVar("JobT", bound=Weighed)
AnswerT = TypeVar("AnswerT")


class Engine(Protocol[JobT, AnswerT]):
    """The database under a writer. All of it is called from one thread only."""

    def commit(self, jobs: list[JobT]) -> list[Outcome[AnswerT]]:
        """Do all of it in one transaction and say what became of each, in order."""
        ...

    def tend(self, *, idle: bool) -> bool:
        """Do what can wait, after a commit or when idle; True if an idle moment would be used for more."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class _Waiting(Generic[JobT, AnswerT]):
    """A job, and the task that waits for it."""

    __slots__ = ("job", "outcome", "task", "token")

    def __init__(self, job: JobT) -> None:
        self.job = job
        self.outcome: Outcome[AnswerT] = Error(OutcomeUnknown("the writer stopped before it answered"))
        self.task = trio.lowlevel.current_task()
        self.token = trio.lowlevel.current_trio_token()


def _gave_up(error: BaseException) -> Error:
    lost = OutcomeUnknown(f"the writer failed in a way it does not know: {error!r}")
    lost.__cause__ = error
    return Error(lost)


class Writer(Generic[JobT, AnswerT]):
    """Group commit on a thread of its own. `name` is the thread's name, for people who look at stacks."""

    def __init__(self, engine: Engine[JobT, AnswerT], name: str) -> None:
        self._engine = engine
        self._queue: SimpleQueue[_Waiting[JobT, AnswerT] | None] = SimpleQueue()
        self._closed = False
        # A daemon, so that a program that forgot to close can still end: what it had no answer for was not promised.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def submit(self, job: JobT) -> AnswerT:
        """Queue the job and wait for its commit. Cancellable before it is queued and not after."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreError("the store is closed")
        waiting: _Waiting[JobT, AnswerT] = _Waiting(job)
        self._queue.put(waiting)
        return await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)

    async def aclose(self) -> None:
        """Commit what is queued, then let go of the database. Idempotent; waits even if cancelled."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._thread.join)

    def _work(self) -> None:
        carried: _Waiting[JobT, AnswerT] | None = None
        busy = False
        while True:
            first = carried or self._next(limits.CHECKPOINT_IDLE_S if busy else None)
            if first is None:
                break
            if isinstance(first, Empty):
                busy = self._engine.tend(idle=True)
                continue
            batch, carried, last = self._gather(first)
            self._commit(batch)
            del first, batch  # Or a thread with nothing to do would keep what it wrote last, and those who waited.
            if last:
                break
            busy = self._engine.tend(idle=False)
        self._engine.close()

    def _next(self, timeout_s: float | None) -> _Waiting[JobT, AnswerT] | Empty | None:
        try:
            return self._queue.get(timeout=timeout_s)
        except Empty as nothing:
            return nothing

    def _gather(
        self, first: _Waiting[JobT, AnswerT]
    ) -> tuple[list[_Waiting[JobT, AnswerT]], _Waiting[JobT, AnswerT] | None, bool]:
        """A batch that begins with `first`; what was taken but no longer fits; whether the end was among it."""
        batch, weight = [first], first.job.weight
        while True:
            try:
                following = self._queue.get_nowait()
            except Empty:
                return batch, None, False
            if following is None:
                return batch, None, True
            weight += following.job.weight
            if weight > limits.BATCH_RECORDS:
                return batch, following, False
            batch.append(following)

    def _commit(self, batch: list[_Waiting[JobT, AnswerT]]) -> None:
        try:
            outcomes = self._engine.commit([waiting.job for waiting in batch])
        except BaseException as error:
            outcomes = [_gave_up(error)] * len(batch)
        by_token: dict[trio.lowlevel.TrioToken, list[_Waiting[JobT, AnswerT]]] = {}
        for waiting, answer in zip(batch, outcomes, strict=True):
            waiting.outcome = answer
            by_token.setdefault(waiting.token, []).append(waiting)
        for token, waiters in by_token.items():
            # A run that is over has nobody left who waits; the thread may serve another one.
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(_wake, waiters)


def _wake(waiters: list[_Waiting[JobT, AnswerT]]) -> None:
    for waiting in waiters:
        trio.lowlevel.reschedule(waiting.task, waiting.outcome)


class InlineWriter(Generic[JobT, AnswerT]):
    """The same engine on the caller's thread, one job a batch, for simulation and for databases in memory."""

    def __init__(self, engine: Engine[JobT, AnswerT]) -> None:
        self._engine = engine
        self._closed = False

    async def submit(self, job: JobT) -> AnswerT:
        """Commit the job at once."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreError("the store is closed")
        try:
            answer = self._engine.commit([job])[0]
        except Exception as error:
            answer = _gave_up(error)
        self._engine.tend(idle=False)
        await trio.lowlevel.cancel_shielded_checkpoint()
        return answer.unwrap()

    async def aclose(self) -> None:
        """Let go of the database. Idempotent."""
        if not self._closed:
            self._closed = True
            self._engine.close()
        await trio.lowlevel.cancel_shielded_checkpoint()
