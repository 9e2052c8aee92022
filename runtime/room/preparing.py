"""Preparing: commands that need what only the log can say are worked out beside the room's pass, which goes on.

An undo and a decision about a draft look at all that was ever in a document. When that is done the command comes into
the inbox again, with what it would do as of some record; the pass looks whether that still holds, and if not it is
prepared once more. The copy of a long document for a draft is made here too, and the pass adds what came since. Rules:

- One at a time in a room, because each holds a document, most of them with all its past.
- What one command trips over here is a refusal of that command, logged, and no reason to end the room.
"""

import logging
from functools import partial

import trio

from ...protocol import limits
from ...protocol.access import allows
from ...protocol.commands import Accept, Proposal, Propose, Reject, Undo
from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...protocol.events import command_record_id
from ...protocol.names import draft_begun
from ...protocol.planning import Plan
from ...storage.store import Store
from .aside import AT_ONCE_BYTES, aside
from .door import Door
from .identity import Surroundings, server_id
from .live import Live
from .messages import Ask, Message
from .proposing import catch_up
from .shared import SharedDocument
from .undoing import NOTHING, Prepared, prepare

log = logging.getLogger("plait.room")


class Preparing:
    """What one room prepares beside its passes."""

    def __init__(self, name: str, store: Store, surroundings: Surroundings, door: Door) -> None:
        self._name = name
        self._store = store
        self._surroundings = surroundings
        self._door = door
        self._lock = trio.Lock()

    def takes(self, message: Message, live: Live, nursery: trio.Nursery) -> bool:
        """Whether the message has to be prepared first; it comes again when it is."""
        if not isinstance(message, Ask) or not allows(message.grant, message.command):
            return False  # Who may not is refused before anything is read for them.
        command = message.command
        if isinstance(command, Undo) and (message.prepared is None or message.again):
            nursery.start_soon(self._prepare, message, command, "")
            return True
        if isinstance(command, Accept | Reject) and (message.prepared is None or message.again):
            draft = live.state.drafts.get(command.draft)
            if draft is not None and draft.status == "open":
                nursery.start_soon(self._prepare, message, command, draft.of)
                return True
        if isinstance(command, Propose) and message.prepared is None:
            base = live.shared.get(command.document)
            if base is not None and base.size > AT_ONCE_BYTES:
                nursery.start_soon(self._prepare, message, command, command.document)
                return True
        return False

    async def _prepare(self, message: Ask, command: Undo | Proposal, of: str) -> None:
        told: PlaitError | None = OutcomeUnknown("the room was closed")
        message.again = False
        try:
            async with self._lock:
                if isinstance(command, Undo):
                    message.prepared = await self._undo(message, command)
                elif isinstance(command, Propose):
                    message.prepared = await self._copy(of)
                else:
                    message.prepared = await self._decide(message, command, of)
            told = None
        except PlaitError as error:
            told = error
        except Exception as error:
            log.error("room %s: a command was not prepared", self._name, exc_info=error)
            told = Refused("bad-request", "This cannot be done.")
        finally:
            if told is None:
                self._door.post(message)
            else:
                message.failed(told)

    async def _undo(self, message: Ask, command: Undo) -> Prepared:
        if not command.preview:
            message.known = await self._store.find(self._name, command_record_id(command.id))
        client = partial(server_id, self._name, self._surroundings.entropy)
        return NOTHING if message.known else await prepare(self._name, self._store, command, client)

    async def _copy(self, of: str) -> SharedDocument:
        """What a draft of the document is to begin as."""
        copied = SharedDocument(server_id(self._name, self._surroundings.entropy))
        base = await self._door.document(of)
        if len(base) <= limits.DOCUMENT_BYTES:  # Else the pass refuses it.
            try:
                await aside(partial(copied.load, base), len(base))
            except BaseException as error:
                if type(error).__name__ != "PanicException":  # A panic of the CRDT, whose class cannot be imported.
                    raise
                raise OutcomeUnknown(str(error)) from None
        return copied

    async def _decide(self, message: Ask, command: Accept | Reject, of: str) -> Plan:
        before = message.prepared
        if isinstance(before, Plan):
            plan = before
        else:
            plan = Plan(command, of, draft_begun(command.draft) - 1)
            message.known = await self._store.find(self._name, command_record_id(command.id))
            if message.known is not None:
                return plan
            if isinstance(command, Accept):
                base, seq = await self._door.document_and_seq(of)
                await aside(partial(plan.begin, seq, base), len(base))
        await catch_up(self._name, self._store, plan)
        if plan.stale:
            await aside(plan.make, plan.size)
            await catch_up(self._name, self._store, plan)
        return plan
