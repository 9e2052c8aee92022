"""`plait merge FORK`: what was written in a fork's documents, made in the room that it was forked from.

It writes, so it works only where no server holds the store; a running one is asked over HTTP, because its tabs are to
see it.
"""

import click
import msgspec
import trio

from ..replay.comparing import Difference
from ..replay.merge import Merged, merge
from ..replay.sentences import sentence
from .asking import checked_room, json_option, store_option
from .holding import hold


@click.command("merge")
@click.argument("fork", callback=checked_room)
@click.option("--document", "documents", metavar="NAME", multiple=True, help="Only this document; repeatable.")
@click.option("--preview", is_flag=True, help="Only say what would be otherwise.")
@json_option
@store_option
def verb(fork: str, documents: tuple[str, ...], preview: bool, as_json: bool, store_url: str) -> int:
    """Take the edits of FORK's documents into its parent, each as its author's."""

    async def main() -> Merged:
        async with hold(store_url, f"ask the server instead: POST /api/rooms/{fork}/merge") as store:
            return await merge(store, fork, documents=documents or None, preview=preview)

    merged = trio.run(main)
    if as_json:
        click.echo(msgspec.json.encode(merged))
        return 0
    would = "would take" if preview else "took"
    if not merged.documents:
        click.echo(f"{merged.room}: nothing to take from {fork}")
    for name, one in merged.documents.items():
        click.echo(f"{merged.room}: {would} {one.edits} edits of {name} by {', '.join(map(repr, one.authors))}")
        for change in one.changes:
            assert isinstance(change, Difference)
            click.echo(f"  {sentence(change)}")
    return 0
