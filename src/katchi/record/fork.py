"""Proof that an ally signed two histories: two headers for one place, each with its signature.

A proof stands alone: whoever trusts the ally's fingerprint can check it. What merely contradicts
(a `sees` that names an unknown digest) is an allegation, and is held against the one who wrote it.
"""

from __future__ import annotations

import msgspec

from katchi.errors import Unverified
from katchi.record.charter import Room
from katchi.record.entry import Entry, Header, verified


class ForkProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two signed headers of one (room, ally, epoch, seq)."""

    one_header: bytes
    one_signature: bytes
    other_header: bytes
    other_signature: bytes


def prove(one: Entry, other: Entry) -> ForkProof:
    """Return the proof that two entries of one place make."""
    return ForkProof(one.header_bytes, one.signature, other.header_bytes, other.signature)


def verified_fork(room: Room, proof: ForkProof) -> tuple[Header, Header]:
    """Return both headers if the proof holds.

    Raises:
        Unverified: a signature fails, the places differ, or both are the same entry.
    """
    one = verified(room, proof.one_header, proof.one_signature, None, None)
    other = verified(room, proof.other_header, proof.other_signature, None, None)
    if _place(one.header) != _place(other.header) or one.digest == other.digest:
        raise Unverified("fork-not-proven", "{one} and {other}", one=one.place, other=other.place)
    return one.header, other.header


def _place(header: Header) -> tuple[bytes, str, int, int]:
    return header.room, header.ally, header.epoch, header.seq
