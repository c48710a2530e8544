"""Charters: who may write in a room, signed by each of them before it is in force."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from katchi.errors import Unverified
from katchi.record.charter import (
    Charter,
    FinalHead,
    Former,
    SignedCharter,
    charter_bytes,
    require_in_force,
    room_id,
    sign_charter,
)
from katchi.record.charter import verified_charter as verified
from katchi.testing.builders import NOON, a_room, an_ally
from katchi.testing.cheap import SUITES

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM = a_room(AZURE, BIRCH)


def a_signed_charter(*allies, signers=None, **changes):
    fields = {"mode": "exercise", "hash": "sha256", "title": "talks", "nonce": b"n" * 32, "founded": NOON, "after": None}
    charter = Charter(**{**fields, "members": tuple(ally.identity for ally in allies), **changes})
    data = charter_bytes(charter)
    who = allies if signers is None else signers
    return SignedCharter(data, {a.name: sign_charter(data, charter.hash, a.fingerprint, a.signer) for a in who})


def reason_of(signed):
    with pytest.raises(Unverified) as refused:
        verified(signed, SUITES)
    return refused.value.reason


def test_a_rooms_id_is_the_labelled_digest_of_its_charter_by_its_own_hash():
    assert ROOM.id == hashlib.sha256(b"katchi charter 1\n" + ROOM.signed.statement).digest()
    assert len(a_room(AZURE, BIRCH, hash_name="sha384").id) == 48


def test_every_byte_of_a_charter_is_part_of_the_rooms_id_and_signed():
    statement = ROOM.signed.statement
    for at in range(len(statement)):
        changed = statement[:at] + bytes([statement[at] ^ 1 << at % 8]) + statement[at + 1 :]
        with pytest.raises(Unverified):
            verified(SignedCharter(changed, ROOM.signed.signatures), SUITES)


def test_a_room_is_not_in_force_until_every_member_has_signed():
    room = verified(a_signed_charter(AZURE, BIRCH, signers=[AZURE]), SUITES)
    assert room.missing == ("birch",)
    with pytest.raises(Unverified, match="charter-missing-signature"):
        require_in_force(room)
    assert require_in_force(ROOM) is ROOM


def test_a_signature_that_does_not_hold_is_refused_although_others_do():
    signed = a_signed_charter(AZURE, BIRCH)
    forged = msgspec.structs.replace(signed, signatures={**signed.signatures, "birch": signed.signatures["azure"]})
    assert reason_of(forged) == "signature-invalid"


def test_someone_who_is_no_member_cannot_sign():
    signed = a_signed_charter(AZURE, BIRCH)
    stranger = {**signed.signatures, "cedar": sign_charter(signed.statement, "sha256", CEDAR.fingerprint, CEDAR.signer)}
    assert reason_of(SignedCharter(signed.statement, stranger)) == "charter-not-a-member"


def test_members_alike_but_for_case_are_refused():
    assert reason_of(a_signed_charter(an_ally("KOR"), an_ally("kor"))) == "charter-ally-case"


def test_members_out_of_order_or_twice_are_refused():
    assert reason_of(a_signed_charter(BIRCH, AZURE)) == "charter-members-unsorted"
    assert reason_of(a_signed_charter(AZURE, AZURE)) == "charter-members-unsorted"
    assert reason_of(a_signed_charter(AZURE, an_ally("azure", serial=1))) == "charter-members-unsorted"


def test_an_identity_of_the_other_mode_cannot_be_a_member():
    assert reason_of(a_signed_charter(an_ally("azure", mode="live"), BIRCH)) == "replay-other-mode"


@pytest.mark.parametrize("change", [{"nonce": b"n" * 31}, {"hash": "sha1"}, {"mode": "test"}, {"founded": -1}])
def test_a_field_out_of_its_form_is_refused(change):
    data = charter_bytes(Charter(**{**msgspec.structs.asdict(ROOM.charter), **change}))
    assert reason_of(SignedCharter(data, {})) in ("field-malformed", "int-too-large", "not-cbor")


def test_a_room_of_one_is_national():
    assert verified(a_signed_charter(AZURE), SUITES).is_national
    assert not ROOM.is_national


def test_a_room_can_name_the_one_it_follows_and_where_each_chain_ended():
    former = Former(room=ROOM.id, heads=(FinalHead("azure", 0, 7, b"r" * 32), FinalHead("birch", 0, 0, b"r" * 32)))
    assert verified(a_signed_charter(AZURE, BIRCH, after=former), SUITES).charter.after == former


def test_the_same_charter_signed_for_another_room_does_not_hold():
    other = a_signed_charter(AZURE, BIRCH, title="elsewhere")
    assert room_id(other.statement, "sha256") != ROOM.id
    assert reason_of(SignedCharter(ROOM.signed.statement, other.signatures)) == "signature-invalid"
