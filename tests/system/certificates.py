"""Authorities and certificates that a test makes for itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates of this machine's own address."""

    key: EllipticCurvePrivateKey
    certificate: x509.Certificate

    def write(self, file: Path) -> Path:
        file.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return file

    def write_server(self, file: Path) -> Path:
        """The key of a server, and the certificate of it, in one file."""
        key = generate_private_key(SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        certificate = (
            _certificate("server", self.certificate.subject, key)
            .add_extension(address, critical=False)
            .sign(self.key, SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        return file


def new_authority(name: str) -> Authority:
    key = generate_private_key(SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    certificate = (
        _certificate(name, _named(name), key)
        .add_extension(constraints, critical=True)
        .sign(key, SHA256())
    )
    return Authority(key, certificate)


def _certificate(
    name: str, issuer: x509.Name, key: EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)  # noqa: TID251 - a broker compares it with its own clock
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
