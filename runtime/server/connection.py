"""One socket as the room's tab: what comes in is read and handed on, what goes out is pushed or waits in the outbox.

Reading is a loop of one task; everything else here is synchronous, called by the room while it publishes.

Rules:

1. Reading pauses while `EDITS_UNANSWERED` edits, one sync step 1 or a status frame have no answer yet, and after a
   frame that the socket's pace does not allow, so that TCP slows the sender.
2. A frame that cannot be understood ends its own socket, with the close code of its refusal, and changes nothing.
3. Text frames belong to the subprotocol `plait.v1`. On another socket they are a mistake and end it with 4400: a client
   that forgot the subprotocol would otherwise wait for its answer for ever.
4. An answer is written when the room gives it, so it follows the document bytes of every record up to its seq.
5. y-sweet's status frame is echoed after the answers of all edits that came before it. It means "saved", so none is
   echoed between an edit that a failing store has lost and the step 2 that brings it again.
"""

from collections import deque
from functools import partial

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from ...protocol import control, frames, limits, sync
from ...protocol.access import Grant
from ...protocol.commands import Asked, Blame, CommandRefused, Follow, Ping, parse
from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...protocol.names import Target
from ...storage.store import StoreError
from ..room.tab import Delta, Presence
from . import wire
from .answers import answer_frame
from .blaming import Blaming
from .follow import Log, follow
from .heartbeat import SWEEP_S
from .outbox import Outbox
from .pace import Pace
from .rooms import Answer, Room
from .stream import PushStream

# Bytes sent just after one sweep are missed by the second after it, and then it is this many more.
QUIET_SWEEPS = limits.KEEPALIVE_S // SWEEP_S - 1
_LOST = frozenset({"outcome-unknown", "store-failed", "store-full"})
_KEEPALIVE = wire.binary(frames.KEEPALIVE)
_FOLLOW_BYTES = 64 << 10  # What a follower lets wait before it pauses; as much as a socket usually takes at once.


class Connection:
    """The `Tab` (runtime/room/tab.py) of one WebSocket. `controlled`: it speaks `plait.v1`, so text frames are
    commands."""

    __slots__ = (
        "_answered",
        "_blaming",
        "_commands",
        "_controlled",
        "_edits",
        "_edits_done",
        "_emptied",
        "_ending",
        "_follow_scope",
        "_follows",
        "_grant",
        "_log",
        "_lost",
        "_mended_by",
        "_nursery",
        "_outbox",
        "_over",
        "_quiet_sweeps",
        "_reading",
        "_room",
        "_seen",
        "_statuses",
        "_step1s",
        "_target",
    )

    def __init__(
        self, target: Target, grant: Grant, stream: PushStream, nursery: trio.Nursery, *, controlled: bool
    ) -> None:
        self._target = target
        self._grant = grant
        self._nursery = nursery
        self._controlled = controlled
        self._room: Room | None = None
        self._log: Log | None = None
        self._blaming: Blaming | None = None
        self._outbox = Outbox(
            stream,
            catch_up=self._ask_catch_up,
            ask_presence=self._ask_presence,
            overflow=self._overflow,
            cleared=self._wake,
        )
        self._edits = 0  # Handed to the room, and
        self._edits_done = 0  # answered by it, both for the life of the socket.
        self._step1s = 0
        self._commands = 0
        self._statuses: deque[tuple[int, bytes]] = deque()
        self._lost = False  # An edit was lost with a commit, and
        self._mended_by = 0  # the number of the step 2 that brings it again, once that has come.
        self._answered: trio.Event | None = None
        self._emptied: trio.Event | None = None
        self._follow_scope: trio.CancelScope | None = None
        self._follows: list[str] = []
        self._reading = trio.CancelScope()
        self._ending: tuple[int, str] = (1000, "")
        self._over = False
        self._seen = -1
        self._quiet_sweeps = 0

    # --- who and what, for the room -------------------------------------------------------------------------------

    @property
    def author(self) -> str:
        return self._grant.author

    @property
    def name(self) -> str:
        return self._grant.name

    @property
    def document(self) -> str:
        return self._target.document

    @property
    def behind(self) -> bytes | None:
        return self._outbox.behind

    @property
    def outbox(self) -> Outbox:
        """For the metrics and the keepalive."""
        return self._outbox

    # --- what the room says ---------------------------------------------------------------------------------------

    def push(self, delta: Delta) -> None:
        self._outbox.droppable(delta.wire or wire.delta_frames(delta), delta.before)

    def push_presence(self, presence: Presence) -> None:
        self._outbox.droppable(presence.wire or wire.presence_frame(presence), None)

    def catch_up(self, update: bytes, awareness: bytes) -> None:
        merged = wire.binary(frames.update(update))
        self._outbox.merged(merged + wire.binary(frames.awareness(awareness)) if awareness else merged)

    def send_step1(self, state_vector: bytes) -> None:
        self._outbox.keep(wire.binary(frames.step1(state_vector)))

    def send_step2(self, update: bytes) -> None:
        self._outbox.keep(wire.binary(frames.step2(update)))
        if self._step1s:
            self._step1s -= 1
            self._wake()

    def send_awareness(self, payload: bytes) -> None:
        self._outbox.keep(wire.binary(frames.awareness(payload)))

    def accepted(self, update: bytes, *, echo: bool) -> None:
        if echo:
            self._outbox.keep(wire.binary(frames.update(update)))
        elif not self._outbox.clear:
            self._outbox.acknowledged(wire.binary(frames.update(update)))
        self._edit_answered()

    def denied(self, code: str, message: str, *, partly: bool = False) -> None:
        if code in _LOST:
            self._lost, self._mended_by = True, 0
        if code:  # Without one the tab was told before; the edit is answered all the same.
            # The read-only sentence is the one that y-protocols documents; other refusals say what they are.
            reason = "permission denied" if code == "permission-denied" else f"{code}: {message}"
            self._outbox.keep(wire.binary(frames.denied(reason)))
        if not partly:
            self._edit_answered()

    def close(self, code: int, reason: str) -> None:
        if not self._over:
            self._over = True
            self._ending = (code, reason)
            self._reading.cancel()

    def _edit_answered(self) -> None:
        self._edits_done = min(self._edits_done + 1, self._edits)
        if self._mended_by and self._mended_by <= self._edits_done:
            self._lost, self._mended_by = False, 0
        while self._statuses and self._statuses[0][0] <= self._edits_done:
            echo = self._statuses.popleft()[1]
            if not self._lost:
                self._outbox.keep(echo)
        self._wake()

    # --- what the outbox says -------------------------------------------------------------------------------------

    def _ask_catch_up(self) -> None:
        if self._room is not None:
            self._room.catch_up(self)

    def _ask_presence(self) -> None:
        if self._room is not None:
            self._room.query_awareness(self)

    def _overflow(self) -> None:
        self.close(1013, "The tab does not read its answers.")

    def keep_alive(self) -> None:
        """Called every `SWEEP_S`: sends an awareness frame that names nobody when nothing was sent for a while."""
        if self._outbox.bytes_out != self._seen:
            self._seen = self._outbox.bytes_out
            self._quiet_sweeps = 0
            return
        self._quiet_sweeps += 1
        if self._quiet_sweeps >= QUIET_SWEEPS and self._outbox.clear:
            self._outbox.keep(_KEEPALIVE)

    def _wake(self) -> None:
        if self._answered is not None:
            self._answered.set()
            self._answered = None
        if self._emptied is not None and self._outbox.clear:
            self._emptied.set()
            self._emptied = None

    # --- reading --------------------------------------------------------------------------------------------------

    async def read(self, socket: WebSocketConnection, room: Room, log: Log, blaming: Blaming) -> tuple[int, str]:
        """Join the room and hand on what comes in until the socket or the room ends it; the close code to end with.

        Raises Refused for a frame that cannot be understood.
        """
        self._room, self._log, self._blaming = room, log, blaming
        room.join(self)
        pace = Pace(trio.current_time())
        try:
            with self._reading:
                while True:
                    while self._must_wait():
                        self._answered = self._answered or trio.Event()
                        await self._answered.wait()
                    message = await socket.get_message()
                    said = self._receive(message)
                    wait_s = pace.spend(said, len(message), trio.current_time())
                    if wait_s > 0:
                        await trio.sleep(wait_s)
        except ConnectionClosed:
            pass
        finally:
            self._over = True
            self._room = None
            room.leave(self)
        return self._ending

    def _must_wait(self) -> bool:
        unanswered = self._edits - self._edits_done
        return unanswered >= limits.EDITS_UNANSWERED or self._step1s > 0 or bool(self._statuses)

    async def empty(self) -> None:
        """Wait until what is kept was sent; what hangs behind a merged update that will not come is given up."""
        self._outbox.finish()
        self._step1s = 0  # A room that ends a tab because of its step 1 does not answer it.
        await self.cleared()

    def _receive(self, message: str | bytes) -> int:
        """Hand on what a frame says; of how many messages it is."""
        if isinstance(message, str):
            self._read_command(message)
            return 1
        room = self._room
        assert room is not None
        messages = sync.receive(message)
        for said in messages:
            match said:
                case sync.Edit():
                    self._edits += 1
                    if self._lost and said.step2 and not self._mended_by:
                        self._mended_by = self._edits
                    room.edit(self, said.update, step2=said.step2)
                case sync.Step1():
                    # A second one in the same frame is answered by the first one's answer, which holds more.
                    if not self._step1s:
                        self._step1s += 1
                        room.step1(self, said.state_vector)
                case sync.Aware():
                    room.aware(self, said.payload)
                case sync.QueryAware():
                    room.query_awareness(self)
                case sync.SyncStatus():
                    self._status(wire.binary(frames.sync_status(said.payload)))
        return len(messages)

    def _status(self, echo: bytes) -> None:
        if self._edits == self._edits_done:
            if not self._lost:
                self._outbox.keep(echo)
        else:
            self._statuses.append((self._edits, echo))

    # --- the control channel --------------------------------------------------------------------------------------

    def _read_command(self, text: str) -> None:
        if not self._controlled:
            raise Refused("bad-frame", "Text frames need the subprotocol plait.v1.")
        if len(text) > limits.FRAME_BYTES:
            raise Refused("too-large", f"A frame may have {limits.FRAME_BYTES} bytes.")
        try:
            command = parse(text)
        except CommandRefused as refused:
            self._say(control.refused(refused.id, refused))
            return
        match command:
            case Ping():
                self._say(control.pong(command.id))
            case Follow():
                self._follow(command)
            case Blame():
                self._blame(command)
            case _:
                self._ask(command)

    def _ask(self, command: Asked) -> None:
        if self._commands >= limits.COMMANDS_UNANSWERED:
            self._say(control.refused(command.id, Refused("too-many")))
            return
        self._commands += 1
        assert self._room is not None
        self._room.command(self._grant, command, partial(self._answer, command.id), self)

    def _blame(self, command: Blame) -> None:
        if self._commands >= limits.COMMANDS_UNANSWERED:
            self._say(control.refused(command.id, Refused("too-many")))
            return
        self._commands += 1
        self._nursery.start_soon(self._blamed, command)

    async def _blamed(self, command: Blame) -> None:
        assert self._blaming is not None
        self._say(await self._blaming.frame(self._target.room, command))
        self._commands -= 1

    def _answer(self, command_id: str, answer: Answer | PlaitError) -> None:
        self._commands -= 1
        self._say(answer_frame(command_id, answer))

    def _follow(self, command: Follow) -> None:
        if len(self._follows) >= limits.COMMANDS_UNANSWERED:
            self._say(control.refused(command.id, Refused("too-many")))
            return
        self._follows.append(command.id)
        if self._follow_scope is not None:
            self._follow_scope.cancel()
        self._follow_scope = trio.CancelScope()
        self._nursery.start_soon(self._following, self._follow_scope, command.after)

    async def _following(self, scope: trio.CancelScope, after: int) -> None:
        if self._log is None or self._room is None:
            return
        try:
            with scope:
                await follow(self._log, self._room, self, after)
        except (StoreError, Refused, OutcomeUnknown) as error:
            self.close(1013, str(error))

    def _say(self, answer: bytes) -> None:
        self._outbox.keep(wire.text(answer))

    # --- what a follower knows ------------------------------------------------------------------------------------

    @property
    def takes_more(self) -> bool:
        return self._outbox.behind is None and self._outbox.waiting < _FOLLOW_BYTES

    @property
    def catch_ups(self) -> int:
        return self._outbox.catch_ups

    async def cleared(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self._outbox.clear or self._step1s:
            self._emptied = self._emptied or trio.Event()
            await self._emptied.wait()

    def begin(self, head: int) -> None:
        for command_id in self._follows:
            self._say(control.ok(command_id, head))
        self._follows.clear()

    def send_record(self, record: bytes) -> None:
        self._say(record)

    def send_caught_up(self, seq: int) -> None:
        self._say(control.caught_up(seq))
