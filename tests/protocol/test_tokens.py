"""Tokens: what is believed, and everything that is not."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from msgspec.structs import replace
from plait.protocol import limits, tokens
from plait.protocol.access import Grant
from plait.protocol.errors import Refused
from plait.protocol.tokens import BadKey, Key, Keys, key_set, secret, sign, verify

NOW = 1_800_000_000_000_000
SECRET = b"0123456789abcdef0123456789abcdef"
KEYS = Keys([secret(SECRET)])
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
GOOD: dict[str, Any] = {"sub": "ann", "rights": ["read", "write"], "rooms": ["*"]}


def jwk(private: Any, **more: Any) -> dict[str, Any]:
    kind = {"RSA": RSAAlgorithm, "Ell": ECAlgorithm, "ECP": ECAlgorithm, "Ed2": OKPAlgorithm}[
        type(private).__name__[:3]
    ]
    made: dict[str, Any] = kind.to_jwk(private, as_dict=True)
    made.pop("key_ops", None)
    return made | more


def public(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in ("d", "p", "q", "dp", "dq", "qi")}


def made(claims: Any = GOOD, key: Any = SECRET, algorithm: str = "HS256", **headers: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or None)


def raw(header: Any, claims: Any, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def refused(token: str, keys: Keys = KEYS) -> str:
    with pytest.raises(Refused) as error:
        verify(token, keys, NOW)
    assert error.value.code == "no-grant"
    assert len(token) < 9 or token not in error.value.message
    return error.value.message


def test_there_and_back() -> None:
    """AC1, AC3, AC32: a grant that was signed is the same when it is read."""
    tools = ("wipe", "mail__*"), ("*",)
    where = ("a*", "b"), ("", "notes")
    grant = Grant("ann", "Ann A", True, False, False, False, True, False, *where, *tools, "bob", "g1", NOW, NOW + 10)
    assert verify(sign(grant, secret(SECRET)), KEYS, NOW) == grant
    bare = verify(made({"sub": "ann"}), KEYS, NOW)
    assert bare.id.startswith("sha256:")  # What the log calls a grant that has no id of its own (AU2).
    assert replace(bare, id="") == Grant("ann", "", False, False, False, False, False, False, (), ("*",))


@pytest.mark.parametrize("kind", ["rsa", "ec", "ed"])
def test_asymmetric_keys(kind: str) -> None:
    """AC5, AC1: whoever has the public half can check and not sign."""
    private = {"rsa": lambda: RSA, "ec": lambda: ec.generate_private_key(ec.SECP256R1())}.get(
        kind, ed25519.Ed25519PrivateKey.generate
    )()
    both = Keys([Key(jwk(private, kid="k"))])
    half = key_set(json.dumps({"keys": [public(jwk(private, kid="k"))]}).encode())
    token = sign(Grant("ann"), both.signer())
    assert verify(token, half, NOW) == verify(token, both, NOW)
    with pytest.raises(BadKey, match="sign"):
        half.signer()
    refused(token, KEYS)
    refused(made(), half)


def test_rotation_by_name() -> None:
    """AC2: of two keys the named one alone is tried; with a name that nobody has, none is."""
    old, new = Key(jwk(RSA, kid="old")), Key(_oct(b"n" * 32, "new"))
    keys = Keys([old, new])
    assert verify(made(key=b"n" * 32, kid="new"), keys, NOW).author == "ann"
    assert not keys.knows(made(key=b"n" * 32, kid="next"))
    refused(made(key=b"n" * 32, kid="next"), keys)
    refused(made(key=b"n" * 32, kid="old"), keys)
    assert verify(made(key=b"n" * 32), keys, NOW).author == "ann"  # Without a name every key of its kind is tried.


def _oct(value: bytes, kid: str = "") -> dict[str, Any]:
    return {"kty": "oct", "alg": "HS256", "kid": kid, "k": base64.urlsafe_b64encode(value).decode().rstrip("=")}


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "/etc/passwd", "https://evil.example/k", "' OR 1=1", "k\0", "", "a" * 5000]
)
def test_a_key_name_is_only_a_name(kid: str) -> None:
    """AC2: paths, addresses and queries name no key; an attacker's key under them is not found."""
    keys = Keys([Key(_oct(SECRET, "k"))])
    refused(made(key=b"\0" * 32, kid=kid), keys)
    refused(made(key=b"\0" * 32, kid=kid), KEYS)


def test_no_signature() -> None:
    """AC1: `none` in every spelling, and a signature that was cut off."""
    for none in ("none", "None", "NONE", "nOnE", "", None, ["none"], 0):
        refused(raw({"alg": none, "typ": "JWT"}, GOOD))
    refused(raw({"typ": "JWT"}, GOOD))
    head, body, _ = made().split(".")
    for token in (
        f"{head}.{body}.",
        f"{head}.{body}",
        head,
        "",
        ".",
        "..",
        "a.b.c",
        "ä.b.c",
        made() + "x",
        made()[:-4],
    ):
        refused(token)
    refused(f"{head}.{raw({}, {**GOOD, 'rights': ['admin']}).split('.')[1]}.{made().split('.')[2]}")


def test_a_public_key_is_no_secret() -> None:
    """AC1: an HMAC whose secret is our RSA public key, in any of its spellings."""
    keys = Keys([Key(public(jwk(RSA)))])
    half = RSA.public_key()
    spellings = [
        half.public_bytes(encoding, form)
        for encoding, form in (
            (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
            (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        )
    ]
    for material in (*spellings, spellings[0].strip(), json.dumps(public(jwk(RSA))).encode()):
        unsigned = raw({"alg": "HS256", "typ": "JWT"}, GOOD).rstrip(".")
        signature = hmac.new(material, unsigned.encode(), hashlib.sha256).digest()
        refused(f"{unsigned}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}", keys)


def test_one_algorithm_for_a_key() -> None:
    """AC1: another algorithm of the same kind is not tried with it."""
    refused(made(algorithm="HS384", key=SECRET * 2), Keys([secret(SECRET * 2)]))
    refused(made(algorithm="PS256", key=RSA), Keys([Key(public(jwk(RSA)))]))
    assert verify(made(algorithm="RS256", key=RSA), Keys([Key(public(jwk(RSA)))]), NOW).author == "ann"


def test_keys_that_a_token_brings_along() -> None:
    """AC2: `jwk`, `jku` and `x5u` are not looked at, and `crit` that we do not know is refused."""
    other = ec.generate_private_key(ec.SECP256R1())
    refused(made(algorithm="ES256", key=other, jwk=public(jwk(other)), jku="https://evil.example", x5u="file:///k"))
    refused(made(crit=["b64"], b64=True))
    refused(made(crit=["exotic"], exotic=1))


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": NOW // 10**6}, "expired"),
        ({"exp": 0}, "expired"),
        ({"nbf": NOW // 10**6 + limits.GRANT_SKEW_S + 1}, "not valid yet"),
        ({"iat": NOW // 10**6 + limits.GRANT_SKEW_S + 1}, "not valid yet"),
        ({"aud": "mail"}, "somebody else"),
        ({"aud": ["mail", "plait2"]}, "somebody else"),
        ({"aud": []}, "somebody else"),
        ({"sub": "plait"}, "Nobody"),
        ({"sub": "agent:assistant"}, "Nobody"),
        ({"sub": ""}, "claims"),
        ({"sub": 7}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": "a\nb"}, "claims"),
        ({"sub": "a" * (limits.SUBJECT_CHARS + 1)}, "claims"),
        ({"name": "a\x1b[2J"}, "claims"),
        ({"rights": "read"}, "claims"),
        ({"rooms": "*"}, "claims"),
        ({"rooms": ["*"] * (limits.GRANT_PATTERNS + 1)}, "claims"),
        ({"exp": "never"}, "claims"),
        ({"exp": -1}, "claims"),
        ({"exp": 1e300}, "claims"),
    ],
)
def test_claims_that_do_not_count(claims: dict[str, Any], why: str) -> None:
    """AC1, AC3: signed, and refused all the same."""
    unchecked = raw({"alg": "HS256"}, {**GOOD, **claims}).rstrip(".")
    signature = hmac.new(SECRET, unchecked.encode(), hashlib.sha256).digest()
    assert why in refused(f"{unchecked}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


def test_claims_that_count() -> None:
    """AC1, AC3: clocks may differ a little, words that nobody knows grant nothing, and `plait` may be one of many."""
    soon = NOW // 10**6 + limits.GRANT_SKEW_S
    said = {**GOOD, "rights": ["read", "fly", "ADMIN"], "iat": soon, "nbf": soon, "aud": ["mail", "plait"], "more": 1}
    grant = verify(made(said), KEYS, NOW)
    assert (grant.read, grant.write, grant.admin) == (True, False, False)
    assert verify(made({**GOOD, "exp": NOW / 10**6 + 0.5}), KEYS, NOW).expires == NOW + 500_000


def test_a_long_token() -> None:
    """AC1: beyond GRANT_BYTES nothing is looked at, though it is signed."""
    assert str(limits.GRANT_BYTES) in refused(made({**GOOD, "more": "x" * limits.GRANT_BYTES}))


def test_bad_keys_are_sentences_without_the_key() -> None:
    """AC5, AC18: what is wrong with a key is said without showing it."""
    hidden = "c2VjcmV0LXZhbHVl"
    for bad in (
        {"kty": "oct", "k": hidden},
        {"kty": "RSA", "n": hidden, "d": hidden},
        {"k": hidden},
        {"kty": "EC", "crv": "P-256", "x": hidden, "d": hidden},
        {"kty": "oct", "alg": "none", "k": hidden * 4},
        {"kty": "EC", "crv": "secp256k1", "x": hidden, "y": hidden},
    ):
        with pytest.raises(BadKey) as error:
            Key(bad)
        assert hidden not in str(error.value)
        assert error.value.__cause__ is None
    for text in (b"{", b"[]", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [1]}', b'{"keys": [{"kty": "oct"}]}'):
        with pytest.raises(BadKey):
            key_set(text)
    assert (
        len(key_set(json.dumps({"keys": [{"kty": "x"}, _oct(SECRET), {**_oct(SECRET), "use": "enc"}]}).encode())) == 1
    )


def test_nothing_shows_a_key() -> None:
    """AC18: the repr of keys holds no key."""
    key = secret(SECRET)
    shown = repr(key) + repr(KEYS) + repr(Key(jwk(RSA, kid="k"))) + str(vars(tokens).get("x", ""))
    assert "0123456789" not in shown
    assert "Key('k', RS256)" in shown
