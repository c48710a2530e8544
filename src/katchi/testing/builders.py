"""Signed things for tests, in one line each: allies, rooms in force, entries, chains, checkpoints.

All values are the same on every call, so that a failing test shows the same digests again (but for
ML-DSA signatures, which draw their own randomness). Nothing here is trusted by a node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from katchi.node.batch import Kept, KeptStatement
from katchi.record import digest as d
from katchi.record import merkle
from katchi.record.canonical import encode
from katchi.record.charter import Charter, Former, Room, SignedCharter, charter_bytes, sign_charter, verified_charter
from katchi.record.checkpoint import Checkpoint, Countersignature, Signed, sign, statement_digest
from katchi.record.entry import Entry, Header, Seen, sign_entry
from katchi.record.fields import Mode
from katchi.record.identity import Identity, KnownAlly, SignedIdentity, known, sign_identity
from katchi.record.suite import Signer
from katchi.serve.keys import FileSigner
from katchi.testing.cheap import SUITES, CheapSigner, CheapSuite

NOON = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC, in microseconds
SECOND = 1_000_000


class Ally(msgspec.Struct, frozen=True):
    """An invented ally with its private keys."""

    signer: Signer
    identity: SignedIdentity
    known: KnownAlly

    @property
    def name(self) -> str:
        """Its ally id."""
        return self.known.ally

    @property
    def fingerprint(self) -> bytes:
        """Its identity's fingerprint."""
        return self.known.fingerprint


def an_ally(name: str = "azure", mode: Mode = "exercise", *, suite: str = "cheap", serial: int = 0) -> Ally:
    """Return an ally with keys made from its name, mode and serial; suite "cheap" or "ed25519+mldsa65"."""
    seed = f"{name} {mode} {suite} {serial}".encode()
    signer = CheapSigner(seed) if suite == CheapSuite.token else FileSigner.from_seed(seed)
    identity = sign_identity(Identity(mode=mode, ally=name, suite=suite, keys=signer.public_keys, serial=serial, at=NOON), signer)
    return Ally(signer, identity, known(identity, SUITES))


def a_room(
    *allies: Ally, title: str = "talks", hash_name: Literal["sha256", "sha384"] = "sha256", after: Former | None = None
) -> Room:
    """Return the room of these allies, in force; of azure and birch if none are given."""
    members = sorted(allies or (an_ally("azure"), an_ally("birch")), key=lambda ally: ally.name)
    charter = Charter(
        mode=members[0].known.mode,
        hash=hash_name,
        title=title,
        nonce=hashlib.sha256(title.encode()).digest(),
        founded=NOON,
        members=tuple(ally.identity for ally in members),
        after=after,
    )
    data = charter_bytes(charter)
    signatures = {ally.name: sign_charter(data, hash_name, ally.fingerprint, ally.signer) for ally in members}
    return verified_charter(SignedCharter(data, signatures), SUITES)


def an_entry(
    room: Room,
    ally: Ally,
    seq: int = 0,
    prev: bytes | None = None,
    *,
    kind: str = "message.sent",
    body: Mapping[str, Any] | None = None,
    epoch: int = 0,
    sees: Sequence[Seen] = (),
    about: Sequence[bytes] = (),
    precedence: int = 0,
    at: int | None = None,
) -> Entry:
    """Return an entry that `ally` signed at `seq` after `prev` (the room's id if none is given)."""
    content = encode({"by": None, "text": f"{ally.name} {seq}"} if body is None else dict(body))
    salt = hashlib.sha256(b"salt" + content + f"{ally.name} {epoch} {seq}".encode()).digest()
    header = Header(
        mode=room.mode,
        room=room.id,
        ally=ally.name,
        epoch=epoch,
        seq=seq,
        prev=room.id if prev is None else prev,
        sees=tuple(sees),
        at=NOON + seq * SECOND if at is None else at,
        kind=kind,
        precedence=precedence,
        author="duty",
        marking="EXERCISE" if room.mode == "exercise" else "",
        about=tuple(about),
        body=d.body_digest(room.hash, salt, content),
        size=len(content),
        assent=None,
    )
    return sign_entry(room, header, salt, content, ally.fingerprint, ally.signer)


def a_chain(room: Room, ally: Ally, n: int, *, after: Entry | None = None, body: Mapping[str, Any] | None = None) -> list[Entry]:
    """Return the first `n` entries of an ally's chain, or the `n` that follow `after`."""
    chain: list[Entry] = []
    seq, prev = (0, room.id) if after is None else (after.header.seq + 1, after.digest)
    for i in range(seq, seq + n):
        chain.append(an_entry(room, ally, i, prev, body=body))
        prev = chain[-1].digest
    return chain


def a_kept(entry: Entry, *, branch: int = 0, opening: bytes | None = None, flags: tuple[str, ...] = ()) -> Kept:
    """Return an entry as its author's own node keeps it."""
    return Kept(entry, branch, opening, entry.header.at, entry.header.ally, flags)


def a_checkpoint(room: Room, ally: Ally, chain: Sequence[Entry]) -> Signed:
    """Return `ally`'s checkpoint over its chain from entry 0."""
    head = chain[-1]
    frontier = merkle.frontier_of(room.hash, (entry.digest for entry in chain))
    checkpoint = Checkpoint(
        mode=room.mode,
        room=room.id,
        ally=ally.name,
        epoch=head.header.epoch,
        length=head.header.seq + 1,
        root=merkle.root(room.hash, frontier),
        head=head.digest,
        at=head.header.at,
    )
    return sign(room, checkpoint, ally.fingerprint, ally.signer)


def a_countersignature(room: Room, by: Ally, ally: str, chain: Sequence[Entry], checkpoint: Signed, *, at: int = NOON) -> Signed:
    """Return `by`'s countersignature of `ally`'s chain, under its checkpoint."""
    head = chain[-1]
    frontier = merkle.frontier_of(room.hash, (entry.digest for entry in chain))
    counter = Countersignature(
        mode=room.mode,
        room=room.id,
        ally=ally,
        epoch=head.header.epoch,
        length=head.header.seq + 1,
        root=merkle.root(room.hash, frontier),
        head=head.digest,
        checkpoint=statement_digest(room, checkpoint),
        by=by.name,
        by_identity=by.fingerprint,
        since=0,
        lacking=0,
        at=at,
    )
    return sign(room, counter, by.fingerprint, by.signer)


def a_kept_statement(room: Room, ally: str, length: int, by: str, signed: Signed, *, epoch: int = 0) -> KeptStatement:
    """Return a checkpoint or countersignature as a node keeps it."""
    return KeptStatement(room.id, ally, epoch, length, by, signed, NOON)
