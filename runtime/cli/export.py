"""`plait export ROOM FILE`: a room's whole log as a bundle, as a test, or as JSON Lines for other tools.

The file appears under its name when it is whole. It reads the database beside the server that writes it. A room of an
encrypted store is in the clear there, which is said on stderr.
"""

import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
import msgspec
import trio

from ...protocol.codec import record_json
from ...storage import Reader, StoreError, open_store
from ..replay.exporting import EVERYBODY, export
from ..replay.suite import written
from .asking import json_option, room_or_file, store_option


@click.command("export")
@room_or_file()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--redact", is_flag=True, help="Leave out all that people, models and tools said and wrote.")
@click.option("--without", metavar="SUBJECT", multiple=True, help="Leave out what this person said; repeatable.")
@click.option("--by", default=getpass.getuser, show_default="who is logged in", help="Who asks for it.")
@click.option("--jsonl", is_flag=True, help="The records as JSON Lines, one a line, instead of a bundle.")
@click.option("--test", is_flag=True, help="Write a test beside FILE that holds --agent's code to this log.")
@click.option("--agent", "agents", metavar="MODULE:NAME", multiple=True, help="With --test: of this agent; repeatable.")
@json_option
@store_option
def verb(
    room: str,
    path: Path,
    redact: bool,
    without: tuple[str, ...],
    by: str,
    jsonl: bool,
    test: bool,
    agents: tuple[str, ...],
    as_json: bool,
    store_url: str,
) -> int:
    """Write the log of ROOM into FILE, from which `plait import` makes the room again; `-` is stdout."""
    if redact and without:
        raise click.UsageError("--redact leaves out everybody's words; say it, or --without SUBJECT")
    if jsonl and (redact or without):
        raise click.UsageError(
            "export a bundle without these words, and then its lines: plait export FILE.zip - --jsonl"
        )

    if test != bool(agents):
        raise click.UsageError("--test and --agent MODULE:NAME go together: a test holds an agent's code to the log")
    if test and (jsonl or redact or without or path.suffix != ".zip"):
        raise click.UsageError("--test needs a bundle, FILE.zip, with all that the agent was told")

    async def main() -> dict[str, object]:
        async with open_store(store_url, readonly=True) as reader:
            if (await reader.head(room)).seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            with _appearing(path) as file:
                if jsonl:
                    records = await _lines(reader, room, file)
                    told: dict[str, object] = {"room": room, "file": str(path), "records": records}
                else:

                    async def write(part: bytes) -> None:
                        file.write(part)

                    manifest = await export(reader, room, write, by=by, without=EVERYBODY if redact else without)
                    told = {"room": room, "file": str(path), "records": manifest.records}
                    told["redacted"] = manifest.redacted
                    told["opened"] = manifest.opened
            if reader.encrypts:
                click.echo(f"warning: {path} is not encrypted; whoever has it reads {_left(redact, without)}", err=True)
        return told

    told = trio.run(main)
    if test:
        told["test"] = str(_write_test(path, agents))
    said = f"{room}: {told['records']} records in {path}"
    said += f", without the words of {told['redacted']}" if told.get("redacted") else ""
    said += f", and a test in {told['test']}" if test else ""
    click.echo(msgspec.json.encode(told) if as_json else said, err=str(path) == "-")
    return 0


def _left(redact: bool, without: Sequence[str]) -> str:
    return "who did what and when, and how much" if redact else "what others said" if without else "all that was said"


def _write_test(bundle: Path, agents: Sequence[str]) -> Path:
    """A test beside the bundle, under whose name pytest finds it."""
    path = bundle.with_name(f"test_{bundle.stem.replace('-', '_').replace('.', '_')}.py")
    with _appearing(path) as file:
        file.write(written(bundle, agents).encode())
    return path


async def _lines(reader: Reader, room: str, file: IO[bytes]) -> int:
    """Every record as `plait log --json` has it; how many."""
    seq = 0
    while page := await reader.read(room, seq):
        file.write(b"".join(record_json(record) + b"\n" for record in page))
        seq = page[-1].seq
    return seq


@contextmanager
def _appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file that has its name only when it is whole and on disk."""
    if str(path) == "-":
        yield sys.stdout.buffer
        return
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
