"""From a URL to a store: the one function that scripts, notebooks and the server call."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, overload

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ..protocol import limits
from . import file
from .bundle import BundleReader
from .errors import StoreCorrupt, StoreError
from .keyring import Keyring
from .masters import Masters, masters_from
from .migrations import VERSION
from .reader import SqliteReader
from .ringfile import ring_path
from .sealing import Opener
from .sqlite import SqliteStore, now

BUNDLE = "bundle:"
"""How a URL begins that names a bundle."""


@overload
def open_store(
    url: str,
    *,
    readonly: Literal[False] = False,
    inline: bool = False,
    create: bool = True,
    entropy: Callable[[int], bytes] = os.urandom,
    now: Callable[[], int] = now,
    lock_wait_s: float = limits.LOCK_WAIT_S,
    keys: Masters | str | None = None,
) -> SqliteStore: ...


@overload
def open_store(
    url: str, *, readonly: Literal[True], inline: bool = False, keys: Masters | str | None = None
) -> SqliteReader | BundleReader: ...


def open_store(
    url: str,
    *,
    readonly: bool = False,
    inline: bool = False,
    create: bool = True,
    entropy: Callable[[int], bytes] = os.urandom,
    now: Callable[[], int] = now,
    lock_wait_s: float = limits.LOCK_WAIT_S,
    keys: Masters | str | None = None,
) -> SqliteStore | SqliteReader | BundleReader:
    """Open the store at `url`: `sqlite:///plait.db`, `sqlite:////absolute.db` or `sqlite:///:memory:`; or, to be read
    only, the bundle that `bundle:PATH` names.

    A plain call, so that it works before an event loop runs; close it with `await store.aclose()`, or use it as
    `async with open_store(url) as store`. For writing the file is made if it is not there (unless `create` says no) and
    held against other processes; `readonly` takes no lock, needs the file, and may be used beside the process that
    writes. `inline` keeps all work on the caller's thread, and `entropy` and `now` replace the system's, for tests and
    simulations. `keys` encrypt it (specs/encryption.md): a file of master keys, `env:NAME`, or `Masters`; the URL may
    name them as well, `sqlite:///plait.db?keys=FILE`. Without them an encrypted store is refused for writing, and a
    reader sees what is not encrypted.

    Raises StoreError or a kind of it, and then nothing was changed; Refused('bad-bundle').
    """
    if url.startswith(BUNDLE):
        if not readonly:
            raise StoreError(f"a bundle can only be read; `plait import {url.removeprefix(BUNDLE)}` makes a room of it")
        return BundleReader(Path(url.removeprefix(BUNDLE)))
    path = database_path(url)
    if not readonly:
        if not create and path is not None and file.look(path) is None:
            raise StoreError(f"there is no database at {path}")
        return SqliteStore(
            path, inline=inline, entropy=entropy, now=now, lock_wait_s=lock_wait_s, masters=masters_of(url, keys)
        )
    path = readable(path)
    return SqliteReader(path, inline=inline, opener=opener_of(path, masters_of(url, keys)))


def opener_of(path: Path, masters: Masters | None) -> Opener | None:
    """What opens the sealed bytes of that database for a reader; None if it has none or no keys were given. Raises
    StoreSealed for wrong ones."""
    store = file.sealing_of(path) if masters is not None else ""
    if masters is None or not store:
        return None
    return Opener(Keyring(ring_path(path), masters, store=store, readonly=True))


def with_keys(url: str, keys: str) -> str:
    """The URL of the same store, which says where its master keys are: `sqlite:///plait.db?keys=FILE`. Raises
    StoreError."""
    database_path(url)
    return make_url(url).set(query={"keys": keys}).render_as_string(hide_password=False)


def masters_of(url: str, keys: Masters | str | None = None) -> Masters | None:
    """The master keys that were given, or that the URL names; None if neither. Raises BadMasterKey."""
    named = keys or make_url(url).query.get("keys")
    return named if named is None or isinstance(named, Masters) else masters_from(str(named))


def database_path(url: str) -> Path | None:
    """The file that a URL names, None for `:memory:`. Raises StoreError for what cannot be opened at all."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("a store is named by a URL like sqlite:///plait.db") from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        raise StoreError("PostgreSQL stores are not built yet; use sqlite:///plait.db")
    if backend != "sqlite" or parsed.host or parsed.query.keys() - {"keys"}:
        shown = parsed.render_as_string(hide_password=True)
        raise StoreError(f"no store can be opened at {shown}; use a URL like sqlite:///plait.db")
    if parsed.database in (None, "", ":memory:"):
        return None
    # Through links, because the lock beside a database must be the same by whatever name it was reached.
    return Path(parsed.database).resolve()


def readable(path: Path | None) -> Path:
    """The path, if a database of today's format is there to be read."""
    if path is None:
        raise StoreError("a database in memory is empty when it is opened, so there is nothing to read")
    version = file.look(path)
    if version is None:
        raise StoreError(f"there is no database at {path}")
    if version < VERSION:
        raise StoreCorrupt(
            f"{path} has the older format {version}; open it once for writing, which brings it to {VERSION}"
        )
    return path
