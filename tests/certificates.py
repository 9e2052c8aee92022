"""Certificates of a day for tests: self-signed, for this machine's own names, and the clients that believe them."""

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Files(NamedTuple):
    """A certificate and its key, as PEM files."""

    chain: Path
    key: Path

    def client(self) -> ssl.SSLContext:
        """What a client needs that believes this certificate."""
        return ssl.create_default_context(cafile=self.chain)


def certificate(folder: Path, name: str = "tls", *, password: bytes = b"") -> Files:
    """A new certificate for localhost and its addresses, `name` among what it says of itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files = Files(folder / f"{name}.pem", folder / f"{name}.key")
    files.chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed))
    return files


def subject(shown: dict[str, object]) -> str:
    """The common name in what `getpeercert` gave."""
    ((_, name),) = shown["subject"][0]  # type: ignore[index]
    return str(name)
