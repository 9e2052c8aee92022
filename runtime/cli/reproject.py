"""`plait reproject [ROOM ...]`: give rooms' documents the shape in which today's code shows their logs.

With `--check` it only compares, beside a server too, and says where the two differ: what a deployment should look at
before it changes the shape. Without, it opens the store for writing, so it works only where no server does; a running
one does the same for one room at `POST /api/rooms/ROOM/reproject`, and for each room of an older shape when that is
opened. Each room is one append, so it can be cut and called again at any time. Rules stand in specs/reprojection.md.
"""

import getpass
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import click
import msgspec
import trio
from rich.console import Console
from rich.progress import Progress

from ...protocol.errors import Refused
from ...storage import Reader, SqliteStore, StoreError, StoreLocked, open_store
from ..replay.reprojection import Reprojection, compare, reproject
from .asking import json_option, store_option

_TOLD = 10
"""Differences of a room that people are shown; machines are told all that are looked at."""


class Failed(msgspec.Struct, frozen=True):
    """A room that stays as it was, and why."""

    room: str
    bad: str


@click.command("reproject")
@click.argument("rooms", metavar="[ROOM ...]", nargs=-1)
@click.option("--check", is_flag=True, help="Only say what would change; exit 1 if anything would.")
@click.option("--by", default=getpass.getuser, show_default="who is logged in", help="Who asks for it, for the log.")
@json_option
@store_option
def verb(rooms: tuple[str, ...], check: bool, by: str, as_json: bool, store_url: str) -> int:
    """Show the logs of ROOMs, or of every room, in today's shape."""

    async def main() -> list[Reprojection | Failed]:
        told: list[Reprojection | Failed] = []
        async with _opened(store_url, readonly=check) as store:
            names = list(rooms) or await _names(store)
            for room in rooms:
                await _check_there(store, room)
            records = sum([(await store.head(name)).seq for name in names])
            with _progress(records) as tick:
                for name in names:
                    told.append(await _one(store, name, by, tick))
        return told

    told = trio.run(main)
    for one in told:
        if as_json:
            click.echo(msgspec.json.encode(one))
        else:
            _tell(one)
    done, due = sum(_is(one, done=True) for one in told), sum(_is(one, done=False) for one in told)
    bad = sum(isinstance(one, Failed) for one in told)
    if not as_json:
        what = f"{due} of them would be shown otherwise" if check else f"{done} of them projected anew"
        click.echo(f"{len(told)} rooms, {what}" + (f", {bad} failed" if bad else ""))
    return 1 if bad or (check and due) else 0


async def _one(store: "Reader | SqliteStore", room: str, by: str, tick: Callable[[int], None]) -> Reprojection | Failed:
    try:
        if isinstance(store, SqliteStore):
            return await reproject(store, room, by=by, tick=tick)
        return await compare(store, room, tick)
    except (StoreError, Refused) as error:
        return Failed(room, str(error))


def _is(one: Reprojection | Failed, *, done: bool) -> bool:
    return isinstance(one, Reprojection) and (one.done if done else one.due)


async def _check_there(store: Reader, room: str) -> None:
    head = await store.head(room)
    if head.deleted or not head.seq:
        raise StoreError(f"no room named {room} is in this store")


async def _names(store: Reader) -> list[str]:
    names: list[str] = []
    while more := await store.room_names(names[-1] if names else ""):
        names += more
    return names


def _tell(one: Reprojection | Failed) -> None:
    if isinstance(one, Failed):
        click.echo(f"{one.room}: {one.bad}")
        return
    if not (one.done or one.due):
        return
    was = f"shape {one.shape} -> {one.today}" if one.shape != one.today else f"shape {one.today}"
    count = len(one.differences) + one.more
    does = f"projected anew in record {one.seq}" if one.done else "would be projected anew"
    click.echo(f"{one.room}: {does}, {was}, {count} places of its document {'were' if one.done else 'are'} otherwise")
    for place in one.differences[:_TOLD]:
        click.echo(f"  {msgspec.json.encode(place).decode()}")
    if count > _TOLD:
        click.echo(f"  and {count - _TOLD} more")


@asynccontextmanager
async def _opened(store_url: str, *, readonly: bool) -> "AsyncIterator[Reader | SqliteStore]":
    """The store; to be written, held against others. Raises UsageError if a server has it."""
    if readonly:
        async with open_store(store_url, readonly=True) as reader:
            yield reader
        return
    try:
        store = open_store(store_url, create=False)
    except StoreLocked as locked:
        raise click.UsageError(f"{locked}; stop it first, or ask it: POST /api/rooms/ROOM/reproject") from locked
    async with store:
        yield store


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr if a person looks at it, else nothing."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("projecting", total=total)
        yield lambda count: progress.advance(task, count)
