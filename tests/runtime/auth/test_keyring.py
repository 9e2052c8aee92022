"""Keys from files and addresses: what is taken, what is read again, and what no error shows."""

import json
import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from plait.protocol import limits, tokens
from plait.protocol.access import Grant
from plait.protocol.errors import Refused
from plait.protocol.tokens import BadKey, Key
from plait.runtime import keys_from_file, keys_from_url, keys_of
from plait.runtime.auth.keyring import read_keys
from trio.testing import MockClock

from ...protocol.test_tokens import SECRET, jwk, public

NOW = 1_800_000_000_000_000
OTHER = b"another secret of more than 32 bytes"


async def subject(keys: Any, token: str) -> str:
    try:
        return (await keys.grant(token, NOW)).author
    except Refused as refused:
        return refused.code


def signed(secret: bytes, kid: str = "") -> str:
    if not kid:
        return tokens.sign(Grant("ann"), tokens.secret(secret))
    return tokens.sign(Grant("ann"), Key(oct_key(secret, kid)))


def oct_key(secret: bytes, kid: str) -> dict[str, Any]:
    from base64 import urlsafe_b64encode

    return {"kty": "oct", "alg": "HS256", "kid": kid, "k": urlsafe_b64encode(secret).decode().rstrip("=")}


@pytest.mark.parametrize("private", [rsa, ec, ed25519], ids=["rsa", "ec", "ed25519"])
async def test_what_a_file_may_hold(private: Any, tmp_path: Path) -> None:
    """AC5: a secret, a set of keys, one key, a PEM of either half."""
    made = {
        rsa: lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec: lambda: ec.generate_private_key(ec.SECP256R1()),
        ed25519: ed25519.Ed25519PrivateKey.generate,
    }[private]()
    whole = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    half = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shown = tokens.sign(Grant("ann"), read_keys(whole).signer())
    path = tmp_path / "keys"
    for text in (whole, half, json.dumps(public(jwk(made))).encode(), json.dumps({"keys": [jwk(made)]}).encode()):
        path.write_bytes(text)
        assert await subject(keys_from_file(path), shown) == "ann"
        assert await subject(keys_from_file(path), signed(SECRET)) == "no-grant"
    path.write_bytes(b"\n " + SECRET + b"\n")
    assert await subject(keys_from_file(path), signed(SECRET)) == "ann"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"short",
        b"{",
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}',
        b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
        b"-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----",
        b"x" * (limits.KEYS_BYTES + 1),
    ],
)
def test_what_it_may_not(text: bytes, tmp_path: Path) -> None:
    """AC5, AC18: one sentence that names the file and shows nothing of it."""
    path = tmp_path / "keys"
    path.write_bytes(text)
    with pytest.raises(BadKey, match="keys") as error:
        keys_from_file(path)
    assert "c2" not in str(error.value)


async def test_rotation(tmp_path: Path, mock_clock: MockClock) -> None:
    """AC6: a token that names a new key makes the file be read at once, and a key that is gone is forgotten soon."""
    path = tmp_path / "keys"
    path.write_text(json.dumps({"keys": [oct_key(SECRET, "one")]}))
    keys = keys_from_file(path)
    one, two = signed(SECRET, "one"), signed(OTHER, "two")
    assert await subject(keys, two) == "no-grant"
    path.write_text(json.dumps({"keys": [oct_key(SECRET, "one"), oct_key(OTHER, "two")]}))
    assert await subject(keys, two) == "no-grant"  # It was read a moment ago, and whoever guesses names is not obeyed.
    mock_clock.jump(limits.KEYS_PAUSE_S)
    assert await subject(keys, two) == "ann"
    path.write_text(json.dumps({"keys": [oct_key(OTHER, "two")]}))
    assert await subject(keys, one) == "ann"
    mock_clock.jump(limits.KEYS_FRESH_S)
    assert await subject(keys, one) == "no-grant"
    assert await subject(keys, two) == "ann"


async def test_a_file_that_breaks(tmp_path: Path, mock_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """AC6, AC18: the keys that were read last stay good, and what is logged shows none of them."""
    path = tmp_path / "keys"
    path.write_bytes(SECRET)
    keys = keys_from_file(path)
    await subject(keys, signed(SECRET))
    for break_it in (path.unlink, lambda: path.write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'), path.unlink):
        break_it()
        mock_clock.jump(limits.KEYS_FRESH_S)
        assert await subject(keys, signed(SECRET)) == "ann"
    assert "cannot be read again" in caplog.text
    assert "c2VjcmV0" not in caplog.text
    assert SECRET.decode() not in caplog.text + repr(keys)


class Issuer(BaseHTTPRequestHandler):
    keys: ClassVar[Any] = []

    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("location", "/jwks")
            self.end_headers()
            return
        body = json.dumps({"keys": type(self).keys}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


async def test_an_address(mock_clock: MockClock) -> None:
    """AC5, AC6: public keys of an issuer, read again when a new one is named; no shared secret and no redirect."""
    logging.getLogger("plait.auth").setLevel(logging.WARNING)
    one, two = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    with HTTPServer(("127.0.0.1", 0), Issuer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        Issuer.keys = [public(jwk(one, kid="one"))]
        keys = await trio.to_thread.run_sync(keys_from_url, f"{url}/jwks?secret=1")
        assert "secret" not in repr(keys)
        shown = tokens.sign(Grant("ann"), Key(jwk(two, kid="two")))
        Issuer.keys = [public(jwk(two, kid="two"))]
        assert await subject(keys, shown) == "ann"
        Issuer.keys = [oct_key(SECRET, "one")]
        for bad in (f"{url}/jwks", f"{url}/elsewhere"):
            with pytest.raises((BadKey, OSError)):
                await trio.to_thread.run_sync(keys_from_url, bad)
        server.shutdown()
    with pytest.raises(OSError, match=r"refused|urlopen"):
        await trio.to_thread.run_sync(keys_from_url, f"{url}/jwks")
    for bad in ("http://example.com/jwks", "file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(BadKey, match="https"):
            keys_from_url(bad)


def test_keys_at_hand() -> None:
    """AC5: a program may hand its keys in."""
    assert trio.run(subject, keys_of(SECRET), signed(SECRET)) == "ann"
    with pytest.raises(BadKey, match="32 bytes"):
        keys_of("short")
