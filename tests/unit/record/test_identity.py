"""Who an ally is: keys under one fingerprint, and where its node is reached."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from katchi.errors import Unverified
from katchi.record import digest as d
from katchi.record.canonical import encode
from katchi.record.identity import (
    Contact,
    Identity,
    SignedContact,
    SignedIdentity,
    fingerprint,
    known,
    phrase,
    sign_contact,
    sign_identity,
)
from katchi.record.identity import verified_contact as verified
from katchi.record.suite import SHIPPED
from katchi.testing.builders import NOON, an_ally
from katchi.testing.cheap import SUITES, CheapSigner

AZURE, BIRCH = an_ally("azure"), an_ally("birch")
REAL = an_ally("azure", suite="ed25519+mldsa65")


def a_contact(signer=AZURE, **changes):
    """A contact of azure, signed for azure's identity by whoever is named."""
    fields = {"mode": "exercise", "ally": "azure", "identity": AZURE.fingerprint, "serial": 3, "tls": (b"t" * 32,), "seal": ()}
    statement = encode(Contact(**{**fields, "addresses": ("kor.example:7000",), "at": NOON, **changes}))
    message = d.signed_message(d.CONTACT, AZURE.fingerprint, d.digest("sha256", d.CONTACT, statement))
    return SignedContact(statement, signer.signer.full(message))


def test_a_fingerprint_is_the_labelled_sha256_of_the_statement_and_covers_every_field():
    assert AZURE.fingerprint == hashlib.sha256(b"katchi identity 1\n" + AZURE.identity.statement).digest()
    identity = AZURE.known.identity
    changes = [("mode", "live"), ("ally", "azur"), ("suite", "other"), ("keys", (b"k" * 32,)), ("serial", 1), ("at", NOON + 1)]
    assert {name for name, _ in changes} | {"format"} == set(Identity.__struct_fields__)
    for name, value in changes:
        assert fingerprint(encode(msgspec.structs.replace(identity, **{name: value}))) != AZURE.fingerprint


@pytest.mark.parametrize("ally", [AZURE, REAL], ids=["cheap", "real"])
def test_an_identity_that_was_changed_anywhere_is_refused(ally):
    statement, step = ally.identity.statement, 1 if ally is AZURE else 173
    for at in range(0, len(statement), step):
        changed = statement[:at] + bytes([statement[at] ^ 1 << at % 8]) + statement[at + 1 :]
        with pytest.raises(Unverified):
            known(SignedIdentity(changed, ally.identity.signatures), SUITES)


def test_an_identity_lacking_a_signature_of_its_suite_is_refused():
    with pytest.raises(Unverified, match="signature-missing"):
        known(SignedIdentity(REAL.identity.statement, REAL.identity.signatures[:1]), SUITES)


def test_an_identity_of_an_unknown_suite_is_refused():
    with pytest.raises(Unverified, match="suite-unknown"):
        known(AZURE.identity, SHIPPED)


def test_keys_that_an_ally_does_not_hold_cannot_be_put_under_its_identity():
    theirs = BIRCH.known.identity.keys
    identity = Identity(mode="exercise", ally="azure", suite="cheap", keys=theirs, serial=0, at=NOON)
    with pytest.raises(Unverified, match="signature-invalid"):
        known(sign_identity(identity, CheapSigner(b"another")), SUITES)


def test_pairing_digits_are_sixteen_and_stand_for_the_whole_fingerprint():
    digits = phrase(AZURE.known)
    assert [len(group) for group in digits.split()] == [4, 4, 4, 4] and digits.replace(" ", "").isdigit()
    assert phrase(an_ally("azure", serial=1).known) != digits


def test_a_contact_comes_back_and_an_older_one_is_refused():
    own = Contact(
        mode="exercise",
        ally="azure",
        identity=AZURE.fingerprint,
        serial=3,
        tls=(),
        seal=(),
        addresses=("kor.example:7000",),
        at=NOON,
    )
    contact = sign_contact(own, AZURE.signer)
    assert verified(contact, AZURE.known, serial_min=3).addresses == ("kor.example:7000",)
    with pytest.raises(Unverified, match="contact-old-serial"):
        verified(contact, AZURE.known, serial_min=4)


@pytest.mark.parametrize("change", [{"identity": b"x" * 32}, {"mode": "live"}, {"ally": "birch"}])
def test_a_contact_for_another_identity_mode_or_ally_is_refused(change):
    with pytest.raises(Unverified, match="contact-other-identity"):
        verified(a_contact(**change), AZURE.known, serial_min=0)


def test_a_contact_signed_by_another_ally_is_refused():
    with pytest.raises(Unverified, match="signature-invalid"):
        verified(a_contact(BIRCH), AZURE.known, serial_min=0)


def test_three_tls_pins_are_refused():
    with pytest.raises(Unverified, match="field-malformed"):
        verified(a_contact(tls=(b"t" * 32,) * 3), AZURE.known, serial_min=0)
