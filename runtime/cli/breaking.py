"""`plait replay ROOM --break CONDITION`: the first record at which something begins to hold; with `--live`, the first
one that is yet to come.

It reads the database beside the server that writes it, so whoever waits costs the room nothing. It exits 0 at a hit,
and 1 where the log ends without one.
"""

import sys

import click
import msgspec
import trio
from msgspec import Struct
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


class Pauses(Struct, frozen=True):
    """The server that is to pause the room's runs at a hit, and the grant to show it; none for an empty `url`."""

    url: str = ""
    grant: str = ""

    async def at(self, room: str, reason: str, seq: int) -> bool | None:
        """Have it pause them; whether that was needed, None where nobody wants it. Raises Refused, OSError."""
        if not self.url:
            return None
        from ..client import connect  # Only who pauses needs a client.

        async with connect(self.url, room, grant=self.grant) as remote:
            try:
                await remote.pause(reason, at=seq)
            except Refused as refused:
                if refused.code != "already-decided":
                    raise
                return False
        return True


def first_hit(
    room: str,
    text: str,
    document: str,
    after: int | None,
    *,
    live: bool,
    as_json: bool,
    store: str,
    pauses: Pauses = Pauses(),  # noqa: B008 - it is frozen
) -> int:
    """Print the first hit behind record `after`: without it behind 0, and `live` behind the newest. `pauses` is told of
    it before."""
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
            paused = await pauses.at(room, text, found.seq) if found is not None else None
            _tell(room, walk, condition, found, paused, as_json=as_json)
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


def _tell(
    room: str, walk: Walk, condition: Condition, found: Record | None, paused: bool | None, *, as_json: bool
) -> None:
    if as_json:
        said: dict[str, object] = {"seq": found.seq if found else None, "looked": walk.seq}
        said |= {} if paused is None else {"paused": paused}
        click.echo(msgspec.json.encode(said | ({"record": msgspec.Raw(record_json(found))} if found else {})))
    elif found is None:
        click.echo(f"{room}: it does not begin to hold up to record {walk.seq}")
    else:
        word = "it happens in" if condition.happens else "it holds after"
        stopped = {None: "", True: "; its runs are paused", False: "; its runs were paused already"}[paused]
        click.echo(f"{room}: {word} record {found.seq}{stopped}")
        click.echo(" ".join(line(found)))
