"""`plait log ROOM`: the room's records, for people or as JSON Lines, and on as they come.

It reads the database beside the server that writes it, so it also works when that server hangs or is gone. Whatever a
record holds came from people and models: what is shown to a terminal is escaped first, so no text can move its cursor.
"""

import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec
import trio
from rich.console import Console
from rich.text import Text

from ...protocol.codec import record_json, rfc3339
from ...protocol.events import Record
from ...storage import Reader, StoreError, open_store
from ..replay.sentences import printable
from .asking import json_option, room_or_file, store_option

POLL_S = 0.25
"""How often `--follow` asks for news: one look at an index, and quicker than a person notices."""

COLOURS = {"run": "cyan", "text": "green", "reasoning": "magenta", "model": "blue", "tool": "yellow", "stop": "red"}
"""By the first word of the event's tag."""


@click.command("log")
@room_or_file()
@click.option("--follow", is_flag=True, help="Go on with new records as they come, until interrupted.")
@click.option("--after", metavar="N", type=click.IntRange(min=0), default=0, help="Begin after record N.")
@json_option
@store_option
def verb(room: str, follow: bool, after: int, as_json: bool, store_url: str) -> None:
    """Print the log of ROOM."""
    write = _write_json if as_json else _writer_for_people()

    async def main() -> None:
        async with open_store(store_url, readonly=True) as reader:
            await show(reader, room, after, follow=follow, write=write)

    trio.run(main)


async def show(reader: Reader, room: str, after: int, *, follow: bool, write: Callable[[list[Record]], None]) -> None:
    """Give the records of the room after seq `after` to `write`, page by page; with `follow`, never return."""
    if not follow and (await reader.head(room)).seq == 0:
        raise StoreError(f"no room named {room} is in this store")
    while True:
        page = await reader.read(room, after)
        if page:
            write(page)
            after = page[-1].seq
        elif follow:
            await trio.sleep(POLL_S)
        else:
            return


def _write_json(page: list[Record]) -> None:
    click.echo(b"".join(record_json(record) + b"\n" for record in page), nl=False)


def _writer_for_people() -> Callable[[list[Record]], None]:
    """Coloured and cut to the window on a terminal; plain whole lines into a file or a pipe."""
    if not sys.stdout.isatty():
        return lambda page: click.echo("".join(f"{' '.join(line(record))}\n" for record in page), nl=False)
    console = Console(highlight=False)

    def write(page: list[Record]) -> None:
        for record in page:
            seq, time, author, run, tag, detail = line(record)
            text = Text.assemble((seq, "dim"), " ", (time, "dim"), " ", (author, "bold"), " ", (run, "dim"), " ")
            text.append(tag, COLOURS.get(tag.strip().split("-")[0], "white"))
            text.append(f" {detail}")
            console.print(text, no_wrap=True, overflow="ellipsis", crop=True)

    return write


def line(record: Record) -> tuple[str, str, str, str, str, str]:
    """The record as people read it: seq, time to the millisecond, author, run, the event's tag and what it says."""
    fields: dict[str, Any] = msgspec.to_builtins(record.event)
    tag = fields.pop("type")
    said = []
    if "step" in fields:
        said.append(printable(f"{fields.pop('step')}#{fields.pop('attempt', 1)}"))
    for name, value in fields.items():
        shown = value if isinstance(value, str) and name.endswith("sha256") else msgspec.json.encode(value).decode()
        said.append(printable(shown) if name in ("text", "prompt") else f"{name}={printable(shown)}")
    if record.grant:
        said.append(f"grant={printable(record.grant)}")
    if record.document:
        said.append(f"document={printable(record.document)}")
    if record.update:
        said.append(f"update={len(record.update)}B")
    time = rfc3339(record.time)[:23] + "Z"
    run = (record.run.lstrip("0") and f"run:{record.run.lstrip('0')}") or "-"
    return f"{record.seq:>7}", time, f"{printable(record.author):<12}", f"{run:<8}", f"{tag:<18}", " ".join(said)
