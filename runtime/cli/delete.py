"""`plait delete ROOM`: forget a room for good.

It opens the store for writing, so it works only where no server does; a running one is asked over HTTP, because it must
close the room's sockets and stop its steps first. Whoever is at a terminal is asked before anything happens; a script
says `--yes`, and is never asked, because nobody would answer.
"""

import sys

import click
import msgspec
import trio

from ...storage import RoomDeleted, StoreError
from ...storage.deliveries import forget_deliveries
from .asking import checked_room, json_option, store_option
from .holding import hold


@click.command("delete")
@click.argument("room", callback=checked_room)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@store_option
def verb(room: str, yes: bool, as_json: bool, store_url: str) -> int:
    """Delete ROOM for good: its log, its documents, the files that only it has."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at; say --yes to delete without being asked")

    async def main() -> int:
        async with hold(store_url, f"ask the server instead: DELETE /api/rooms/{room}") as store:
            head = await store.head(room)
            if head.deleted:
                raise RoomDeleted(room)
            if head.seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            question = f"Delete room {room} with its {head.seq} records? Nothing can bring it back."
            if not yes and not click.confirm(question, err=True):
                click.echo("nothing was deleted", err=True)
                return 1
            await store.delete(room)
        forget_deliveries(store_url, room=room)
        deleted = {"room": room, "deleted": True, "records": head.seq}
        click.echo(msgspec.json.encode(deleted) if as_json else f"{room}: deleted, with its {head.seq} records")
        return 0

    return trio.run(main)
