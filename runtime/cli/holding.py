"""The store of a verb that writes: held against others, and where a server holds it, what to do instead."""

import click

from ...storage import SqliteStore, StoreLocked, open_store


def hold(store_url: str, instead: str, *, create: bool = False) -> SqliteStore:
    """The store, which nobody else writes until it is closed. Raises UsageError with that sentence if a server has it,
    StoreError."""
    try:
        return open_store(store_url, create=create)
    except StoreLocked as locked:
        raise click.UsageError(f"{locked}; {instead}") from locked
