"""What verbs are asked with: the options and the arguments that several of them share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ...protocol.errors import Refused
from ...protocol.names import document_name, room_name

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_BUNDLE = "plait.bundle"


def _store(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """The store, or the bundle that was named in the room's place."""
    return ctx.meta.get(_BUNDLE, value)


_url_option: Decorator = click.option(
    "--store",
    "store_url",
    metavar="URL",
    envvar="PLAIT_STORE",
    default="sqlite:///plait.db",
    show_default=True,
    show_envvar=True,
    callback=_store,
    help="Where the logs are kept.",
)
_keys_option: Decorator = click.option(
    "--keys",
    metavar="FILE|env:NAME",
    envvar="PLAIT_KEYS",
    show_envvar=True,
    help="The master key of an encrypted store (plait keys new).",
)


def store_option(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where the logs are kept and what encrypts them; a verb is given both as one `store_url`."""

    @_url_option
    @_keys_option
    @wraps(verb)
    def asked(*args: Any, store_url: str, keys: str | None, **more: Any) -> Any:
        if keys and not store_url.startswith("bundle:"):  # A bundle is never encrypted.
            from ...storage.opening import with_keys  # SQLAlchemy takes a while to load, and --help needs none of it.

            store_url = with_keys(store_url, keys)
        return verb(*args, store_url=store_url, **more)

    return asked


json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for machines.")


def checked_room(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A click callback: the room's name if a room may have it, else a usage error that says the rule."""
    if value is None:
        return None
    try:
        return room_name(value)
    except Refused as refused:
        raise click.BadParameter(refused.message) from None


def checked_document(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """As `checked_room`, for a shared document's name."""
    if value is None:
        return None
    try:
        return document_name(value)
    except Refused as refused:
        raise click.BadParameter(refused.message) from None


def _room_or_file(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The room, or that of a bundle, which is then the store. What ends in `.zip` and is a file is a bundle."""
    if value is None or not is_bundle(value):
        return checked_room(ctx, parameter, value)
    ctx.meta[_BUNDLE] = f"bundle:{value}"
    return bundled_room(value)


def is_bundle(value: str) -> bool:
    """Whether a command line means a bundle by that, and not a room."""
    return value.endswith(".zip") and Path(value).is_file()


def bundled_room(value: str) -> str:
    """The room that a bundle holds. Raises ClickException where the file is none."""
    from ...storage.zipped import Zipped  # Only who reads a bundle needs to know what one is.

    try:
        with Zipped(Path(value)) as bundle:
            return bundle.manifest.room
    except (Refused, OSError) as error:
        raise click.ClickException(f"{value}: {error}") from None


def room_or_file(*, required: bool = True) -> Decorator:
    """The argument of verbs that read: a room of the store, or a bundle's. It is looked at before the store is."""
    return click.argument("room", metavar="ROOM|FILE", required=required, callback=_room_or_file, is_eager=True)
