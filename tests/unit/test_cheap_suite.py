"""Signatures of simulated allies hold among themselves, and nowhere else."""

from __future__ import annotations

import pytest

from katchi.errors import Unverified
from katchi.record.entry import verified
from katchi.record.identity import known
from katchi.record.suite import SHIPPED
from katchi.testing.builders import a_chain, a_room, an_ally
from katchi.testing.cheap import SUITES, CheapSigner, CheapSuite


def test_production_code_refuses_an_ally_of_the_cheap_suite():
    assert CheapSuite.token not in SHIPPED
    with pytest.raises(Unverified) as refused:
        known(an_ally("azure").identity, SHIPPED)
    assert refused.value.reason == "suite-unknown"


def test_the_cheap_suite_stands_beside_the_shipped_ones_for_simulations():
    assert set(SUITES) == {*SHIPPED, "cheap"}


@pytest.mark.parametrize("suite", ["cheap", "ed25519+mldsa65"])
def test_a_built_chain_verifies_and_a_flipped_signature_does_not(suite):
    azure, birch = an_ally("azure", suite=suite), an_ally("birch")
    room = a_room(azure, birch)
    entry = a_chain(room, azure, 2)[1]
    assert verified(room, entry.header_bytes, entry.signature, entry.salt, entry.body) == entry
    flipped = bytes([entry.signature[0] ^ 1]) + entry.signature[1:]
    with pytest.raises(Unverified, match="signature-invalid"):
        verified(room, entry.header_bytes, flipped, entry.salt, entry.body)


def test_a_full_signature_is_exactly_one_and_over_this_message():
    signer = CheapSigner(b"seed")
    verifier = CheapSuite().load(signer.public_keys)
    verifier.full(b"message", signer.full(b"message"))
    for signatures, reason in (((), "signature-missing"), (signer.full(b"message") * 2, "signature-missing")):
        with pytest.raises(Unverified, match=reason):
            verifier.full(b"message", signatures)
    with pytest.raises(Unverified, match="signature-invalid"):
        verifier.full(b"another message", signer.full(b"message"))


def test_keys_of_another_form_are_refused():
    for keys in ((), (b"short",), (b"k" * 32, b"k" * 32)):
        with pytest.raises(Unverified, match="key-malformed"):
            CheapSuite().load(keys)


def test_another_ally_mode_or_serial_is_another_key_and_the_same_is_the_same():
    fingerprints = {an_ally(*args).fingerprint for args in (("azure",), ("birch",), ("azure", "live"))}
    fingerprints.add(an_ally("azure", serial=1).fingerprint)
    assert len(fingerprints) == 4
    assert an_ally("azure").fingerprint == an_ally("azure").fingerprint
