"""The keys that grants are signed with: a file or an address, read again so that keys can be changed while it serves.

What is in the file tells what it is: a JSON Web Key Set (or one key), a PEM, or else a shared secret, as it stands but
for the whitespace around it. Rules (specs/access.md):

- Keys are read again after `KEYS_FRESH_S`, and when a token names one that is not known, at most every `KEYS_PAUSE_S`.
  So a new key counts at once and an old one no longer than that.
- What cannot be read then is logged, and the keys that were read last stay good: a key server that is away for a
  minute is no reason to turn everybody out. At the start it is an error.
- Reading happens on a worker thread, by one asker at a time; who has keys does not wait for fresher ones.
"""

import logging
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import trio

from ...protocol import limits, tokens
from ...protocol.access import Grant
from ...protocol.tokens import BadKey, Key, Keys
from ..masking import remember

log = logging.getLogger("plait.auth")


class KeyRing:
    """Keys, and `read`, a blocking function that reads them again; without it they stay. `shown` names where they come
    from."""

    def __init__(self, keys: Keys, read: Callable[[], Keys] | None, shown: str) -> None:
        self._read = read
        self._shown = shown
        self._keys = keys
        self._read_at = -1.0
        self._tried_at = -float("inf")
        self._reading = trio.Lock()

    def __repr__(self) -> str:
        return f"KeyRing({self._shown!r})"

    async def grant(self, token: str, now: int) -> Grant:
        """The grant that the token holds. Raises Refused('no-grant')."""
        time = trio.current_time()
        if self._read_at < 0:
            self._read_at = time  # The clock of the run, which there was none of when the keys were first read.
        stale = time - self._read_at >= limits.KEYS_FRESH_S
        if (stale and not self._reading.statistics().locked) or not self._keys.knows(token):
            await self._read_again()
        return tokens.verify(token, self._keys, now)

    async def _read_again(self) -> None:
        if self._read is None:
            return
        async with self._reading:
            if trio.current_time() - self._tried_at < limits.KEYS_PAUSE_S:
                return
            self._tried_at = trio.current_time()
            try:
                self._keys = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
            except (OSError, BadKey, ValueError) as error:
                log.warning("the keys of %s cannot be read again: %s", self._shown, type(error).__name__)
            else:
                self._read_at = trio.current_time()


def keys_from_file(path: str | Path) -> KeyRing:
    """The keys of a file. Raises BadKey, OSError."""
    place = Path(path)
    return KeyRing(load_keys(place), lambda: load_keys(place), str(place))


def keys_from_url(url: str) -> KeyRing:
    """The keys of a JSON Web Key Set at an address: `https:`, or `http:` of this machine. Raises BadKey, OSError."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        raise BadKey("Keys are fetched over https; whoever changes them on their way can let anybody in.")
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return KeyRing(_fetch(url), lambda: _fetch(url), shown)


def keys_of(secret: bytes | str) -> KeyRing:
    """A shared secret, a PEM or a key set that the caller has at hand. Raises BadKey."""
    return KeyRing(read_keys(secret.encode() if isinstance(secret, str) else secret), None, "memory")


def read_keys(data: bytes) -> Keys:
    """The keys that a file's bytes are. Raises BadKey."""
    text = data.strip()
    if b"PRIVATE" in text:
        remember(text.decode(errors="replace"))
    remember(*(found.decode() for found in _PRIVATE.findall(text)))
    if text.startswith(b"{"):
        return tokens.key_set(text)
    if text.startswith(b"-----BEGIN "):
        return Keys([_pem(text)])
    remember(text.decode(errors="replace"))
    return Keys([tokens.secret(text)])


_PRIVATE = re.compile(rb'"(?:k|d|p|q|dp|dq|qi)"\s*:\s*"([A-Za-z0-9_=-]+)"')
"""The members of a JSON Web Key that are secret (RFC 7518, section 6)."""


def load_keys(path: str | Path) -> Keys:
    """The keys that a file holds. Raises BadKey, OSError."""
    path = Path(path)
    if stat.S_ISDIR(path.stat().st_mode):
        raise BadKey(f"{path} is a folder")
    with path.open("rb") as file:
        data = file.read(limits.KEYS_BYTES + 1)
    if len(data) > limits.KEYS_BYTES:
        raise BadKey(f"{path} has more than {limits.KEYS_BYTES} bytes; that is no file of keys.")
    try:
        return read_keys(data)
    except BadKey as bad:
        raise BadKey(f"{path}: {bad}") from None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None  # An address that keys come from says so itself; a redirect could leave https.


def _fetch(url: str) -> Keys:
    opener = build_opener(_NoRedirect)
    try:
        with opener.open(Request(url, headers={"accept": "application/json"}), timeout=limits.AUTH_S) as answer:
            data = answer.read(limits.KEYS_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise OSError(f"the key server answered {error.code}") from None
    if len(data) > limits.KEYS_BYTES:
        raise BadKey(f"A set of keys may have {limits.KEYS_BYTES} bytes.")
    keys = tokens.key_set(data)
    if any(key.algorithm.startswith("HS") for key in keys):
        raise BadKey("A shared secret is no secret where anybody can fetch it.")
    return keys


def _pem(text: bytes) -> Key:
    """A private or public key in PEM, as a JSON Web Key."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
        from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
    except ImportError:
        raise BadKey("A key in PEM needs plait's extra `keys`.") from None
    kinds = (
        ((rsa.RSAPrivateKey, rsa.RSAPublicKey), RSAAlgorithm),
        ((ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey), ECAlgorithm),
        ((ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey), OKPAlgorithm),
    )
    try:
        key = load_pem_private_key(text, None) if b"PRIVATE" in text.split(b"\n", 1)[0] else load_pem_public_key(text)
        to_jwk = next(kind.to_jwk for classes, kind in kinds if isinstance(key, classes))
        # Each takes its own kind of key, which no type says of a pair.
        jwk = cast(Callable[..., dict[str, Any]], to_jwk)(key, as_dict=True)
    except Exception:  # What it raises may show the key, so nothing of it is passed on.
        raise BadKey("This PEM is no RSA, EC or Ed25519 key without a passphrase.") from None
    jwk.pop("key_ops", None)
    return Key(jwk)
