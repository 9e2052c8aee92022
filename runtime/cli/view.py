"""`plait view ROOM --at N`: what each tab had been sent when a record was written, and why somebody did not see it.

It reads the log and the journal of deliveries beside it. People get a sentence for each tab, machines what
`GET /api/rooms/ROOM/view` gives.
"""

from datetime import datetime

import click
import msgspec
import trio

from ...protocol.codec import rfc3339
from ...protocol.events import Record
from ...storage import StoreError, open_store
from ...storage.deliveries import deliveries_of
from ..replay.sentences import printable
from ..replay.viewing import View, moment_of, shown, views, window
from .asking import checked_room, json_option, store_option


@click.command("view")
@click.argument("room", callback=checked_room)
@click.option("--at", "seq", metavar="N", type=click.IntRange(min=1), help="Record N instead of the newest.")
@click.option(
    "--time",
    "when",
    metavar="T",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]),
    help="The newest record by then, UTC.",
)
@click.option("--tab", metavar="ID", default="", help="Only this tab.")
@json_option
@store_option
def verb(room: str, seq: int | None, when: datetime | None, tab: str, as_json: bool, store_url: str) -> None:
    """Say what each tab of ROOM had been sent when record N was written."""
    if seq is not None and when is not None:
        raise click.UsageError("say one of --at and --time")

    async def main() -> Record:
        async with open_store(store_url, readonly=True) as reader:
            head = (await reader.head(room)).seq
            if head == 0:
                raise StoreError(f"no room named {room} is in this store")
            if when is None:
                return await moment_of(reader, room, seq or head)
            return await moment_of(reader, room, at=int((when - datetime(1970, 1, 1)).total_seconds() * 1_000_000))

    record = trio.run(main)
    with deliveries_of(store_url, readonly=True) as journal:
        found = views(journal.of(room, *window(record)), record, tab)
    if as_json:
        click.echo(msgspec.json.encode(shown(found, record)))
        return
    click.echo(f"{room}, record {record.seq} of {rfc3339(record.time)}")
    for view in found:
        click.echo(f"  {_who(view)}: {printable(view.sentence)}")
    if not found:
        click.echo("  nobody is known to have been here")


def _who(view: View) -> str:
    if not view.tab:
        return "refused"
    return f"{view.tab} {printable(view.subject)} at {printable(view.document) or 'the room'}"
