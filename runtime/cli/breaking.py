"""`plait replay ROOM --break CONDITION`: the first record at which something begins to hold; with `--live`, the first
one that is yet to come.

It reads the database beside the server that writes it, so whoever waits costs the room nothing. It exits 0 at a hit,
and 1 where the log ends without one.
"""

import sys

import click
import msgspec
import trio
from rich.console import Console
from rich.progress import Progress

from ...protocol.codec import record_json
from ...protocol.errors import Refused
from ...protocol.events import Record
from ...storage import StoreError, open_store
from ..replay.finding import Condition, Walk, spelled
from .log import line

_AGAIN_S = 0.2
"""Between two looks at whether the log goes on: nobody sees a difference, and a look is one row."""

_SHOW_EVERY_S = 0.1


def first_hit(room: str, text: str, document: str, after: int | None, *, live: bool, as_json: bool, store: str) -> int:
    """Print the first hit behind record `after`: without it behind 0, and `live` behind the newest."""
    try:
        condition = spelled(text, document)
    except Refused as refused:
        raise click.UsageError(refused.message) from None

    async def main() -> int:
        async with open_store(store, readonly=True) as reader:
            head = (await reader.head(room)).seq
            if head == 0:
                raise StoreError(f"no room named {room} is in this store")
            begin = after if after is not None else head * live
            walk = Walk(reader, room, condition)
            await walk.begin(begin)
            found = await (_wait(walk) if live else _search(walk, head))
            _tell(room, walk, condition, found, as_json=as_json)
            return 0 if found is not None else 1

    return trio.run(main)


async def _search(walk: Walk, head: int) -> Record | None:
    """The first hit up to where the log ends; a person sees how far it is."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("looking", total=head, completed=walk.seq)
        while True:
            until = trio.current_time() + _SHOW_EVERY_S
            found = await walk.go_on(lambda until=until: trio.current_time() >= until)
            progress.update(task, completed=walk.seq)
            if found is not None or walk.seq >= head:
                return found


async def _wait(walk: Walk) -> Record:
    """The first hit, whenever it comes."""
    while (found := await walk.go_on()) is None:  # noqa: ASYNC110 - another process writes; nobody here could say so
        await trio.sleep(_AGAIN_S)
    return found


def _tell(room: str, walk: Walk, condition: Condition, found: Record | None, *, as_json: bool) -> None:
    if as_json:
        said = {"seq": found.seq if found else None, "looked": walk.seq}
        click.echo(msgspec.json.encode(said | ({"record": msgspec.Raw(record_json(found))} if found else {})))
    elif found is None:
        click.echo(f"{room}: it does not begin to hold up to record {walk.seq}")
    else:
        word = "it happens in" if condition.happens else "it holds after"
        click.echo(f"{room}: {word} record {found.seq}")
        click.echo(" ".join(line(found)))
