"""`plait diff ROOM A B`: what differs between two moments, two rooms, two runs or two model requests.

A room may be one of the store or, as FILE.zip, a bundle's; so it is with the other one. As diff does, it exits 0 where
nothing differs and 1 where something does. Machines get one JSON object for each difference: its place as a JSON
Pointer, what stood there before and after.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click
import msgspec
import trio
from msgspec import UNSET

from ...storage import Reader, StoreError, open_store
from ..replay.asked import request
from ..replay.comparing import Difference, differences, first_differing
from ..replay.moment import moment
from ..replay.sentences import sentence
from ..replay.telling import roots, told
from .asking import bundled_room, checked_room, is_bundle, json_option, store_option

Side = tuple[Reader, str]
"""A room, and where it is kept."""


@click.command("diff")
@click.argument("room", metavar="ROOM|FILE")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B", required=False)
@click.option("--runs", is_flag=True, help="A and B are two runs of ROOM.")
@click.option("--requests", is_flag=True, help="A and B are the records of two model requests of ROOM.")
@json_option
@store_option
def verb(room: str, one: str, other: str | None, runs: bool, requests: bool, as_json: bool, store_url: str) -> int:
    """Compare ROOM after record A and after record B, or with A, another room or bundle, where there is no B."""
    if runs and requests:
        raise click.UsageError("say one of --runs and --requests")
    if other is None and (runs or requests):
        raise click.UsageError("two runs or two requests are compared: say A and B")
    here = _place(room, store_url)
    there = _place(one, store_url) if other is None else here

    async def main() -> list[Difference]:
        async with _opened(*here) as mine:
            if other is None:
                async with _opened(*there) as theirs:
                    return await _rooms(mine, theirs)
            if runs:
                return list(differences(await _run(mine, one), await _run(mine, other)))
            if requests:
                return list(differences(await _request(mine, one), await _request(mine, other)))
            return list(differences(await _moment(mine, one), await _moment(mine, other)))

    found = trio.run(main)
    for difference in found:
        click.echo(msgspec.json.encode(difference) if as_json else sentence(difference))
    return 1 if found else 0


def _place(name: str, store_url: str) -> tuple[str, str]:
    """What is to be opened, and the room in it."""
    if is_bundle(name):
        return f"bundle:{name}", bundled_room(name)
    checked = checked_room(click.get_current_context(), click.Argument(["room"]), name)
    assert checked is not None
    return store_url, checked


@asynccontextmanager
async def _opened(url: str, room: str) -> AsyncIterator[Side]:
    async with open_store(url, readonly=True) as reader:
        await _known((reader, room))
        yield reader, room


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise click.UsageError(f"{text} is not the seq of a record")
    return int(text)


async def _known(side: Side) -> int:
    reader, room = side
    head = await reader.head(room)
    if head.seq == 0:
        raise StoreError(f"no room named {room} is in this store")
    return head.seq


async def _moment(side: Side, seq: str | int) -> object:
    reader, room = side
    found = await moment(reader, room, _number(seq) if isinstance(seq, str) else seq)
    said = told(found)
    return {
        "room": said["room"],
        "runs": said["runs"],
        "drafts": said["drafts"],
        "documents": {name: roots(found, name) for name in found.documents},
        "pending": said["pending"],
        "spent": said["spent"],
    }


async def _rooms(mine: Side, theirs: Side) -> list[Difference]:
    """The first record at which the two logs differ, and what differs between the rooms as they are."""
    heads = await _known(mine), await _known(theirs)
    first = await first_differing(*mine, theirs[1], theirs[0])
    if first is None:
        return []
    found = [Difference(f"/records/{first}", await _record(mine, first), await _record(theirs, first))]
    return found + list(differences(await _moment(mine, heads[0]), await _moment(theirs, heads[1])))


async def _record(side: Side, seq: int) -> object:
    page = await side[0].read(side[1], seq - 1, 1)
    return msgspec.to_builtins(page[0].event) if page else UNSET


async def _run(side: Side, run: str) -> object:
    """A run as the room's document last showed it, without what says when."""
    first = _number(run)
    runs = told(await moment(*side, await _known(side)))["runs"]
    shown = runs.get(f"{first:012d}")
    if shown is None:
        raise StoreError(f"room {side[1]} shows no run {first}")
    return {key: value for key, value in shown.items() if key not in _WHEN}


_WHEN = {"requested_at", "deadline", "wakes_at", "ended_at"}


async def _request(side: Side, seq: str) -> object:
    return msgspec.json.decode(await request(*side, _number(seq)))
