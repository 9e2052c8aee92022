"""`plait grant`: mint a grant with a key at hand, for development and for services without an issuer of their own.

Only the token goes to stdout, so `TOKEN=$(plait grant …)` works; a store is not needed, and none is asked.
"""

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

import click

from ...protocol import tokens
from ...protocol.access import ANY, RIGHTS, Grant
from ...protocol.errors import Refused
from ...protocol.tokens import BadKey, Keys
from ..auth.gate import wall_clock
from ..auth.keyring import load_keys

_SPAN = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@click.command("grant")
@click.option("--secret-file", metavar="F", required=True, help="A shared secret, or a private key (JWK set or PEM).")
@click.option("--new-secret", is_flag=True, help="Write a fresh shared secret into that file first; it must not exist.")
@click.option("--subject", default="dev", show_default=True, help="Who it is, as it stands in records.")
@click.option("--name", default="", help="Who people see.")
@click.option("--room", "rooms", multiple=True, metavar="PATTERN", help="Which rooms, by default all; * is a wildcard.")
@click.option("--document", "documents", multiple=True, metavar="PATTERN", help="Which documents, by default all.")
@click.option(
    "--right", "rights", multiple=True, type=click.Choice(RIGHTS), help="What may be done, by default all but admin."
)
@click.option(
    "--forbid-tool", "forbid_tools", multiple=True, metavar="PATTERN", help="Tools that no agent may call for them."
)
@click.option(
    "--ask-tool", "ask_tools", multiple=True, metavar="PATTERN", help="Tools for each call of which somebody says yes."
)
@click.option("--on-behalf-of", default="", metavar="WHO", help="Whom a service acts for.")
@click.option("--for", "span", default="1h", show_default=True, help="How long it is good: 90s, 15m, 8h, 30d.")
@click.option("--json", "as_json", is_flag=True, help="The token with its claims, as JSON.")
def verb(
    secret_file: str,
    new_secret: bool,
    subject: str,
    name: str,
    rooms: tuple[str, ...],
    documents: tuple[str, ...],
    rights: tuple[str, ...],
    forbid_tools: tuple[str, ...],
    ask_tools: tuple[str, ...],
    on_behalf_of: str,
    span: str,
    as_json: bool,
) -> None:
    """Print a grant: a token that says who somebody is and what they may do, until when."""
    if new_secret:
        _write_secret(Path(secret_file))
    key_set, now, life_s = _keys(secret_file), wall_clock(), _seconds(span)
    wanted = rights or tuple(right for right in RIGHTS if right != "admin")
    granted: dict[str, Any] = {right: right in wanted for right in RIGHTS}
    grant = Grant(
        author=subject,
        name=name,
        **granted,
        rooms=rooms or ANY,
        documents=documents or ANY,
        forbid_tools=forbid_tools,
        ask_tools=ask_tools,
        on_behalf_of=on_behalf_of,
        id=secrets.token_hex(8),
        issued=now,
        expires=now + life_s * 1_000_000,
    )
    try:
        token = tokens.sign(grant, key_set.signer())
        tokens.verify(token, key_set, now)
    except (BadKey, Refused) as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        told = {"token": token, "id": grant.id, "subject": subject, "seconds": life_s, "rights": list(wanted)}
        click.echo(json.dumps(told))
    else:
        click.echo(token)


def _keys(secret_file: str) -> Keys:
    try:
        return load_keys(secret_file)
    except (OSError, BadKey) as error:
        raise click.UsageError(f"--secret-file: {error}") from None


def _seconds(span: str) -> int:
    found = _SPAN.fullmatch(span)
    if found is None or not int(found[1]):
        raise click.UsageError(f"--for {span} is no time like 90s, 15m, 8h or 30d")
    return int(found[1]) * _SECONDS[found[2]]


def _write_secret(path: Path) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
    except OSError as error:
        raise click.UsageError(f"--new-secret: {error}") from None
