"""Vectors of single objects: headers, entries, identities, contacts and charters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from vector_parts import (
    AZURE,
    BIRCH,
    CEDAR,
    ENTRY,
    ROOM,
    SUITE,
    Vector,
    alone,
    entry_input,
    refused,
    resigned,
    statement,
    verified,
)

from katchi.record import digest as d
from katchi.record import edwards
from katchi.record.canonical import encode
from katchi.record.charter import SignedCharter, charter_bytes, sign_charter
from katchi.record.entry import Seen
from katchi.record.identity import Contact, Identity, SignedIdentity, sign_contact, sign_identity
from katchi.testing.builders import NOON, a_room, an_ally, an_entry
from katchi.testing.crooked import ORDER_8, crooked, encoded

LIVE_AZURE = an_ally("azure", "live", suite=SUITE)


def header_vectors() -> list[Vector]:
    """Headers that are not in the one canonical form, correctly signed."""
    fields: dict[str, Any] = msgspec.to_builtins(ENTRY.header, builtin_types=(bytes,))
    pairs = [(encode(key), encode(fields[key])) for key in sorted(fields, key=lambda key: (len(key), key))]

    def joined(parts: Sequence[tuple[bytes, bytes]]) -> bytes:
        return bytes([0xA0 + len(parts)]) + b"".join(key + value for key, value in parts)

    def with_value(name: str, value: bytes) -> bytes:
        return joined([(key, value if key == encode(name) else held) for key, held in pairs])

    assert joined(pairs) == ENTRY.header_bytes
    swapped = joined([pairs[1], pairs[0], *pairs[2:]])
    made = [
        ("header-extra-field", "A field that format 1 does not have.", encode({**fields, "extra": 1}), ""),
        ("header-keys-unsorted", "Two keys of the map change places.", swapped, ""),
        ("header-keys-duplicate", "One key stands twice, with one value.", joined([*pairs, pairs[-1]]), ""),
        ("not-shortest", "An integer takes more bytes than it needs.", with_value("seq", b"\x18\x00"), ""),
        ("trailing-byte", "A byte follows the map.", joined(pairs) + b"\x00", "not-shortest"),
        ("int-as-bignum-tag", "An integer is written as a tagged byte string.", with_value("seq", b"\xc2\x41\x00"), ""),
        ("int-as-bool", "false stands where 0 should: equal in some languages.", with_value("seq", b"\xf4"), ""),
        ("int-too-large", "An integer of 2^53.", with_value("at", encode(2**53)), ""),
        (
            "set-as-array",
            "A tagged set: an array to some.",
            with_value("about", b"\xd9\x01\x02\x80"),
            "type-not-allowed",
        ),
        ("float-as-int", "0.0: the integer 0 to some decoders.", with_value("seq", b"\xf9\x00\x00"), "type-not-allowed"),
    ]
    return [refused(name, about, "entry", entry_input(data), reason) for name, about, data, reason in made]


def entry_vectors() -> list[Vector]:
    """Entries that hold, and entries whose body or place does not."""
    other = an_entry(a_room(AZURE, BIRCH, title="elsewhere"), AZURE)
    live = an_entry(a_room(LIVE_AZURE), LIVE_AZURE)
    stranger, itself = resigned(by=CEDAR, ally="cedar"), resigned(sees=(Seen("azure", 0, 0, b"s" * 32),))
    long_salt = entry_input(salt=(ENTRY.salt or b"") + b"\x00")
    other_body = entry_input(body=encode({"by": None, "text": "합이"}))
    destroyed = entry_input(salt=None, body=None)
    return [
        verified("good-entry", "An entry that holds, with its body.", "entry", entry_input()),
        verified("good-entry-body-destroyed", "The same after salt and body were destroyed.", "entry", destroyed),
        refused("salt-not-32", "A salt of 33 bytes: one digest could open as two bodies.", "entry", long_salt),
        refused("body-digest-mismatch", "Another body of the same size.", "entry", other_body),
        refused("replay-other-room", "An entry that its author signed for another room.", "entry", alone(other)),
        refused("replay-other-mode", "A header that says live, in an exercise room.", "entry", alone(resigned(mode="live"))),
        refused("replay-live-entry", "An entry of the live node in an exercise room.", "entry", alone(live), "replay-other-room"),
        refused("not-a-member", "An entry of cedar, which is no member.", "entry", alone(stranger)),
        refused("sees-malformed", "Its author states to have seen itself.", "entry", alone(itself)),
    ]


def signature_vectors() -> list[Vector]:
    """Signatures that hold over something else."""
    r, scalar = ENTRY.signature[:32], int.from_bytes(ENTRY.signature[32:], "little") + edwards.L
    labelled = AZURE.signer.entry(d.signed_message(d.CHECKPOINT, AZURE.fingerprint, ENTRY.digest))
    for_birch = AZURE.signer.entry(d.signed_message(d.ENTRY, BIRCH.fingerprint, ENTRY.digest))
    later = encode(msgspec.structs.replace(ENTRY.header, epoch=7))
    message = d.signed_message(d.ENTRY, AZURE.fingerprint, ENTRY.digest)
    beside, neutral = crooked(AZURE.signer, message, nonce=7, beside=ORDER_8), crooked(AZURE.signer, message, nonce=0)
    small_part = "Its R has a part of small order: with the cofactor it would hold."
    made = [
        ("replay-other-epoch", "A signature made in epoch 0 under a header of epoch 7.", entry_input(later, ENTRY.signature)),
        ("signature-wrong-label", "Signed as if the digest were a checkpoint's.", entry_input(signature=labelled)),
        ("signature-s-plus-l", "The group order is added to the signature's scalar.", entry_input(signature=r + _little(scalar))),
        ("signature-r-mixed-order", small_part, entry_input(signature=beside)),
        ("signature-r-neutral", "Its R is the neutral point: libraries differ about it.", entry_input(signature=neutral)),
        ("signature-other-identity", "Signed by azure's key under birch's fingerprint.", entry_input(signature=for_birch)),
    ]
    return [refused(name, about, "entry", given, "signature-invalid") for name, about, given in made]


def identity_vectors() -> list[Vector]:
    """Identities and contacts."""
    own = AZURE.known.identity
    mixed = edwards._plus(edwards._decompressed(own.keys[0]), ORDER_8)
    keys = [
        ("key-small-order", "An Ed25519 key of order 8: one signature by it verifies any message.", encoded(ORDER_8)),
        ("key-mixed-order", "A sound key plus a point of order 8: verifiers disagree about it.", encoded(mixed)),
        ("key-non-canonical", "A second spelling of a key: its y is not below 2^255 - 19.", _little(edwards.P + 3)),
    ]
    stripped = SignedIdentity(AZURE.identity.statement, AZURE.identity.signatures[:1])
    where = {"mode": "exercise", "ally": "azure", "identity": AZURE.fingerprint, "serial": 2, "tls": (b"t" * 32,)}
    contact = sign_contact(Contact(**where, seal=(), addresses=("azure.example:7431",), at=NOON), AZURE.signer)
    held = {"identity": "good-identity", "statement": contact.statement, "signatures": list(contact.signatures)}
    vectors = [verified("good-identity", "azure's keys, signed by each.", "identity", statement(AZURE.identity))]
    for name, about, key in keys:
        identity = sign_identity(msgspec.structs.replace(own, keys=(key, own.keys[1])), AZURE.signer)
        vectors.append(refused(name, about, "identity", statement(identity)))
    return [
        *vectors,
        refused("identity-without-mldsa", "Its slow signature is gone.", "identity", statement(stripped), "signature-missing"),
        verified("good-contact", "Where azure's node is reached.", "contact", {**held, "serial_min": 2}),
        refused("contact-old-serial", "An older contact comes again, with old pins.", "contact", {**held, "serial_min": 3}),
    ]


def charter_vectors() -> list[Vector]:
    """Charters in force, and not."""

    def given(signed: SignedCharter) -> Vector:
        return {"statement": signed.statement, "signatures": {ally: list(each) for ally, each in signed.signatures.items()}}

    signed = ROOM.signed
    one = SignedCharter(signed.statement, {"azure": signed.signatures["azure"]})
    twins = {"AZURE": BIRCH, "azure": AZURE}
    identities = {
        name: sign_identity(
            Identity(mode="exercise", ally=name, suite=SUITE, keys=ally.known.identity.keys, serial=0, at=NOON), ally.signer
        )
        for name, ally in twins.items()
    }
    data = charter_bytes(msgspec.structs.replace(ROOM.charter, members=tuple(identities.values())))
    by_twins = {n: sign_charter(data, "sha256", identities[n].fingerprint, ally.signer) for n, ally in twins.items()}
    turned = charter_bytes(msgspec.structs.replace(ROOM.charter, members=ROOM.charter.members[::-1]))
    by_all = {ally.name: sign_charter(turned, "sha256", ally.fingerprint, ally.signer) for ally in (AZURE, BIRCH)}
    unsorted = "birch stands before azure."
    return [
        verified("good-charter", "A room of azure and birch, in force.", "charter", given(signed)),
        refused("charter-missing-signature", "birch has not signed.", "charter", given(one)),
        refused("charter-members-unsorted", unsorted, "charter", given(SignedCharter(turned, by_all))),
        refused("charter-ally-case", "Two members that differ only by case.", "charter", given(SignedCharter(data, by_twins))),
    ]


def _little(number: int) -> bytes:
    return number.to_bytes(32, "little")
