"""Entries: a closed header that is signed, and a salted body that can be destroyed."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.errors import Unverified
from katchi.record import digest as d
from katchi.record.canonical import encode
from katchi.record.entry import Header, Seen, sign_entry, verified
from katchi.testing.builders import a_room, an_ally, an_entry

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM = a_room(AZURE, BIRCH, CEDAR)
ENTRY = an_entry(ROOM, AZURE, sees=[Seen("birch", 0, 3, b"s" * 32), Seen("cedar", 0, 1, b"t" * 32)], about=[b"a" * 32])
REAL = an_ally("azure", suite="ed25519+mldsa65")
REAL_ROOM = a_room(REAL)
REAL_ENTRY = an_entry(REAL_ROOM, REAL)


def resigned(by=AZURE, **changes):
    """The entry with fields changed and signed again."""
    header = msgspec.structs.replace(ENTRY.header, **changes)
    return sign_entry(ROOM, header, ENTRY.salt, ENTRY.body, by.fingerprint, by.signer)


def reason_of(entry, room=ROOM, salt=ENTRY.salt, body=ENTRY.body, signature=None):
    with pytest.raises(Unverified) as refused:
        verified(room, entry.header_bytes, entry.signature if signature is None else signature, salt, body)
    return refused.value.reason


def test_an_entry_that_was_signed_verifies_with_and_without_its_body():
    assert verified(ROOM, ENTRY.header_bytes, ENTRY.signature, ENTRY.salt, ENTRY.body) == ENTRY
    destroyed = verified(ROOM, ENTRY.header_bytes, ENTRY.signature, None, None)
    assert destroyed.digest == ENTRY.digest and destroyed.body is None


def test_an_entry_is_named_by_the_labelled_digest_of_its_header_by_the_rooms_hash():
    assert ENTRY.digest == hashlib.sha256(b"katchi entry 1\n" + ENTRY.header_bytes).digest()
    room = a_room(AZURE, hash_name="sha384")
    entry = an_entry(room, AZURE)
    assert entry.digest == hashlib.sha384(b"katchi entry 1\n" + entry.header_bytes).digest()


@pytest.mark.parametrize("entry", [ENTRY, REAL_ENTRY], ids=["cheap", "real"])
def test_a_change_to_any_byte_of_header_signature_salt_or_body_is_refused(entry):
    room = ROOM if entry is ENTRY else REAL_ROOM
    parts = [entry.header_bytes, entry.signature, entry.salt, entry.body]
    for which, part in enumerate(parts):
        for at in range(len(part)):
            changed = part[:at] + bytes([part[at] ^ 1 << at % 8]) + part[at + 1 :]
            with pytest.raises(Unverified):
                verified(room, *[*parts[:which], changed, *parts[which + 1 :]])


@given(st.integers(0, 3), st.data())
@settings(max_examples=100)
def test_a_part_cut_short_or_made_longer_is_refused(which, data):
    parts = [ENTRY.header_bytes, ENTRY.signature, ENTRY.salt, ENTRY.body]
    keep = data.draw(st.integers(0, len(parts[which]) - 1))
    for changed in (parts[which][:keep], parts[which] + b"\x00" * (keep + 1)):
        with pytest.raises(Unverified):
            verified(ROOM, *[*parts[:which], changed, *parts[which + 1 :]])


def test_an_entry_of_another_room_or_mode_is_refused_although_it_is_signed():
    assert reason_of(resigned(room=b"r" * 32)) == "replay-other-room"
    assert reason_of(resigned(mode="live")) == "replay-other-mode"


def test_a_live_entry_cannot_be_replayed_into_an_exercise_room_of_the_same_name():
    live = an_ally("azure", mode="live")
    theirs = an_entry(a_room(live), live)
    assert reason_of(theirs, a_room(AZURE)) == "replay-other-room"


def test_someone_who_is_no_member_cannot_write():
    dove = an_ally("dove")
    assert reason_of(resigned(dove, ally="dove")) == "not-a-member"


def test_an_ally_cannot_write_in_anothers_name():
    assert reason_of(resigned(BIRCH)) == "signature-invalid"


def test_a_signature_over_another_label_or_identity_does_not_hold():
    own = AZURE.fingerprint
    for message in (
        d.signed_message(d.CHECKPOINT, own, ENTRY.digest),
        d.signed_message(d.ENTRY, BIRCH.fingerprint, ENTRY.digest),
        ENTRY.digest,
    ):
        assert reason_of(ENTRY, signature=AZURE.signer.entry(message)) == "signature-invalid"


def test_a_signature_is_not_valid_with_the_group_order_added_to_its_scalar():
    order = 2**252 + 27742317777372353535851937790883648493
    r, s = REAL_ENTRY.signature[:32], int.from_bytes(REAL_ENTRY.signature[32:], "little")
    twin = r + (s + order).to_bytes(32, "little")
    assert reason_of(REAL_ENTRY, REAL_ROOM, REAL_ENTRY.salt, REAL_ENTRY.body, twin) == "signature-invalid"


def test_another_body_or_salt_is_refused_and_half_of_an_envelope_too():
    assert reason_of(ENTRY, body=encode({"by": None, "text": "azure 1"})) == "body-digest-mismatch"
    assert reason_of(ENTRY, salt=b"x" * 32) == "body-digest-mismatch"
    assert reason_of(ENTRY, salt=ENTRY.salt + b"\x00") == "salt-not-32"
    assert reason_of(ENTRY, salt=None) == "salt-not-32"
    assert reason_of(ENTRY, body=None) == "body-digest-mismatch"


def test_a_header_that_states_another_size_than_its_bodys_is_refused():
    assert reason_of(resigned(size=ENTRY.header.size + 1)) == "body-digest-mismatch"


def test_a_body_that_no_one_can_read_is_opaque_here_and_kept():
    body = b"\xff not even CBOR"
    header = msgspec.structs.replace(ENTRY.header, body=d.body_digest("sha256", ENTRY.salt, body), size=len(body), kind="x.y")
    entry = sign_entry(ROOM, header, ENTRY.salt, body, AZURE.fingerprint, AZURE.signer)
    assert verified(ROOM, entry.header_bytes, entry.signature, entry.salt, body).body == body


@pytest.mark.parametrize(
    "sees",
    [
        [Seen("cedar", 0, 1, b"t" * 32), Seen("birch", 0, 3, b"s" * 32)],
        [Seen("birch", 0, 3, b"s" * 32), Seen("birch", 0, 4, b"t" * 32)],
        [Seen("azure", 0, 3, b"s" * 32)],
        [Seen("dove", 0, 3, b"s" * 32)],
    ],
    ids=["unsorted", "twice", "itself", "no member"],
)
def test_sees_names_other_members_each_once_sorted(sees):
    assert reason_of(resigned(sees=tuple(sees))) == "sees-malformed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("mode", "test"),
        ("room", b"r" * 31),
        ("ally", "a" * 33),
        ("ally", "a b"),
        ("ally", "azure\n"),
        ("epoch", -1),
        ("seq", 2**53),
        ("seq", True),
        ("prev", b"p" * 49),
        ("prev", "text"),
        ("at", 1.5),
        ("kind", "Kind"),
        ("kind", ""),
        ("kind", "k" * 49),
        ("precedence", 4),
        ("author", "post A"),
        ("marking", "가"),
        ("marking", "a\n"),
        ("marking", "a" * 129),
        ("about", [b"a" * 32] * 9),
        ("body", None),
        ("size", 64 * 1024 + 1),
        ("assent", b"short"),
        ("sees", [["birch", 0, 0]]),
        ("sees", [["birch", 0, 0, b"s" * 32, 0]]),
        ("sees", None),
    ],
)
def test_a_header_field_out_of_its_form_is_refused(field, value):
    header = {**msgspec.to_builtins(ENTRY.header, builtin_types=(bytes,)), field: value}
    header_bytes = encode(header)
    signature = AZURE.signer.entry(d.signed_message(d.ENTRY, AZURE.fingerprint, d.digest("sha256", d.ENTRY, header_bytes)))
    with pytest.raises(Unverified):
        verified(ROOM, header_bytes, signature, None, None)


@pytest.mark.parametrize("field", Header.__struct_fields__)
def test_a_header_without_one_of_its_fields_is_refused(field):
    header = msgspec.to_builtins(ENTRY.header, builtin_types=(bytes,))
    del header[field]
    with pytest.raises(Unverified):
        verified(ROOM, encode(header), ENTRY.signature, None, None)


def test_a_header_of_more_than_4_kib_is_refused_before_it_is_read():
    with pytest.raises(Unverified, match="too-large"):
        verified(ROOM, b"\x00" * 4097, ENTRY.signature, None, None)


def test_the_rooms_keys_are_those_that_were_trusted():
    impostor = an_ally("azure", serial=9)
    assert impostor.known.verifier is not AZURE.known.verifier
    assert reason_of(resigned(impostor)) == "signature-invalid"
