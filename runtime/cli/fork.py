"""`plait fork ROOM --at N`: a new room that begins as ROOM was after record N, perhaps with something otherwise.

It writes, so it works only where no server holds the store; a running one is asked over HTTP, because the fork is to go
on there. What goes on live does so when a server that has the agents is started next.
"""

from typing import Any

import click
import msgspec
import trio

from ...protocol.errors import Refused
from ...protocol.events import Going
from ...protocol.forks import Change, Wanted, kind_of
from ...storage import open_store
from ..replay.fork import Fork, fork, lineage
from .asking import checked_room, json_option, store_option
from .holding import hold


@click.command("fork")
@click.argument("room", callback=checked_room)
@click.option("--at", type=click.IntRange(min=1), help="Up to record N; with --change record N is another one.")
@click.option("--as", "name", callback=checked_room, metavar="NAME", help="What the new room is called.")
@click.option(
    "--change",
    "changes",
    multiple=True,
    metavar="FILE|K=V",
    help="What record N has otherwise: a JSON file, or K=V with K one of prompt, options, result, error, decision, "
    "args, reason, answer. V is JSON, or text.",
)
@click.option("--writes", is_flag=True, help="Let its tools change the world outside.")
@click.option("--live", "going", flag_value="live", help="Its open runs go on at once: models are asked, tools called.")
@click.option("--recorded", "going", flag_value="recorded", help="They go on by what the log has, as far as it has it.")
@click.option(
    "--recorded-live",
    "going",
    flag_value="recorded-live",
    help="The same, and live from where something else is asked.",
)
@click.option("--paused", "going", flag_value="paused", help="They wait until somebody resumes them.")
@click.option("--lineage", "tells", is_flag=True, help="Say where ROOM comes from and which forks it has.")
@json_option
@store_option
def verb(
    room: str,
    at: int | None,
    name: str | None,
    changes: tuple[str, ...],
    writes: bool,
    going: Going | None,
    tells: bool,
    as_json: bool,
    store_url: str,
) -> int:
    """Make a new room from ROOM as it was after a record, or tell of its lineage."""
    if tells == (at is not None):
        raise click.UsageError("say --at N, or --lineage")
    if at is None:
        return _tell(room, as_json, store_url)
    wanted = Wanted(at, name or "", _change(changes) if changes else None, writes, going)

    async def main() -> Fork:
        async with hold(store_url, f"ask the server instead: POST /api/rooms/{room}/fork") as store:
            return await fork(store, room, wanted)

    made = trio.run(main)
    click.echo(msgspec.json.encode(made) if as_json else f"{made.room}: a fork of {made.of}, up to record {made.at}")
    return 0


def _change(given: tuple[str, ...]) -> Change:
    """What is asked for: the objects of files, and single values. Raises UsageError."""
    said: dict[str, Any] = {}
    for one in given:
        key, equals, value = one.partition("=")
        try:
            if equals:
                said[key] = _value(value)
            else:
                with open(one, "rb") as file:
                    said |= msgspec.json.decode(file.read(), type=dict[str, Any])
        except (OSError, msgspec.MsgspecError) as error:
            raise click.UsageError(f"--change {one}: {error}") from error
    try:
        change = msgspec.convert(said, Change)
        kind_of(change)
    except (msgspec.ValidationError, Refused) as error:
        raise click.UsageError(f"--change: {error}") from error
    return change


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _tell(room: str, as_json: bool, store_url: str) -> int:
    async def main() -> int:
        async with open_store(store_url, readonly=True) as reader:
            found = await lineage(reader, room)
        if as_json:
            click.echo(msgspec.json.encode(found))
            return 0
        click.echo(f"{room}: " + (f"a fork of {found.of.room}, up to record {found.of.at}" if found.of else "no fork"))
        for child in found.forks:
            click.echo(f"  {child.room}: forked after record {child.at} by {child.by!r}, {child.when}")
        return 0

    return trio.run(main)
