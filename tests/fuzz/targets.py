"""What is fuzzed: for each decoder a function of bytes that returns, or fails an assertion.

Why: every byte that comes from outside meets one of these decoders first, and each promises the same: what it takes it
reads exactly, what it does not take it refuses by name, and nothing else happens. Rules (specs/proof.md):

- A target lets pass what its decoder says it raises, and nothing else.
- What is accepted is held against a second opinion: written again it is the same bytes, or pycrdt does what was
  foretold, or the standard library reads the same.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
from plait.protocol import addressing, awareness, control, frames, heard, limits, names, parsing, sync, update
from plait.protocol.codec import CorruptBody, decode_event, encode_event, record_json
from plait.protocol.dialects import hocuspocus
from plait.protocol.errors import CODES, Refused
from plait.protocol.events import Record
from plait.protocol.frames import EMPTY_UPDATE
from plait.protocol.partial import partial_json
from plait.protocol.state import VERSION
from plait.runtime.room.kept import read_snapshot
from plait.runtime.room.shared import Broken, SharedDocument
from plait.storage.store import Snapshot
from pycrdt import Doc

from .documents import BASE, BASE_OWNERS, state

Target = Callable[[bytes], None]

EDIT_CODES = ("bad-update", "update-foreign", "update-incomplete", "too-large")
COMMAND_CODES = ("bad-json", "too-large", "unknown-command")


def _integers(data: bytes) -> None:
    """lib0's integers, byte arrays and strings, one behind the other."""
    at = 0
    while at < len(data):
        kind, at = data[at] % 3, at + 1
        before = at
        if kind == 0:
            number, at = frames.read_uint(data, at)
            assert data[before:at] == frames.write_uint(number)
            assert 0 <= number <= frames.MAX_UINT
        elif kind == 1:
            value, at = frames.read_bytes(data, at)
            assert data[before:at] == frames.write_bytes(value)
        else:
            text, at = frames.read_string(data, at)
            assert data[before:at] == frames.write_string(text)


def _frame(data: bytes) -> None:
    """A tab's binary frame: what was read, said again, is the frame."""
    messages = sync.receive(data)
    assert 0 < len(messages) <= limits.FRAME_MESSAGES
    assert b"".join(map(_said, messages)) == data


def _said(message: sync.Message) -> bytes:
    match message:
        case sync.Step1():
            again = update.decode_state_vector(update.encode_state_vector(message.clocks))
            assert again == message.clocks
            return frames.step1(message.state_vector)
        case sync.Edit():
            return frames.step2(message.update) if message.step2 else frames.update(message.update)
        case sync.Aware():
            return frames.awareness(message.payload)
        case sync.QueryAware():
            return frames.ASK_AWARENESS
        case sync.SyncStatus():
            return frames.sync_status(message.payload)


def _hocuspocus(data: bytes) -> None:
    """A provider's frame: its key, a message, and nothing else; said again it is the frame."""
    prefix, message = hocuspocus.read(data)
    assert data.startswith(prefix)
    rest = data[len(prefix) :]
    match message:
        case hocuspocus.Ping() | hocuspocus.Pong():
            assert data in (hocuspocus.PING, hocuspocus.PONG)
        case hocuspocus.Auth():
            version = frames.write_string(message.version) if message.version else b""
            assert rest.startswith(b"\x02\x00" + frames.write_string(message.token) + version)
        case hocuspocus.Stateless():
            assert hocuspocus.stateless(prefix, message.payload) == data
        case hocuspocus.Close():
            assert rest == b"\x07"
        case _:
            assert not isinstance(message, sync.SyncStatus)
            assert _said(message) == rest
            assert sync.receive(rest) == [message]
    if prefix:
        hocuspocus.target(prefix)


def _heard(data: bytes) -> None:
    """A server's binary frame, as our client reads it."""
    for message in heard.read(data):
        assert isinstance(message, heard.NotTaken) or message.__class__ in (sync.Step1, heard.Change)


def _presence(data: bytes) -> None:
    """What three connections say of who is here, a byte before each saying who speaks and how long."""
    registry = awareness.Registry()
    shown: dict[int, bytes] = {}
    at = 0
    while at + 2 <= len(data):
        owner, length = data[at] % 3, data[at + 1]
        payload, at = data[at + 2 : at + 2 + length], at + 2 + length
        try:
            entries = awareness.decode(payload)
            assert awareness.encode(entries) == payload
            news = registry.receive(owner, payload, author="ab"[owner % 2], name="Ada") if length else None
        except Refused:
            continue
        _apply(shown, news)
        _apply(shown, None if length else registry.leave(owner))
        full = registry.full()
        told = {entry.client: entry.state for entry in awareness.decode(full)} if full else {}
        assert told == shown, "whoever joins sees what the others saw"
        assert len(shown) <= 3 * limits.AWARENESS_IDS
        assert sum(map(len, shown.values())) <= 3 * limits.AWARENESS_BYTES


def _apply(shown: dict[int, bytes], news: bytes | None) -> None:
    for entry in awareness.decode(news) if news else ():
        if entry.state == b"null":
            shown.pop(entry.client, None)
        else:
            assert json.loads(entry.state)["user"]["role"] == "person"
            shown[entry.client] = entry.state


def _update(data: bytes) -> None:
    """A tab's update: pycrdt makes of it what was foretold, in an empty document and in one that holds something."""
    read = update.read(data)
    assert update.read(update.without(read, [s.client for s in read.sections])).deleted == read.deleted
    for base in (b"", BASE):
        doc: Doc[Any] = Doc(client_id=1)
        if base:
            doc.apply_update(base)
        before = state(doc)
        pairs = update.read(BASE, own=True).pairs if base else ()
        if update.splits(read, pairs):
            continue
        foretold = update.fits(read, before)
        if not _applied(doc, data):
            continue
        after = state(doc)
        ends = [(client, end) for client, _, end in (*read.inserted, *read.deleted)]
        happened = all(after.get(client, 0) >= end for client, end in ends)
        # Who repeats a struct under a lie about what it leans on is refused, though the document needs nothing of it.
        # So is a section that holds nothing but a gap.
        repeats = any(before.get(section.client, 0) > section.start for section in read.sections)
        repeats |= {section.client for section in read.sections} != {client for client, _, _ in read.inserted}
        assert foretold == happened or (repeats and not foretold)
        if foretold:
            grown = {client for client in after if after[client] > before.get(client, 0)}
            assert set(update.new_clients(read, before)) == grown
            assert update.fits(update.read(doc.get_update(), own=True), {})


def _applied(doc: "Doc[Any]", data: bytes) -> bool:
    """Apply it; False where the CRDT gives up, as a struct whose parent is no type makes it do (specs/update.md)."""
    try:
        doc.apply_update(data)
    except Exception as error:
        assert "must be deleted or shared ref type" in str(error)  # noqa: PT017
        return False
    return True


def _edit(data: bytes) -> None:
    """Edits of one document by two people, as a room takes them: what it holds is always what it says it holds."""
    log = [BASE]
    shared = _opened(log)
    owners = dict(BASE_OWNERS)
    try:
        at = 0
        while at + 3 <= len(data):
            author, length = "ab"[data[at] % 2], int.from_bytes(data[at + 1 : at + 3], "big")
            edit, at = data[at + 3 : at + 3 + length], at + 3 + length
            before = shared.doc.get_update()
            try:
                judged, _, alone = shared.judge(edit, author, owners, "r")
                taken = shared.apply([judged.data])
                if alone and taken.endswith(b"\0"):  # Then a room logs what came, and not what the CRDT says of it.
                    assert update.read(taken, own=True).inserted == judged.inserted
            except Refused as refused:
                assert refused.code in EDIT_CODES  # noqa: PT017
                assert shared.doc.get_update() == before
                continue
            except Broken:
                shared.release()
                shared = _opened(log)
                assert shared.doc.get_update() == before
                continue
            log.append(taken or EMPTY_UPDATE)
            assert state(shared.doc) == shared.clocks
            for client in update.writers(taken or EMPTY_UPDATE):
                assert owners.setdefault(client, author) == author
        whole = Doc[Any]()
        whole.apply_update(shared.doc.get_update())
        assert state(whole) == shared.clocks
    finally:
        shared.release()


def _opened(log: list[bytes]) -> SharedDocument:
    shared = SharedDocument(9)
    for each in log:
        shared.load(each)
    shared.loaded()
    return shared


def _command(data: bytes) -> None:
    """A command, which is the same one however it is written."""
    try:
        command = parsing.parse(data)
    except parsing.CommandRefused as refused:
        assert refused.code in COMMAND_CODES  # noqa: PT017
        control.read(control.refused(refused.id, refused))
        raise
    again = parsing.parse(msgspec.json.encode(command))
    assert again == command
    assert parsing.digest(again) == parsing.digest(command)


def _letter(data: bytes) -> None:
    """A text frame of a socket with many documents: without `to` it is the same command, and its answer can be read."""
    text = data.decode(errors="replace")
    letter = addressing.read(text)
    fields = msgspec.json.decode(text)
    assert (fields.pop("to", None), fields) == (letter.to, msgspec.json.decode(letter.body))
    answer = addressing.stray(letter)
    told = msgspec.json.decode(answer)
    assert told.get("to") == letter.to
    said = control.read(answer)
    assert isinstance(said, control.Denied | control.Ok)
    parsing.parse(letter.body)


def _control(data: bytes) -> None:
    """A server's text frame, as our client reads it."""
    answer = control.read(data)
    if isinstance(answer, control.Shown):
        record = control.record_of(answer.record)
        if 0 <= record.time < 4_000_000_000_000_000:
            shown = control.read(control.record(record))
            assert isinstance(shown, control.Shown)
            assert control.record_of(shown.record) == record
    elif isinstance(answer, control.Denied):
        assert control.refusal_of(answer.refused).message


def _event(data: bytes) -> None:
    """A stored body: written again it is the same event, and it can be shown."""
    event = decode_event(data)
    assert encode_event(decode_event(encode_event(event))) == encode_event(event)
    record_json(Record(1, 0, "a", "", 1, event))


def _partial(data: bytes) -> None:
    """A JSON text so far: it has a value that can be written, and a whole text has its own."""
    text = data.decode(errors="replace")
    value = partial_json(text)
    msgspec.json.encode(value)
    partial_json(text[: len(text) // 2])
    try:
        whole = json.loads(text, parse_constant=_no_constant)
        msgspec.json.encode(whole)
        text.encode("utf-16")
    except (ValueError, RecursionError):
        return
    if "\\u" not in text and "inf" not in repr(whole) and max(text.count("["), text.count("{")) <= limits.UPDATE_DEPTH:
        assert value == whole


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _path(data: bytes) -> None:
    """A socket's path: what it means, written plainly, means the same."""
    kind, room, document = names.parse_path(data.decode("latin-1"))
    plain = f"/rooms/{room}" if kind == "room" else f"/docs/{room}/{document}"
    assert names.parse_path(plain) == (kind, room, document)


def _snapshot(data: bytes) -> None:
    """A snapshot's data: a cache that does not decode is no cache."""
    kept = read_snapshot(Snapshot(1, VERSION, data))
    assert kept is None or kept.state.seq == 1


TARGETS: dict[str, Target] = {
    "integers": _integers,
    "frame": _frame,
    "hocuspocus": _hocuspocus,
    "heard": _heard,
    "presence": _presence,
    "update": _update,
    "edit": _edit,
    "command": _command,
    "letter": _letter,
    "control": _control,
    "event": _event,
    "partial": _partial,
    "path": _path,
    "snapshot": _snapshot,
}


def run(name: str, data: bytes) -> bool:
    """Give the target these bytes; whether it took them. Raises what the decoder may not raise, or AssertionError."""
    try:
        TARGETS[name](data)
    except Refused as refused:
        assert refused.code in CODES  # noqa: PT017
        assert refused.message  # noqa: PT017
        return False
    except CorruptBody:
        assert name == "event"
        return False
    return True
