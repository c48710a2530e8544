"""A node's certificate names no authority, never expires, and is never overwritten."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from katchi.bearer.certificate import CertificatePaths, create_certificate, pin, read_der
from katchi.bearer.tls import TlsBearer
from katchi.errors import Malformed, NotFound, Refused


def test_a_certificate_is_one_allys_for_ever_and_signs_for_nobody(tmp_path: Path) -> None:
    paths = CertificatePaths.within(tmp_path)
    der = create_certificate("azure", paths)
    certificate = x509.load_der_x509_certificate(der)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == certificate.issuer.rfc4514_string() == "CN=azure"
    assert certificate.not_valid_before_utc.isoformat() == "1970-01-01T00:00:00+00:00"
    assert certificate.not_valid_after_utc.isoformat() == "9999-12-31T23:59:59+00:00"
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert read_der(paths.certificate) == der and pin(der) == hashlib.sha256(der).digest()


def test_the_key_is_its_owners_alone_and_no_draft_of_it_stays(tmp_path: Path) -> None:
    paths = CertificatePaths.within(tmp_path)
    create_certificate("azure", paths)
    assert paths.key.stat().st_mode & 0o777 == 0o600
    assert {*tmp_path.iterdir()} == {paths.key, paths.certificate}


@pytest.mark.parametrize("there", ["key", "certificate"])
def test_a_key_or_certificate_that_is_there_is_never_overwritten(tmp_path: Path, there: str) -> None:
    paths = CertificatePaths.within(tmp_path)
    held: Path = getattr(paths, there)
    held.write_bytes(b"precious")
    with pytest.raises(Refused, match="is there already") as refused:
        create_certificate("azure", paths)
    assert "Nothing was written" in refused.value.hint
    assert held.read_bytes() == b"precious" and [*tmp_path.iterdir()] == [held]


def test_two_certificates_of_one_ally_have_two_pins(tmp_path: Path) -> None:
    ders = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        ders.append(create_certificate("azure", CertificatePaths.within(tmp_path / name)))
    assert pin(ders[0]) != pin(ders[1])


def test_a_lost_or_broken_certificate_is_named(tmp_path: Path) -> None:
    paths = CertificatePaths.within(tmp_path)
    with pytest.raises(NotFound, match=str(paths.certificate)):
        read_der(paths.certificate)
    for broken in (b"", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\n", ssl.DER_cert_to_PEM_cert(b"not one").encode()):
        paths.certificate.write_bytes(broken)
        with pytest.raises(Malformed):
            read_der(paths.certificate)


def test_a_key_of_another_certificate_is_refused_without_quoting_it(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paths, other = CertificatePaths.within(tmp_path), CertificatePaths.within(tmp_path / "other")
    create_certificate("azure", paths)
    create_certificate("azure", other)
    with pytest.raises(Malformed, match="KEY_VALUES_MISMATCH") as refused:
        TlsBearer(CertificatePaths(other.key, paths.certificate))
    assert other.key.read_text().splitlines()[1] not in f"{refused.value} {refused.value.hint}"
