"""`plait erase SUBJECT`: take what one person said and wrote out of the logs, so that each chain still verifies.

It opens the store for writing, so it works only where no server does: a tab that is open has the text in its memory,
and a run at work would say it again. Each room is one transaction, and then the database is written anew, because pages
that wait to be used again hold what was removed. Both can be asked for again after a crash: nothing is done twice.
"""

import getpass
import os
import sys
import time

import click
import msgspec
import trio
from msgspec import Struct

from ...storage import RoomDeleted, SqliteStore, StoreError, plan_erasure
from ...storage.deliveries import forget_deliveries
from ...storage.file import compact
from ...storage.opening import database_path
from .asking import checked_room, json_option, store_option
from .holding import hold


class Told(Struct, frozen=True):
    """What an erasure did, or would do, in one room; `bad` says why it did nothing."""

    room: str
    records: int
    erased: int = 0
    blobs: int = 0
    bad: str | None = None


@click.command("erase")
@click.argument("subject")
@click.option("--room", callback=checked_room, help="In that room only.")
@click.option("--by", default=getpass.getuser, show_default="who is logged in", help="Who asks for it, for the log.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@store_option
def verb(subject: str, room: str | None, by: str, dry_run: bool, yes: bool, as_json: bool, store_url: str) -> int:
    """Erase what SUBJECT said and wrote from the logs for good."""
    if not subject:
        raise click.UsageError("say whose words are to be erased")
    if not (yes or dry_run) and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at; say --yes to erase without being asked, or --dry-run")
    if not (yes or dry_run):
        where = f"room {room}" if room else "every room"
        if not click.confirm(f"Erase what {subject} said and wrote in {where}? Nothing can bring it back.", err=True):
            click.echo("nothing was erased", err=True)
            return 1

    async def main() -> list[Told]:
        told: list[Told] = []
        async with hold(store_url, "stop it first: tabs and runs still hold what is to be erased") as store:
            for name in [room] if room else await _names(store):
                one = await _erase(store, name, subject, by, dry_run=dry_run)
                if one is not None:
                    told.append(one)
        return told

    told = trio.run(main)
    path = database_path(store_url)
    if not dry_run and path is not None:
        compact(path)
        forget_deliveries(store_url, room=room or "", subject=subject)
    for one in told:
        click.echo(msgspec.json.encode(one) if as_json else _sentence(one, dry_run=dry_run))
    if not told:
        click.echo(f"{subject} said nothing in {f'room {room}' if room else 'any room'}", err=True)
    return 1 if any(one.bad for one in told) else 0


async def _names(store: SqliteStore) -> list[str]:
    names: list[str] = []
    while more := await store.room_names(names[-1] if names else ""):
        names += more
    return names


async def _erase(store: SqliteStore, room: str, subject: str, by: str, *, dry_run: bool) -> Told | None:
    """Erase the person from one room; None if there is nothing of theirs."""
    head = await store.head(room)
    if head.deleted:
        raise RoomDeleted(room)
    if not head.seq:
        raise StoreError(f"no room named {room} is in this store")
    erasure = await plan_erasure(store, room, subject, by=by, now=time.time_ns() // 1000, salt=os.urandom(16))
    if erasure is None:
        return None
    if head.open_runs:
        bad = f"{head.open_runs} of its runs are not finished; start the server, stop them, and ask again"
        return Told(room, head.seq, bad=bad)
    if not dry_run:
        await store.erase(erasure)
    return Told(room, head.seq, len(erasure.changed), len(erasure.blobs))


def _sentence(one: Told, *, dry_run: bool) -> str:
    if one.bad:
        return f"{one.room}: nothing was erased: {one.bad}"
    files = f", and {one.blobs} files" if one.blobs else ""
    return f"{one.room}: {one.erased} of {one.records} records {'would be' if dry_run else 'are'} erased{files}"
