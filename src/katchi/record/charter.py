"""A room's charter: its members, mode and hash, signed by every member before the room is in force.

A room's id is its charter's digest, so a charter never changes: another membership is another room,
which names the final heads of the one it follows. A charter gives no one any right but to write.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from katchi.errors import Unverified
from katchi.record import digest as d
from katchi.record.canonical import decode_struct, encode
from katchi.record.fields import MEMBERS_MAX, STATEMENT_SIZE_MAX, AllyId, Count, Digest, Format, Mode, Nonce, Time, Title
from katchi.record.identity import KnownAlly, SignedIdentity, known
from katchi.record.suite import Signer, Suites


class FinalHead(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where one ally's chain stood when a room was followed by another."""

    ally: AllyId
    epoch: Count
    length: Count
    root: Digest


class Former(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The room that a new room follows."""

    room: Digest
    heads: tuple[FinalHead, ...]


class Charter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the members of a room sign before they write in it."""

    format: Format = 1
    mode: Mode
    hash: Literal["sha256", "sha384"]
    title: Title
    nonce: Nonce
    founded: Time
    members: Annotated[tuple[SignedIdentity, ...], Meta(min_length=1, max_length=MEMBERS_MAX)]  # sorted by ally
    after: Former | None


class SignedCharter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A charter's canonical bytes and, so far, who signed it."""

    statement: bytes
    signatures: dict[AllyId, tuple[bytes, ...]]

    def signed_by(self, ally: str, signatures: tuple[bytes, ...]) -> SignedCharter:
        """Return this charter with `ally`'s signatures beside the others."""
        return SignedCharter(self.statement, {**self.signatures, ally: signatures})


class Room:
    """A charter that verifies: what is needed to verify and to make its entries."""

    def __init__(self, charter: Charter, room_id: bytes, members: dict[str, KnownAlly], signed: SignedCharter) -> None:
        self.charter, self.id, self.members, self.signed = charter, room_id, members, signed
        self.hash, self.mode, self.title = charter.hash, charter.mode, charter.title

    @property
    def missing(self) -> tuple[str, ...]:
        """The members who have not signed yet; none means the room is in force."""
        return tuple(ally for ally in self.members if ally not in self.signed.signatures)

    @property
    def is_national(self) -> bool:
        """One member: never put on any link."""
        return len(self.members) == 1


def room_id(charter_bytes: bytes, hash_name: str) -> bytes:
    """Return the id of the room that a charter founds."""
    return d.digest(hash_name, d.CHARTER, charter_bytes)


def sign_charter(charter_bytes: bytes, hash_name: str, own: bytes, signer: Signer) -> tuple[bytes, ...]:
    """Return our signatures over a charter; `own` is our identity's fingerprint."""
    return signer.full(d.signed_message(d.CHARTER, own, room_id(charter_bytes, hash_name)))


def charter_bytes(charter: Charter) -> bytes:
    """Return the canonical bytes of a charter."""
    return encode(charter)


def verified_charter(signed: SignedCharter, suites: Suites) -> Room:
    """Return the room of a charter whose every signature that is there holds.

    The room may still lack members' signatures: see Room.missing.

    Raises:
        Unverified: not well formed, members unsorted or alike but for case, a signature wrong.
    """
    charter = decode_struct(signed.statement, Charter, size_max=STATEMENT_SIZE_MAX)
    members = {ally.ally: ally for ally in (known(identity, suites) for identity in charter.members)}
    if list(members) != sorted(members) or len(members) != len(charter.members):
        raise Unverified("charter-members-unsorted", "{allies}", allies=", ".join(members))
    if len({ally.casefold() for ally in members}) != len(members):
        raise Unverified("charter-ally-case", "two members differ only by upper and lower case")
    own_id = room_id(signed.statement, charter.hash)
    for ally, signatures in signed.signatures.items():
        if ally not in members:
            raise Unverified("charter-not-a-member", "{ally} is no member of the room", ally=ally)
        members[ally].verify_statement(d.CHARTER, own_id, signatures)
    if any(ally.mode != charter.mode for ally in members.values()):
        raise Unverified("replay-other-mode", "a member's identity is of the other mode")
    return Room(charter, own_id, members, signed)


def require_in_force(room: Room) -> Room:
    """Return `room`, or raise Unverified while a member's signature is missing."""
    if room.missing:
        raise Unverified("charter-missing-signature", "not signed by {allies}", allies=", ".join(room.missing))
    return room
