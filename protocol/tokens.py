"""Tokens: a grant as a signed JWT, and back. Keys and the clock are handed in; nothing here opens or asks anything.

A token is a JSON Web Token (RFC 7519) in its compact form. Signatures are PyJWT's business, claims are ours: they are
read into a Struct with types and bounds, and compared with the time that the caller says. Rules (specs/access.md):

- A key is good for one algorithm, and only a token whose header names that algorithm is held against it. So `none` is
  no algorithm, and a public key is never taken for a shared secret.
- Where a token names its key (`kid`), that key alone is tried, as an exact word in a dictionary: it is no path and no
  address. Headers that bring a key or say where one is (`jwk`, `jku`, `x5u`) are not looked at.
- What a token does not say, it does not grant: without `rights` none, without `rooms` no room.
- A grant without an id of its own (`jti`) has the digest of its claims for one: the log and a revocation can name it.
- No sentence, no `repr` and no error here holds a token or a key.
- PyJWT loads with the first key, and `cryptography` with it: a server that asks nobody who they are waits for neither.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from . import limits
from .access import ANY, HOUSE, RIGHTS, Grant
from .errors import PlaitError, Refused

if TYPE_CHECKING:
    from jwt.api_jws import PyJWS

AUDIENCE = "plait"
"""A token that is for somebody (`aud`) is for us only if this is among them: an issuer has other customers."""

ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS += ("ES256", "ES384", "ES512", "EdDSA")
"""All that a key may be for."""

_SECOND = 1_000_000
_DIGEST_CHARS = 32  # 128 bits: nobody finds two sets of claims that share them.
_LAST = 253_402_300_799  # The last second of the year 9999.

Instant = Annotated[float, Meta(ge=0, le=_LAST)]
Pattern = Annotated[str, Meta(max_length=max(limits.ROOM_NAME_CHARS, limits.DOCUMENT_NAME_CHARS))]
Patterns = Annotated[list[Pattern], Meta(max_length=limits.GRANT_PATTERNS)]
_NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f\u2028\u2029])"


class BadKey(PlaitError):
    """A key, or a set of keys, that cannot be used; the sentence says why and does not show it."""


@cache
def _jws() -> "PyJWS":
    from jwt.api_jws import PyJWS

    return PyJWS(ALGORITHMS)


class Claims(Struct, omit_defaults=True):
    """What a token says. Other claims than these are not looked at."""

    sub: Annotated[str, Meta(min_length=1, max_length=limits.SUBJECT_CHARS, pattern=_NO_CONTROLS)]
    rights: Annotated[list[str], Meta(max_length=limits.GRANT_RIGHTS)] = []
    rooms: Patterns = []
    documents: Patterns | UnsetType = UNSET
    forbid_tools: Patterns = []
    ask_tools: Patterns = []
    name: Annotated[str, Meta(max_length=limits.SUBJECT_CHARS, pattern=_NO_CONTROLS)] = ""
    on_behalf_of: Annotated[str, Meta(max_length=limits.SUBJECT_CHARS, pattern=_NO_CONTROLS)] = ""
    exp: Instant | UnsetType = UNSET
    iat: Instant | UnsetType = UNSET
    nbf: Instant | UnsetType = UNSET
    jti: Annotated[str, Meta(max_length=limits.SUBJECT_CHARS)] = ""
    aud: str | list[str] | UnsetType = UNSET


_claims = msgspec.json.Decoder(Claims)


class Key:
    """One key: its name (`kid`, may be empty), the one algorithm that it is for, and whether it can sign."""

    __slots__ = ("_private", "_public", "algorithm", "id")

    def __init__(self, jwk: dict[str, Any]) -> None:
        """From a JSON Web Key (RFC 7517). Raises BadKey."""
        import jwt

        try:
            read = jwt.PyJWK(jwk)
        except jwt.exceptions.MissingCryptographyError:
            raise BadKey("Keys other than shared secrets need plait's extra `keys`.") from None
        except Exception:  # What it raises may show the key, so nothing of it is passed on.
            raise BadKey("This is no JSON Web Key of a kind that can be used.") from None
        self.id = str(jwk.get("kid") or "")
        self.algorithm = str(read.algorithm_name)
        if self.algorithm not in ALGORITHMS:
            raise BadKey(f"No key here may be for the algorithm {self.algorithm[:20]}.")
        if self.algorithm.startswith("HS"):
            if len(read.key) < limits.GRANT_SECRET_BYTES:
                raise BadKey(f"A shared secret has at least {limits.GRANT_SECRET_BYTES} bytes.")
            self._private: Any = read.key
            self._public: Any = read.key
        else:
            can_sign = "d" in jwk
            self._private = read.key if can_sign else None
            self._public = read.key.public_key() if can_sign else read.key

    def __repr__(self) -> str:
        return f"Key({self.id!r}, {self.algorithm})"

    @property
    def signs(self) -> bool:
        """Whether tokens can be made with it, too."""
        return self._private is not None

    def claims(self, token: str) -> bytes | None:
        """What the token says, if this key signed it; None if not."""
        from jwt.exceptions import PyJWTError

        try:
            return _jws().decode_complete(token, self._public, algorithms=[self.algorithm])["payload"]
        except (PyJWTError, ValueError, TypeError, RecursionError):
            return None

    def sign(self, payload: bytes) -> str:
        """A token that says that. Raises BadKey if the key can only check."""
        if self._private is None:
            raise BadKey("This key can check tokens and not make them; for that its private half is needed.")
        headers = {"kid": self.id} if self.id else None
        return _jws().encode(payload, self._private, algorithm=self.algorithm, headers=headers)


class Keys:
    """The keys that are good at this moment."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)
        if len(self._keys) > limits.GRANT_KEYS:
            raise BadKey(f"There may be {limits.GRANT_KEYS} keys.")
        self._named = {key.id: key for key in self._keys if key.id}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def knows(self, token: str) -> bool:
        """Whether there is a key that the token may be signed with: if not, newer keys may have one."""
        header = _header(token)
        return header is None or bool(self._meant(header))

    def claims(self, token: str) -> bytes | None:
        """What the token says, if one of the keys signed it; None if not."""
        header = _header(token)
        meant = self._meant(header) if header is not None else ()
        return next((said for key in meant if (said := key.claims(token)) is not None), None)

    def signer(self) -> Key:
        """The first key that can sign. Raises BadKey."""
        for key in self._keys:
            if key.signs:
                return key
        raise BadKey("None of these keys can sign; a private key or a shared secret is needed.")

    def _meant(self, header: dict[str, Any]) -> tuple[Key, ...]:
        algorithm, named = header.get("alg"), header.get("kid")
        if named is None:
            return tuple(key for key in self._keys if key.algorithm == algorithm)
        key = self._named.get(named)
        return (key,) if key is not None and key.algorithm == algorithm else ()


def secret(text: bytes) -> Key:
    """The key of a shared secret for HS256: these bytes as they are. Raises BadKey."""
    return Key({"kty": "oct", "alg": "HS256", "k": urlsafe_b64encode(text).decode().rstrip("=")})


def key_set(text: bytes) -> Keys:
    """The keys of a JWKS document, or of one JWK. Keys that are not for signatures, or of a kind that we do not know,
    are passed over. Raises BadKey if it is none, or if no usable key is in it."""
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadKey("This is no set of keys: it is not JSON.") from None
    listed: Any = found.get("keys", [found]) if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise BadKey("This is no set of keys: `keys` is no list of objects.")
    keys: list[Key] = []
    problem: BadKey | None = None
    for one in listed[: 4 * limits.GRANT_KEYS]:
        if one.get("use", "sig") != "sig":
            continue
        try:
            keys.append(Key(one))
        except BadKey as bad:
            problem = bad
    if not keys:
        raise problem or BadKey("This set of keys is empty.")
    return Keys(keys)


def sign(grant: Grant, key: Key) -> str:
    """The grant as a token. Raises BadKey."""
    claims = Claims(
        sub=grant.author,
        rights=[right for right in RIGHTS if grant.has(right)],
        rooms=list(grant.rooms),
        documents=UNSET if grant.documents == ANY else list(grant.documents),
        forbid_tools=list(grant.forbid_tools),
        ask_tools=list(grant.ask_tools),
        name=grant.name,
        on_behalf_of=grant.on_behalf_of,
        exp=grant.expires / _SECOND if grant.expires else UNSET,
        iat=grant.issued / _SECOND if grant.issued else UNSET,
        jti=grant.id,
    )
    return key.sign(msgspec.json.encode(claims))


def verify(token: str, keys: Keys, now: int) -> Grant:
    """The grant that a token holds, at the time `now` in µs since 1970. Raises Refused('no-grant')."""
    if not token:
        raise Refused("no-grant", "No grant was shown.")
    if len(token) > limits.GRANT_BYTES or not token.isascii():
        raise Refused("no-grant", f"What was shown is no grant of at most {limits.GRANT_BYTES} bytes.")
    said = keys.claims(token)
    if said is None:
        raise Refused("no-grant", "The grant is not signed with a key that is known here.")
    try:
        claims = _claims.decode(said)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Refused("no-grant", "The grant is signed and its claims cannot be read.") from None
    # Of the claims and not of the token: whoever holds one can change how its signature is spelled.
    return _grant(claims, now, claims.jti or f"sha256:{sha256(said).hexdigest()[:_DIGEST_CHARS]}")


def _grant(claims: Claims, now: int, grant_id: str) -> Grant:
    if claims.aud is not UNSET and AUDIENCE not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise Refused("no-grant", "The grant is for somebody else.")
    if claims.sub == HOUSE or claims.sub.startswith("agent:"):
        raise Refused("no-grant", f"Nobody may be called {HOUSE}, or like an agent.")
    skew = limits.GRANT_SKEW_S * _SECOND
    begins = max(_micros(claims.nbf), _micros(claims.iat))
    if begins > now + skew:
        raise Refused("no-grant", "The grant is not valid yet.")
    if claims.exp is not UNSET and _micros(claims.exp) <= now:
        raise Refused("no-grant", "The grant has expired.")
    granted = {right: right in claims.rights for right in RIGHTS}
    return Grant(
        author=claims.sub,
        name=claims.name,
        **granted,
        rooms=tuple(claims.rooms),
        documents=ANY if claims.documents is UNSET else tuple(claims.documents),
        forbid_tools=tuple(claims.forbid_tools),
        ask_tools=tuple(claims.ask_tools),
        on_behalf_of=claims.on_behalf_of,
        id=grant_id,
        issued=_micros(claims.iat),
        expires=max(1, _micros(claims.exp)) if claims.exp is not UNSET else 0,
    )


def _micros(seconds: float | UnsetType) -> int:
    return 0 if isinstance(seconds, UnsetType) else round(seconds * _SECOND)


def _header(token: str) -> dict[str, Any] | None:
    from jwt.exceptions import PyJWTError

    try:
        return _jws().get_unverified_header(token)
    except (PyJWTError, ValueError, TypeError, RecursionError):
        return None
