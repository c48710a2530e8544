"""Checkpoints: an author's slow signatures over its whole chain, and each peer's countersignature.

A checkpoint makes entries *covered*; a countersignature makes them *confirmed*. A countersignature
promises only: I hold this chain to `length` but for `lacking` bodies, I recomputed every hash,
signature and the root, it extends all I countersigned here, I knew of no fork. It claims neither
agreement, nor reading, nor true times.
"""

from __future__ import annotations

import msgspec

from katchi.errors import Unverified
from katchi.record import digest as d
from katchi.record.canonical import decode, decode_struct, encode
from katchi.record.charter import Room
from katchi.record.fields import STATEMENT_SIZE_MAX, AllyId, Count, Digest, Fingerprint, Format, Mode, Time
from katchi.record.suite import Signer


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ally's head and Merkle root over the path of one epoch, by its own hand."""

    format: Format = 1
    mode: Mode
    room: Digest
    ally: AllyId
    epoch: Count
    length: Count  # = head's seq + 1
    root: Digest
    head: Digest
    at: Time


class Countersignature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a peer says of a chain that it recomputed itself."""

    format: Format = 1
    mode: Mode
    room: Digest
    ally: AllyId  # whose chain
    epoch: Count
    length: Count
    root: Digest
    head: Digest
    checkpoint: Digest
    by: AllyId
    by_identity: Fingerprint
    since: Count  # length last countersigned on this path, 0 if none
    lacking: Count  # bodies not held
    at: Time


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Canonical bytes of a checkpoint or countersignature, and its signatures in suite order."""

    statement: bytes
    signatures: tuple[bytes, ...]


def sign(room: Room, statement: Checkpoint | Countersignature, own: bytes, signer: Signer) -> Signed:
    """Return `statement` signed by us; `own` is our identity's fingerprint."""
    label = d.CHECKPOINT if isinstance(statement, Checkpoint) else d.COUNTERSIGNATURE
    data = encode(statement)
    return Signed(data, signer.full(d.signed_message(label, own, d.digest(room.hash, label, data))))


def statement_digest(room: Room, signed: Signed, label: bytes = d.CHECKPOINT) -> bytes:
    """Return the digest by which a checkpoint (or, by its label, a countersignature) is named."""
    return d.digest(room.hash, label, signed.statement)


def vouched_head(signed: Signed) -> bytes:
    """Return the head that a statement which was verified vouches for."""
    said = decode(signed.statement, size_max=STATEMENT_SIZE_MAX)
    assert isinstance(said, dict)
    head = said["head"]
    assert isinstance(head, bytes)
    return head


def verified_checkpoint(room: Room, signed: Signed) -> Checkpoint:
    """Return the checkpoint if form and all signatures hold; its root is for the chain to recompute.

    Raises:
        Unverified: the reason names what does not hold.
    """
    checkpoint = decode_struct(signed.statement, Checkpoint, size_max=STATEMENT_SIZE_MAX)
    _require_here(room, checkpoint, checkpoint.ally, signed, d.CHECKPOINT)
    return checkpoint


def verified_countersignature(room: Room, signed: Signed) -> Countersignature:
    """Return the countersignature if form and all signatures hold.

    Raises:
        Unverified: the reason names what does not hold.
    """
    counter = decode_struct(signed.statement, Countersignature, size_max=STATEMENT_SIZE_MAX)
    _require_here(room, counter, counter.by, signed, d.COUNTERSIGNATURE)
    if counter.by_identity != room.members[counter.by].fingerprint:
        raise Unverified("signature-other-identity", "{ally} under another identity than its own", ally=counter.by)
    if counter.ally not in room.members or counter.ally == counter.by:
        raise Unverified("not-a-member", "{ally} is not one whose chain it may countersign", ally=counter.ally)
    return counter


def _require_here(room: Room, said: Checkpoint | Countersignature, signer: str, signed: Signed, label: bytes) -> None:
    if said.room != room.id:
        raise Unverified("replay-other-room", "it names another room")
    if said.mode != room.mode:
        raise Unverified("replay-other-mode", "{mode} in a room of mode {other}", mode=said.mode, other=room.mode)
    if signer not in room.members:
        raise Unverified("not-a-member", "{ally} is no member of the room", ally=signer)
    if said.length == 0:
        raise Unverified("checkpoint-head-not-length", "a chain of no entries has no checkpoint")
    room.members[signer].verify_statement(label, d.digest(room.hash, label, signed.statement), signed.signatures)


def are_inconsistent(one: Countersignature, other: Countersignature) -> bool:
    """True if one signer vouched for two histories at one length: proof that it lied (or was made to)."""
    same_place = (one.by, one.room, one.ally, one.epoch, one.length) == (
        other.by,
        other.room,
        other.ally,
        other.epoch,
        other.length,
    )
    return same_place and (one.root, one.head) != (other.root, other.head)
