"""Master keys: what the keys of an encrypted store are themselves encrypted with, and where they are read from.

They stand in a file or in an environment variable, one a line: 32 bytes in base64; a line that begins with `#` says
nothing. The first one wraps, the others only unwrap what it did not wrap yet; so a master key is changed by putting a
new one above it, opening the store once, and taking the old one away.

`cryptography` is an extra (`plait[keys]`) and is imported when a key is used, so that a plain store needs none.
"""

import binascii
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
"""Drawn at random: NIST SP 800-38D allows 2^32 messages under one key then, and no person says more in one room."""


class BadMasterKey(StoreError):
    """What was given is no master key, or there is none where it was said to be."""


class Masters:
    """Master keys, the first of which wraps."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise BadMasterKey(f"a master key has {KEY_BYTES} bytes; `plait keys new` makes one")
        self._ciphers = {fingerprint(key): cipher(key) for key in keys}
        self.first = fingerprint(keys[0])

    def __repr__(self) -> str:
        return f"Masters({', '.join(name.hex() for name in self._ciphers)})"

    def cipher(self, name: bytes) -> "AESGCM | None":
        """The master key of that fingerprint; None if it is not among these."""
        return self._ciphers.get(name)


def fingerprint(key: bytes) -> bytes:
    """What a master key is called: it tells one from another and nothing about either."""
    return sha256(b"plait master key" + key).digest()[:8]


def cipher(key: bytes) -> "AESGCM":
    """AES-256 in GCM under that key. Raises BadMasterKey if `cryptography` is not installed."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise BadMasterKey("encryption needs the package `cryptography`: install plait[keys]") from None
    return AESGCM(key)


def masters_from(where: str) -> Masters:
    """The keys in the file of that name, or in the environment variable for `env:NAME`. Raises BadMasterKey."""
    if where.startswith("env:"):
        name = where.removeprefix("env:")
        text = os.environ.get(name)
        if text is None:
            raise BadMasterKey(f"the environment has no {name} that a master key could stand in")
        return parse(text, where)
    try:
        return parse(Path(where).read_text(encoding="utf-8"), where)
    except (OSError, UnicodeDecodeError) as error:
        raise BadMasterKey(f"no master key can be read from {where}: {error}") from None


def parse(text: str, where: str) -> Masters:
    """The keys in that text, which stood at `where`. Raises BadMasterKey, which never quotes it."""
    keys: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            keys.append(b64decode(said, validate=True))
        except binascii.Error:
            raise BadMasterKey(f"line {number} of {where} is not base64") from None
    try:
        return Masters(keys)
    except BadMasterKey as bad:
        raise BadMasterKey(f"{where}: {bad}") from None


def fresh() -> str:
    """A new master key, as it stands in a file."""
    return b64encode(os.urandom(KEY_BYTES)).decode()
