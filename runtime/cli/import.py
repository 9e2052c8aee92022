"""`plait import FILE`: make a room of a bundle, checked whole before anything is written.

It opens the store for writing, so it works only where no server does; a running one is asked over HTTP. A room of the
name that is something else is left as it is, and the same bundle again changes nothing.
"""

# ruff: noqa: N999 - A verb's module is called as the verb, and nobody imports this one by a statement.

import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
import trio
from rich.console import Console
from rich.progress import Progress

from ...storage.zipped import Zipped
from ..replay.importing import Imported, Tick, import_
from .asking import checked_room, json_option, store_option
from .holding import hold


@click.command("import")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "name", metavar="NAME", callback=checked_room, help="The room's name here, if not the same.")
@click.option("--resume", is_flag=True, help="Let what was at work go on here; without it, it is stopped.")
@click.option("--by", default=getpass.getuser, show_default="who is logged in", help="Who imports it, for the log.")
@json_option
@store_option
def verb(path: Path, name: str | None, resume: bool, by: str, as_json: bool, store_url: str) -> int:
    """Make a room of the bundle FILE."""

    async def main() -> Imported:
        with Zipped(path) as bundle:
            records = bundle.manifest.records
        async with hold(store_url, "send the file to the server instead: POST /api/import", create=True) as store:
            with _progress(records) as tick:
                now = time.time_ns() // 1000
                return await import_(store, path, by=by, now=now, name=name or "", resume=resume, tick=tick)

    done = trio.run(main)
    click.echo(msgspec.json.encode(done) if as_json else _sentence(done))
    return 0


def _sentence(done: Imported) -> str:
    if done.again:
        return f"{done.room}: here already, nothing was changed"
    words = f", without the words of {done.redacted}" if done.redacted else ""
    of = f" of room {done.of}" if done.of != done.room else ""
    stopped = f"; {done.stopped} runs that were open are stopped" if done.stopped else ""
    return f"{done.room}: {done.records} records{of}, all as they were written{words}{stopped}"


@contextmanager
def _progress(total: int) -> Iterator[Tick]:
    """A bar on stderr if a person looks at it, else nothing."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("checking", total=total)
        yield lambda count: progress.advance(task, count)
