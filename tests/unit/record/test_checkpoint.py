"""Checkpoints and countersignatures: form and signatures; their roots are for the chain to recompute."""

from __future__ import annotations

import msgspec
import pytest

from katchi.errors import Unverified
from katchi.record.canonical import decode_struct
from katchi.record.checkpoint import (
    Checkpoint,
    Countersignature,
    Signed,
    are_inconsistent,
    sign,
    verified_checkpoint,
    verified_countersignature,
)
from katchi.testing.builders import a_chain, a_checkpoint, a_countersignature, a_room, an_ally

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM = a_room(AZURE, BIRCH, CEDAR)
CHAIN = a_chain(ROOM, AZURE, 4)
CHECKPOINT = a_checkpoint(ROOM, AZURE, CHAIN)
COUNTER = a_countersignature(ROOM, BIRCH, "azure", CHAIN, CHECKPOINT)


def changed(signed, shape, by, **changes):
    said = decode_struct(signed.statement, shape, size_max=10_000)
    return sign(ROOM, msgspec.structs.replace(said, **changes), by.fingerprint, by.signer)


def reason_of(verify, signed):
    with pytest.raises(Unverified) as refused:
        verify(ROOM, signed)
    return refused.value.reason


def test_what_was_signed_comes_back():
    checkpoint = verified_checkpoint(ROOM, CHECKPOINT)
    assert (checkpoint.length, checkpoint.head) == (4, CHAIN[3].digest)
    assert verified_countersignature(ROOM, COUNTER).by == "birch"


@pytest.mark.parametrize(("verify", "signed"), [(verified_checkpoint, CHECKPOINT), (verified_countersignature, COUNTER)])
def test_a_change_to_any_byte_is_refused(verify, signed):
    (signature,) = signed.signatures
    for at in range(len(signed.statement)):
        twisted = signed.statement[:at] + bytes([signed.statement[at] ^ 1 << at % 8]) + signed.statement[at + 1 :]
        with pytest.raises(Unverified):
            verify(ROOM, Signed(twisted, signed.signatures))
    for at in range(len(signature)):
        twisted = signature[:at] + bytes([signature[at] ^ 1 << at % 8]) + signature[at + 1 :]
        with pytest.raises(Unverified):
            verify(ROOM, Signed(signed.statement, (twisted,)))


def test_neither_passes_for_the_other():
    with pytest.raises(Unverified):
        verified_countersignature(ROOM, CHECKPOINT)
    with pytest.raises(Unverified):
        verified_checkpoint(ROOM, COUNTER)


def test_a_checkpoint_of_another_room_mode_or_author_is_refused():
    assert reason_of(verified_checkpoint, changed(CHECKPOINT, Checkpoint, AZURE, room=b"r" * 32)) == "replay-other-room"
    assert reason_of(verified_checkpoint, changed(CHECKPOINT, Checkpoint, AZURE, mode="live")) == "replay-other-mode"
    assert reason_of(verified_checkpoint, changed(CHECKPOINT, Checkpoint, AZURE, ally="dove")) == "not-a-member"
    assert reason_of(verified_checkpoint, changed(CHECKPOINT, Checkpoint, BIRCH)) == "signature-invalid"


def test_a_checkpoint_of_nothing_is_refused():
    assert reason_of(verified_checkpoint, changed(CHECKPOINT, Checkpoint, AZURE, length=0)) == "checkpoint-head-not-length"


def test_a_checkpoint_without_its_slow_signature_is_refused():
    real = an_ally("azure", suite="ed25519+mldsa65")
    room = a_room(real)
    checkpoint = a_checkpoint(room, real, a_chain(room, real, 2))
    verified_checkpoint(room, checkpoint)
    with pytest.raises(Unverified, match="signature-missing"):
        verified_checkpoint(room, Signed(checkpoint.statement, checkpoint.signatures[:1]))


def test_no_ally_countersigns_its_own_chain_or_a_strangers():
    assert reason_of(verified_countersignature, changed(COUNTER, Countersignature, BIRCH, ally="birch")) == "not-a-member"
    assert reason_of(verified_countersignature, changed(COUNTER, Countersignature, BIRCH, ally="dove")) == "not-a-member"


def test_a_countersignature_names_the_identity_that_made_it():
    other = changed(COUNTER, Countersignature, BIRCH, by_identity=CEDAR.fingerprint)
    assert reason_of(verified_countersignature, other) == "signature-other-identity"


def test_two_countersignatures_of_one_length_and_two_histories_contradict_each_other():
    counter = verified_countersignature(ROOM, COUNTER)
    other = verified_countersignature(ROOM, changed(COUNTER, Countersignature, BIRCH, head=b"h" * 32))
    assert are_inconsistent(counter, other)
    for later in ({"at": counter.at + 1}, {"length": 3, "head": b"h" * 32}, {"by": "cedar", "root": b"r" * 32}):
        assert not are_inconsistent(counter, msgspec.structs.replace(counter, **later))
