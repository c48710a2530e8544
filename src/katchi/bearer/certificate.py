"""A node's own TLS certificate: one key, one self-signed certificate, one pin.

The pin, SHA-256 of the certificate's DER, is all that a peer trusts: the name in it decides
nothing, it never expires, and it can sign for nobody else. A key that is there is never
overwritten and never appears half written. Which pins an ally's node may show is said by its
contact (record/identity.py), not here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from katchi.errors import Malformed, NotFound, Refused

VALID_FROM: Final = datetime(1970, 1, 1, tzinfo=UTC)
VALID_TO: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280, 4.1.2.5: no date of expiry
SIGNS_ONLY: Final = {
    "digital_signature": True,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


class CertificatePaths(msgspec.Struct, frozen=True):
    """Where a node keeps its TLS key (mode 0600) and the certificate that it shows to peers, both PEM."""

    key: Path
    certificate: Path

    @classmethod
    def within(cls, directory: Path) -> CertificatePaths:
        """Return the usual names within a node's directory."""
        return cls(directory / "tls-key.pem", directory / "tls-certificate.pem")


def pin(der: bytes) -> bytes:
    """Return the SHA-256 digest of a certificate's DER: what a contact names."""
    return hashlib.sha256(der).digest()


def create_certificate(ally: str, paths: CertificatePaths) -> bytes:
    """Make a key and its certificate, write both, and return the certificate's DER.

    Raises:
        Refused: one of the files is there already; nothing was overwritten.
    """
    for path in (paths.key, paths.certificate):
        if path.exists():
            raise _exists(path)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(ally, key)
    key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_new(paths.key, key_pem, mode=0o600)
    _write_new(paths.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return certificate.public_bytes(serialization.Encoding.DER)


def read_der(path: Path) -> bytes:
    """Return the DER of the PEM certificate at `path`.

    Raises:
        NotFound, Malformed: no file there, or no certificate in it.
    """
    try:
        der = ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise NotFound("no certificate at {path}", hint="Is this a node's directory?", path=str(path)) from None
    except ValueError:
        raise Malformed("{path} is not a PEM certificate", hint="Restore it from a backup.", path=str(path)) from None
    check_der(der)
    return der


def check_der(der: bytes) -> None:
    """Raise Malformed unless `der` is one whole X.509 certificate."""
    try:
        x509.load_der_x509_certificate(der)
    except ValueError:
        raise Malformed(
            "{size} bytes are not an X.509 certificate in DER", hint="Ask the ally to send it again.", size=len(der)
        ) from None


def _self_signed(ally: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ally)])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_TO)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**SIGNS_ONLY), critical=True)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that appears whole or not at all, and never in the place of another."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        path.hardlink_to(draft)  # fails where a name is taken; a rename would overwrite it
    except FileExistsError:
        raise _exists(path) from None
    finally:
        draft.unlink()
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot; the link itself is then durable or absent
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: Path) -> Refused:
    return Refused(
        "{path} is there already",
        hint="Nothing was written. Allies may trust it: move the key and its certificate away before making new ones.",
        path=str(path),
    )
