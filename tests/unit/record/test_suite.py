"""The shipped suite against public test vectors: Wycheproof and the known answers of FIPS 204."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from katchi.errors import Unverified
from katchi.record.suite import SHIPPED
from katchi.testing.builders import an_ally

SUITE = SHIPPED["ed25519+mldsa65"]
ALLY = an_ally("azure", suite="ed25519+mldsa65")
FIRST, SECOND = ALLY.known.identity.keys
MESSAGE = b"words"


def cases(samples, name):
    for group in json.loads((samples / "crypto/wycheproof" / name).read_text())["testGroups"]:
        for case in group["tests"]:
            yield group, case


def test_ed25519_judges_every_wycheproof_case_as_it_should_be(samples):
    seen = 0
    for group, case in cases(samples, "ed25519_test.json"):
        seen += 1
        verifier = SUITE.load((bytes.fromhex(group["publicKey"]["pk"]), SECOND))
        try:
            verifier.entry(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            verdict = "valid"
        except Unverified as error:
            verdict = "invalid"
            assert error.reason == "signature-invalid"
        assert verdict == case["result"], case
    assert seen == 151


def test_mldsa65_judges_every_wycheproof_case_without_a_context_as_it_should_be(samples):
    seen = 0
    signer = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    for group, case in cases(samples, "mldsa_65_verify_test.thin.json"):
        if case.get("ctx"):
            continue  # the record's labels stand in the message: no context is ever used
        seen += 1
        message = bytes.fromhex(case["msg"])
        try:
            verifier = SUITE.load((signer.public_key().public_bytes_raw(), bytes.fromhex(group["publicKey"])))
            verifier.full(message, (signer.sign(message), bytes.fromhex(case["sig"])))
            verdict = "valid"
        except Unverified:
            verdict = "invalid"
        assert verdict == case["result"], case
    assert seen > 20


def known_answers(samples):
    text = (samples / "crypto/kat/kat_MLDSA_65_det_pure.first4.rsp").read_text()
    for block in text.split("count = ")[1:]:
        yield dict(line.split(" = ") for line in block.splitlines() if " = " in line)


def test_mldsa65_makes_the_known_keys_and_verifies_the_known_signatures(samples):
    answers = list(known_answers(samples))
    assert len(answers) == 4
    for answer in answers:
        key = MLDSA65PrivateKey.from_seed_bytes(bytes.fromhex(answer["xi"])).public_key()
        assert key.public_bytes_raw().hex() == answer["pk"]
        message, signed = bytes.fromhex(answer["msg"]), bytes.fromhex(answer["sm"])
        signature = signed[: len(signed) - len(message)]
        MLDSA65PublicKey.from_public_bytes(bytes.fromhex(answer["pk"])).verify(
            signature, message, bytes.fromhex(answer.get("ctx", ""))
        )


def test_a_statement_without_its_mldsa_signature_is_refused():
    """Hybrid stripping: whoever breaks Ed25519 must not get by with that alone."""
    first, second = ALLY.signer.full(MESSAGE)
    verifier = SUITE.load((FIRST, SECOND))
    verifier.full(MESSAGE, (first, second))
    for signatures in ((first,), (), (second,), (first, second, second)):
        with pytest.raises(Unverified, match="signature-missing"):
            verifier.full(MESSAGE, signatures)
    for signatures in ((second, first), (first, b""), (first, first), (b"", second)):
        with pytest.raises(Unverified, match="signature-invalid"):
            verifier.full(MESSAGE, signatures)


@pytest.mark.parametrize(
    "keys", [(), (FIRST,), (FIRST, SECOND, SECOND), (SECOND, FIRST), (FIRST, bytes(1952)), (FIRST, SECOND[:-1]), (FIRST, b"")]
)
def test_keys_that_are_not_one_of_each_kind_are_refused(keys):
    with pytest.raises(Unverified, match="key-malformed"):
        SUITE.load(keys)


def test_an_identity_of_the_simulations_suite_is_not_known_to_the_shipped_ones():
    assert "cheap" not in SHIPPED
