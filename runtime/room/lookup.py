"""What a pass must know of the log before it is speculated, which waits for nothing.

Whether a command, or an edit under a key, happened before (law 5), which of its attachments the store has, and what
came to a draft since its decision was prepared.
"""

from collections.abc import Iterable

from ...protocol.commands import Asking
from ...protocol.events import Attachment, command_record_id
from ...protocol.planning import Plan
from ...storage.store import Store
from .messages import Ask, Edit, Message
from .proposing import catch_up
from .reports import Write
from .seeding import Seed


async def look_up(room: str, store: Store, batch: Iterable[Message]) -> None:
    """Let each message of the pass know what the log has of it. Raises StoreError."""
    for message in batch:
        if type(message) is Edit:  # Edits are most of what comes, and need nothing.
            continue
        if isinstance(message, Write | Seed) and message.key:
            message.known = await store.find(room, message.key)
        if isinstance(message, Ask):
            message.known = await store.find(room, command_record_id(message.command.id))
            if isinstance(message.command, Asking):
                message.files = await _attached(store, message.command)
            if isinstance(message.prepared, Plan):
                await catch_up(room, store, message.prepared)


async def _attached(store: Store, command: Asking) -> dict[str, Attachment]:
    """Those of the command's attachments that the store has, as it knows them."""
    facts = [await store.blob_facts(file.blob) for file in command.attachments]
    return {fact.hash: Attachment(fact.hash, fact.media_type, "", fact.size) for fact in facts if fact is not None}
