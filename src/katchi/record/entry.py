"""One statement by one ally: a closed header that is signed, and an opaque salted body.

`verified` says whether an entry holds; what its body means, and whether its author kept the rules,
is not asked here. Salt and body can be destroyed together while the chain still verifies.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from katchi.errors import Unverified
from katchi.record import digest as d
from katchi.record.canonical import decode_struct, encode
from katchi.record.charter import Room
from katchi.record.fields import (
    ABOUT_MAX,
    BODY_SIZE_MAX,
    HEADER_SIZE_MAX,
    MEMBERS_MAX,
    AllyId,
    Count,
    Digest,
    Format,
    Marking,
    Mode,
    Time,
    Token,
)
from katchi.record.suite import ENTRY_SIGNATURE_SIZE, Signer


class Seen(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The newest entry of another member that an author states to hold, with all before it."""

    ally: AllyId
    epoch: Count
    seq: Count
    digest: Digest


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one ally signed: one statement, linked to its previous one. docs/spec/record.md has every field."""

    format: Format = 1
    mode: Mode
    room: Digest
    ally: AllyId
    epoch: Count
    seq: Count  # 0, 1, 2 ... along the chain, over epochs: also the Merkle leaf index
    prev: Digest  # digest of entry seq - 1; the room's id at 0
    sees: Annotated[tuple[Seen, ...], Meta(max_length=MEMBERS_MAX)]  # of other members, sorted by ally
    at: Time  # the author's own clock; may go back, and is then flagged
    kind: Token
    precedence: Annotated[int, Meta(ge=0, le=3)]
    author: Token  # the post; the officer's name is in the body, where it can be destroyed
    marking: Marking
    about: Annotated[tuple[Digest, ...], Meta(max_length=ABOUT_MAX)]  # the opening, then what is answered
    body: Digest
    size: Annotated[int, Meta(ge=0, le=BODY_SIZE_MAX)]
    assent: Digest | None  # reserved for officers' assertions that travel beside


class Entry(msgspec.Struct, frozen=True):
    """An entry as it travels and is kept. A body is None while awaited, or once destroyed."""

    header_bytes: bytes
    signature: bytes
    salt: bytes | None
    body: bytes | None
    header: Header
    digest: bytes

    def with_body(self, salt: bytes, body: bytes) -> Entry:
        """Return this entry with its body filled in; `check_body` has been called."""
        return Entry(self.header_bytes, self.signature, salt, body, self.header, self.digest)

    @property
    def place(self) -> str:
        """How people name it: KOR 0/12 is entry 12 of epoch 0."""
        return f"{self.header.ally} {self.header.epoch}/{self.header.seq}"


def decode_header(header_bytes: bytes) -> Header:
    """Return the header whose canonical form this is, or raise Unverified by name."""
    return decode_struct(header_bytes, Header, size_max=HEADER_SIZE_MAX)


def check_body(hash_name: str, header: Header, salt: bytes, body: bytes) -> None:
    """Raise Unverified unless salt and body are those that `header` names."""
    if len(body) != header.size or d.body_digest(hash_name, salt, body) != header.body:
        raise Unverified("body-digest-mismatch", "{place}", place=f"{header.ally} {header.epoch}/{header.seq}")


def verified(room: Room, header_bytes: bytes, signature: bytes, salt: bytes | None, body: bytes | None) -> Entry:
    """Return the entry if its form, digests and signature hold in `room`; `prev` is the chain's to judge.

    Raises:
        Unverified: the reason names what does not hold.
    """
    return verified_as(decode_header(header_bytes), room, header_bytes, signature, salt, body)


def verified_as(
    header: Header,
    room: Room,
    header_bytes: bytes,
    signature: bytes,
    salt: bytes | None,
    body: bytes | None,
    *,
    signature_holds: bool | None = None,
) -> Entry:
    """Return the entry as `verified` does, given the header that `header_bytes` was just decoded to.

    Args:
        signature_holds: what came of the signature where it was checked elsewhere; None checks it here.
    """
    if header.room != room.id:
        raise Unverified("replay-other-room", "its header names another room")
    if header.mode != room.mode:
        raise Unverified("replay-other-mode", "{mode} in a room of mode {other}", mode=header.mode, other=room.mode)
    if header.ally not in room.members:
        raise Unverified("not-a-member", "{ally} is no member of the room", ally=header.ally)
    if header.sees:
        _require_sorted(header, room)
    if len(signature) != ENTRY_SIGNATURE_SIZE:
        raise Unverified("signature-invalid", "{size} bytes", size=len(signature))
    entry_digest = d.digest(room.hash, d.ENTRY, header_bytes)
    if signature_holds is None:
        room.members[header.ally].verify_entry(entry_digest, signature)
    elif not signature_holds:
        raise Unverified("signature-invalid", "its author's signature does not hold")
    if body is not None or salt is not None:
        check_body(room.hash, header, salt or b"", body or b"")
    return Entry(header_bytes, signature, salt, body, header, entry_digest)


def _require_sorted(header: Header, room: Room) -> None:
    allies = [seen.ally for seen in header.sees]
    if header.ally in allies or any(one >= other for one, other in pairwise(allies)) or not room.members.keys() >= set(allies):
        raise Unverified("sees-malformed", "`sees` names other members, each once, sorted")


def sign_entry(room: Room, header: Header, salt: bytes, body: bytes, own: bytes, signer: Signer) -> Entry:
    """Return our own entry; `own` is our identity's fingerprint, header.body names salt and body."""
    header_bytes = encode(header)
    if len(header_bytes) > HEADER_SIZE_MAX:
        raise Unverified("too-large", "a header of {size} bytes", size=len(header_bytes))
    entry_digest = d.digest(room.hash, d.ENTRY, header_bytes)
    signature = signer.entry(d.signed_message(d.ENTRY, own, entry_digest))
    return Entry(header_bytes, signature, salt, body, header, entry_digest)
