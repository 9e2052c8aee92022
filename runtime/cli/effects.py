"""`plait effects ROOM SEQ`: all that one record changed, where that stands now, and what happened because of it.

It reads the database beside the server that writes it. People see a line for each place, machines what
`GET /api/rooms/ROOM/effects` gives.
"""

from collections.abc import Iterator
from typing import Any

import click
import msgspec
import trio

from ...storage import StoreError, open_store
from ..replay.effects import Effects, effects, shown
from .asking import json_option, room_or_file, store_option
from .log import line, printable

_LONG = 120
"""Characters of a value that people are shown."""


@click.command("effects")
@room_or_file()
@click.argument("seq", type=click.IntRange(min=1))
@json_option
@store_option
def verb(room: str, seq: int, as_json: bool, store_url: str) -> None:
    """Print all that record SEQ of ROOM changed."""

    async def main() -> Effects:
        async with open_store(store_url, readonly=True) as reader:
            if (await reader.head(room)).seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            return await effects(reader, room, seq)

    found = trio.run(main)
    told = shown(found)
    if as_json:
        click.echo(msgspec.json.encode(told))
        return
    click.echo(" ".join(line(found.record)))
    for each in _lines(told):
        click.echo(f"  {each}")


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """The places, the steps and what followed, as people read them."""
    for change in told["changed"]:
        yield _change(change)
    if "more" in told:
        yield f"and {told['more']} places more"
    for turn in told["steps"]:
        what = f"step {printable(turn['step'])}" if turn["step"] else "run"
        was = f"{turn['was']} -> " if turn["was"] else "began "
        yield f"{what} of {turn['run'].lstrip('0')} ({printable(turn['name'])}): {was}{turn['now']}"
    for each in told["caused"]:
        seqs = f"{each['seq']}" if each["last"] == each["seq"] else f"{each['seq']}-{each['last']}"
        yield f"caused {seqs} {each['event']} {printable(each.get('step', ''))}".rstrip()


def _change(change: dict[str, Any]) -> str:
    units = f":{change['units'][0]}" if "units" in change else ""
    where = f"{printable(change['document'] or 'the room')} {printable(change['path'])}{units}"
    said = f"{'+' if change['did'] == 'inserted' else '-'} {where} {_said(change)}"
    if change["did"] == "deleted" or change["still"]:
        return said
    by = f" by {change['deleted_by']}" if "deleted_by" in change else ""
    return f"{said} (deleted{by})"


def _said(change: dict[str, Any]) -> str:
    for name in ("text", "value", "mark"):
        if name in change:
            text = printable(msgspec.json.encode(change[name]).decode())
            return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
    return "(too long to be shown)"
