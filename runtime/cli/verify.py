"""`plait verify [ROOM]`: whether the log is whole and is what was written.

Each room is read once, as it is kept. A record passes if it is the next one, its bytes give its hash and its hash
follows from the one before, its body decodes to the event that its header names, its update leans on nothing that the
document did not have, and the fold takes it in. The last one must be the one that the room's row names. The first
record that does not pass is named; what stands after it proves nothing, so it is not looked at.

Each blob that the room refers to must be there and hash to its name.

With `--deep` its documents are made again too, and compared with what is kept and with what today's code would show
(runtime/replay/deep). With `--chain` only the hash chain is looked at, on all processors (`segments`).

In an encrypted store the chain needs no key. What a record says is looked at where its key is here, up to the first one
whose key is not; the rest is counted as locked.

Records that somebody was erased from (specs/erasure.md) must hold what the erasure left of them and nothing that it
would have taken.

With a file of heads that were signed and kept elsewhere (`witness`), each log must also extend the heads of its room;
and with a key to sign with, the heads of the rooms that passed are added to it.

It may run beside the server: a room is checked up to where it ended when the check of it began, and one that is deleted
meanwhile is left out.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path

import click
import msgspec
import trio
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.progress import Progress

from ...protocol.codec import CorruptBody, decode_event
from ...protocol.erased import erased as without
from ...protocol.errors import Refused
from ...protocol.events import DocumentFact, Record
from ...protocol.fold import fold
from ...protocol.heads import BadHead, SignedHead
from ...protocol.reshaping import ended_lineage
from ...protocol.state import RoomState
from ...protocol.tokens import BadKey, Keys
from ...protocol.update import fits, read
from ...storage import (
    Break,
    Erased,
    Head,
    Reader,
    RoomDeleted,
    Sealed,
    StoreCorrupt,
    StoreError,
    StoreSealed,
    erasures,
    open_store,
)
from ...storage.chain import START, columns, kind_of
from ...storage.chain import verify as first_break
from ..auth.keyring import load_keys
from ..replay.deep import deep as look_deep
from . import witness
from .asking import json_option, room_or_file, store_option
from .segments import check_chains

_FILE = click.Path(dir_okay=False, path_type=Path)

Tick = Callable[[int], None]
"""Told how many records were looked at."""


class Verdict(Struct, frozen=True):
    """What the check of one room found. `seq` is the last good record's, `bad` what is wrong with the next one, or with
    the log as a whole. It extends `signed` heads, and from `erased` of its records somebody was erased. `deep`: its
    documents passed too; `shape`: all that is wrong is that today's code would show them otherwise. For `locked` ones
    there is no key, so only the chain was looked at."""

    room: str
    seq: int
    hash: str
    bad: str | None = None
    signed: int = 0
    erased: int = 0
    deep: bool = False
    shape: bool = False
    locked: int = 0


@click.command("verify")
@room_or_file(required=False)
@click.option("--heads", "heads_file", metavar="FILE", type=_FILE, help="Signed heads that the logs must extend.")
@click.option("--key", "key_file", metavar="FILE", type=_FILE, help="Whose signatures count: public keys, or a secret.")
@click.option("--sign", "sign_file", metavar="FILE", type=_FILE, help="Sign the heads with this key, into --heads.")
@click.option("--deep", is_flag=True, help="Also make each document again, and show it by today's code.")
@click.option("--chain", "chain_only", is_flag=True, help="Only the hash chain, on all processors; needs no keys.")
@json_option
@store_option
def verb(
    room: str | None,
    heads_file: Path | None,
    key_file: Path | None,
    sign_file: Path | None,
    deep: bool,
    chain_only: bool,
    as_json: bool,
    store_url: str,
) -> int:
    """Check the log of ROOM, or of every room."""
    if chain_only and (deep or heads_file or key_file or sign_file):
        raise click.UsageError("--chain checks the chain alone; without it, everything else is checked too")
    signer = _keys("--sign", sign_file)
    signed = _signed(heads_file, _keys("--key", key_file) or signer, new=signer is not None)
    if room:
        signed = {room: signed.get(room, [])}

    async def main() -> int:
        async with open_store(store_url, readonly=True) as reader:
            heads = [await reader.head(room)] if room else await _all(reader, signed)
            if room and heads[0].seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            if room and heads[0].deleted and not signed[room]:
                raise RoomDeleted(room)
            with _progress(sum(head.seq for head in heads) * (2 if deep else 1)) as tick:
                verdicts = await _chains(store_url, reader, heads, tick) if chain_only else []
                for head in () if chain_only else heads:
                    with nullcontext() if room else suppress(RoomDeleted):
                        verdict = await check(reader, head, tick, signed.get(head.room, ()))
                        verdicts.append(await _deeper(reader, verdict, tick) if deep else verdict)
        if signer is not None and heads_file is not None:
            whole = {verdict.room for verdict in verdicts if verdict.bad is None}
            good = [head for head in heads if head.room in whole]
            added = witness.add(heads_file, good, signed, signer, time.time())
            click.echo(f"{added} heads signed into {heads_file}", err=True)
        for verdict in verdicts:
            click.echo(msgspec.json.encode(verdict) if as_json else _sentence(verdict))
        if not as_json and not room:
            bad = sum(verdict.bad is not None for verdict in verdicts)
            click.echo(f"{len(verdicts)} rooms, {bad} of them damaged")
        return 1 if any(verdict.bad for verdict in verdicts) else 0

    return trio.run(main)


async def _chains(url: str, reader: Reader, heads: Sequence[Head], tick: Tick) -> list[Verdict]:
    """What the chains alone say, of the rooms that are there."""
    found = await check_chains(url, reader, heads, tick)
    verdicts: list[Verdict] = []
    for head in heads:
        if (one := found.get(head.room)) is not None:
            bad = one.bad
            if bad is None and one.hash != head.hash:
                bad = f"the room's row does not name record {one.good} as its last"
            verdicts.append(Verdict(head.room, one.good, one.hash.hex(), bad))
    return verdicts


async def _deeper(reader: Reader, verdict: Verdict, tick: Tick) -> Verdict:
    """The same, or what is wrong with its documents."""
    if verdict.bad is not None:
        return verdict
    fault = await look_deep(reader, verdict.room, verdict.seq, tick)
    if fault is None:
        return replace(verdict, deep=True)
    return replace(verdict, seq=fault.seq - 1, bad=fault.why, shape=fault.kind == "shape")


def _keys(option: str, path: Path | None) -> Keys | None:
    try:
        keys = load_keys(path) if path is not None else None
        if keys is not None and option == "--sign":
            keys.signer()
    except (BadKey, OSError) as error:
        raise click.UsageError(f"{option}: {error}") from None
    return keys


def _signed(path: Path | None, keys: Keys | None, *, new: bool) -> witness.Heads:
    """What the file of heads says. `new`: it need not be there yet."""
    if path is None:
        if keys is not None:
            raise click.UsageError("say with --heads FILE where the signed heads are kept")
        return {}
    if keys is None:
        raise click.UsageError("say with --key FILE whose signatures count; anybody could have signed these heads")
    try:
        return witness.load(path, keys)
    except FileNotFoundError as error:
        if new:
            return {}
        raise click.UsageError(f"--heads: {error}") from None
    except BadHead as bad:
        raise StoreError(str(bad)) from bad


async def _all(reader: Reader, signed: witness.Heads) -> list[Head]:
    """Where every room's log ends, and of rooms that have a signed head and are gone."""
    heads: list[Head] = []
    while names := await reader.room_names(heads[-1].room if heads else ""):
        heads += [await reader.head(name) for name in names]
    there = {head.room for head in heads}
    return heads + [await reader.head(name) for name in signed if name not in there]


async def check(reader: Reader, head: Head, tick: Tick, signed: Sequence[SignedHead] = ()) -> Verdict:
    """Read the room's log up to `head` and say where it is first not what was written, if anywhere; then whether it
    extends the heads that were signed."""
    if head.deleted or not head.seq:
        return Verdict(head.room, 0, head.hash.hex(), witness.contradiction(head, {}, signed, ()))
    past = await erasures(reader, head.room)
    erased = Erased(past[-1] if past else None)
    former = [one.lineage for one in past]
    good, previous = 0, START
    hashes = {one.seq: "" for one in signed}
    replay = _Replay()
    while good < head.seq:
        try:
            page = await reader.sealed(head.room, good, limit=min(500, head.seq - good))
        except StoreCorrupt as corrupt:
            return Verdict(head.room, good, previous.hex(), str(corrupt))
        if not page:
            return Verdict(head.room, good, previous.hex(), f"record {good + 1} is missing; {head.seq} were written")
        for sealed in page:
            found = first_break([sealed], after=good, previous=previous, erased=erased)
            found = found or replay.take(sealed, erased)
            if found:
                return Verdict(head.room, good, previous.hex(), found.why)
            if b"room-shaped" in sealed.header:
                former.append(ended_lineage(columns(sealed.header).record_id))
            good, previous = sealed.seq, sealed.hash
            if good in hashes:
                hashes[good] = previous.hex()
        tick(len(page))
    if previous != head.hash:
        return Verdict(head.room, good, previous.hex(), f"the room's row does not name record {good} as its last")
    bad = None if erased.sound else f"what stands in the places of {len(erased)} erased records is not what was left"
    bad = bad or witness.contradiction(head, hashes, signed, former)
    bad = bad or await _bad_blob(reader, head.room)
    locked = replay.locked
    return Verdict(head.room, good, previous.hex(), bad, 0 if bad else len(signed), len(erased), locked=locked)


async def _bad_blob(reader: Reader, room: str) -> str | None:
    """What is wrong with the first blob of the room that is not as it was put; None if all are."""
    name = ""
    while names := await reader.blobs_of(room, after=name):
        for name in names:
            try:
                blob = await reader.blob(name)
            except StoreSealed:
                continue  # Without its key nobody can say what it holds.
            except StoreCorrupt as corrupt:
                return str(corrupt)
            if blob is None:
                return f"blob {name} is missing"
            if sha256(blob.data).hexdigest() != name:
                return f"blob {name} holds other bytes than its name says"
    return None


class _Replay:
    """The room as its records make it again, without its documents' contents."""

    def __init__(self) -> None:
        self.state = RoomState()
        self.clocks: dict[str, dict[int, int]] = {}
        self.locked = 0

    def take(self, sealed: Sealed, gone: Erased) -> Break | None:
        """Take in the next record; what is wrong with it if it cannot be taken in."""
        if sealed.seq in gone:
            gone.take(sealed)
        if sealed.locked or self.locked:  # What stands on a record that cannot be read cannot be judged either.
            self.locked += sealed.locked
            return None
        try:
            record = _record(sealed)
            if sealed.seq in gone and _says(record):
                raise _Unfit("it is said to be erased and is not")
            if record.update:
                self._grow(record)
            fold(self.state, record)
        except (CorruptBody, _Unfit) as error:
            return Break(sealed.seq, f"record {sealed.seq} is sealed but not sound: {error}")
        except (Refused, LookupError) as error:
            return Break(sealed.seq, f"record {sealed.seq} is sealed but does not follow from the log: {error!r}")
        return None

    def _grow(self, record: Record) -> None:
        update = read(record.update)
        clocks = self.clocks.setdefault(record.document, {})
        if not fits(update, clocks):
            raise _Unfit("its update leans on structs that the document does not have")
        for section in update.sections:
            clocks[section.client] = max(clocks.get(section.client, 0), section.end)


def _says(record: Record) -> bool:
    """Whether it holds what an erasure would have taken."""
    return without(record.event) is not record.event and not isinstance(record.event, DocumentFact)


class _Unfit(Exception):
    """The record contradicts itself or the log before it."""


def _record(sealed: Sealed) -> Record:
    """The record that a seal holds: its columns from the header that the chain proves, its event from the body."""
    seq, time, author, run, epoch, document, record_id, asked, kind, *grant = msgspec.msgpack.decode(sealed.header)
    event = decode_event(sealed.body)
    if kind_of(event) != kind:
        raise _Unfit(f"its header says {kind} and its body {kind_of(event)}")
    return Record(seq, time, author, run, epoch, event, document, sealed.update, record_id, asked, *grant)


def _sentence(verdict: Verdict) -> str:
    if verdict.bad is None:
        signed = f", as {verdict.signed} signed heads say" if verdict.signed else ""
        deep = ", its documents too" if verdict.deep else ""
        gone = f", but for what was erased from {verdict.erased}" if verdict.erased else ""
        gone += f"; {verdict.locked} of them are encrypted and their key is not here" if verdict.locked else ""
        return (
            f"{verdict.room}: {verdict.seq} records, all as they were written{gone}{signed}{deep}; "
            f"head {verdict.hash[:16]}"
        )
    return f"{verdict.room}: {verdict.bad} ({verdict.seq} good before it)"


@contextmanager
def _progress(total: int) -> Iterator[Tick]:
    """A bar on stderr if a person looks at it, else nothing."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("verifying", total=total)
        yield lambda count: progress.advance(task, count)
