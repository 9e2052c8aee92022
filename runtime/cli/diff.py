"""`plait diff ROOM A B`: what differs between two moments, two rooms, two runs or two model requests.

As diff does, it exits 0 where nothing differs and 1 where something does. Machines get one JSON object for each
difference: its place as a JSON Pointer, what stood there before and after.
"""

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
from .asking import checked_room, json_option, room_or_file, store_option


@click.command("diff")
@room_or_file()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B", required=False)
@click.option("--runs", is_flag=True, help="A and B are two runs of ROOM.")
@click.option("--requests", is_flag=True, help="A and B are the records of two model requests of ROOM.")
@json_option
@store_option
def verb(room: str, one: str, other: str | None, runs: bool, requests: bool, as_json: bool, store_url: str) -> int:
    """Compare ROOM after record A and after record B, or with room A where there is no B."""
    if runs and requests:
        raise click.UsageError("say one of --runs and --requests")
    if other is None and (runs or requests):
        raise click.UsageError("two runs or two requests are compared: say A and B")

    async def main() -> list[Difference]:
        async with open_store(store_url, readonly=True) as reader:
            await _known(reader, room)
            if other is None:
                return await _rooms(reader, room, _room(one))
            if runs:
                return list(differences(await _run(reader, room, one), await _run(reader, room, other)))
            if requests:
                return list(differences(await _request(reader, room, one), await _request(reader, room, other)))
            return list(differences(await _moment(reader, room, one), await _moment(reader, room, other)))

    found = trio.run(main)
    for difference in found:
        click.echo(msgspec.json.encode(difference) if as_json else sentence(difference))
    return 1 if found else 0


def _room(name: str) -> str:
    checked = checked_room(click.get_current_context(), click.Argument(["a"]), name)
    assert checked is not None
    return checked


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise click.UsageError(f"{text} is not the seq of a record")
    return int(text)


async def _known(reader: Reader, room: str) -> int:
    head = await reader.head(room)
    if head.seq == 0:
        raise StoreError(f"no room named {room} is in this store")
    return head.seq


async def _moment(reader: Reader, room: str, seq: str | int) -> object:
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


async def _rooms(reader: Reader, room: str, other: str) -> list[Difference]:
    """The first record at which the two logs differ, and what differs between the rooms as they are."""
    heads = await _known(reader, room), await _known(reader, other)
    first = await first_differing(reader, room, other)
    if first is None:
        return []
    said = [await _record(reader, name, first) for name in (room, other)]
    found = [Difference(f"/records/{first}", *said)]
    one, two = await _moment(reader, room, heads[0]), await _moment(reader, other, heads[1])
    return found + list(differences(one, two))


async def _record(reader: Reader, room: str, seq: int) -> object:
    page = await reader.read(room, seq - 1, 1)
    return msgspec.to_builtins(page[0].event) if page else UNSET


async def _run(reader: Reader, room: str, run: str) -> object:
    """A run as the room's document last showed it, without what says when."""
    first = _number(run)
    runs = told(await moment(reader, room, await _known(reader, room)))["runs"]
    shown = runs.get(f"{first:012d}")
    if shown is None:
        raise StoreError(f"room {room} shows no run {first}")
    return {key: value for key, value in shown.items() if key not in _WHEN}


_WHEN = {"requested_at", "deadline", "wakes_at", "ended_at"}


async def _request(reader: Reader, room: str, seq: str) -> object:
    return msgspec.json.decode(await request(reader, room, _number(seq)))
