"""How a record changes what is known of the shared documents: the part of the fold that is about them."""

import msgspec

from .events import Came, DocumentCopied, DocumentEdited, DocumentFact, EditsUndone, Record
from .frames import EMPTY_UPDATE
from .state import RoomState, Written
from .update import read, writers


def fold_document(state: RoomState, record: Record, event: DocumentFact) -> None:
    """Take in what happened to a shared document: whose its new structs are (law 4), and which step has made them."""
    if record.update and record.document not in state.documents:
        state.documents.append(record.document)
    if isinstance(event, DocumentCopied):
        return  # Its structs are all known from what it is a copy of, and reading a book takes half a second.
    for client in writers(record.update or EMPTY_UPDATE):
        state.owners.setdefault(client, record.author)
    if isinstance(event, EditsUndone):
        state.undone = record.seq
    if not isinstance(event, DocumentEdited):
        return
    run = state.runs.get(record.run)
    step = run.steps.get(event.step) if run is not None else None
    if step is None:
        return
    if event.call and not event.result:
        step.written.pop(event.call, None)
    elif event.call:
        _note(step.written.setdefault(event.call, Written(record.document)), event, record.update or EMPTY_UPDATE)
    else:
        step.edits[len(step.edits) if event.nth is None else event.nth] = event.result


def _note(written: Written, event: DocumentEdited, update: bytes) -> None:
    """Some more of a stream."""
    came = msgspec.json.decode(event.result, type=Came)
    written.chars, written.end = came.chars, came.end
    for client, start, end in read(update, own=True).inserted:
        if written.ranges and written.ranges[-1][0] == client and written.ranges[-1][2] == start:
            written.ranges[-1] = (client, written.ranges[-1][1], end)
        else:
            written.ranges.append((client, start, end))
