"""`plait keys`: the master key of an encrypted store: a new one, and its change.

A master key is made here and kept by whoever operates the store; plait never writes one into a file. It is changed by
putting a new one above the old in the file of keys: `rotate`, like any opening for writing, then wraps all keys of the
store by the first one, and the old one may go. No record is written anew for that.
"""

import click
import msgspec
import trio

from ...storage.masters import fresh
from .asking import json_option, store_option
from .holding import hold


@click.group("keys")
def verb() -> None:
    """Make and change the master key of an encrypted store."""


@verb.command("new")
def new() -> None:
    """Print a new master key: 32 random bytes in base64."""
    click.echo(fresh())


@verb.command("rotate")
@json_option
@store_option
def rotate(as_json: bool, store_url: str) -> int:
    """Wrap all keys of the store by the first of the master keys."""

    async def main() -> int:
        async with hold(store_url, "or start the server again: it does the same when it starts") as store:
            ring = store.ring
            if ring is None:
                raise click.UsageError("this store is not encrypted; serve it with --keys to begin")
            told = {"master": ring.master, "rewrapped": ring.rewrapped, **ring.count()}
        if as_json:
            click.echo(msgspec.json.encode(told))
        else:
            click.echo(f"{told['rewrapped']} keys are wrapped anew; all stand under master key {told['master']}")
        return 0

    return trio.run(main)
