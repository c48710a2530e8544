"""What an audit says of one room: findings in plain words, and how far each chain is vouched for.

A *finding* is broken, withheld or proven; an *allegation* is one ally's statement against another,
or against itself, which proves nothing and freezes nothing; a *mark* is on an entry that verifies and
leaves the rules. Values only: nothing is computed here but their sentences and one digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from katchi.errors import Sentence
from katchi.record import digest as d
from katchi.record.canonical import encode
from katchi.record.fields import AllyId, Count, Digest
from katchi.record.fork import ForkProof

PROOFS = frozenset({"fork-pair", "countersignature-two-histories", "checkpoint-inconsistent"})


class Finding(msgspec.Struct, frozen=True):
    """One thing that an audit has to say."""

    where: Sentence | str  # such as "KOR 0/12", "checkpoint of KOR to 7", "paper ab12cd34…"
    reason: str  # a token of docs/spec/record.md
    what: Sentence
    against: str | None = None  # the ally that it speaks against, where it does

    @property
    def is_proof(self) -> bool:
        """True if what is held is sound, and by its signatures proves that an ally did not keep to one history."""
        return self.against is not None and self.reason in PROOFS


class Head(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, order=True):
    """The newest entry of one branch of one chain."""

    ally: AllyId
    epoch: Count
    length: Count
    head: Digest


class BranchReport(msgspec.Struct, frozen=True):
    """One branch: how long it is, and who vouches for how much of its path."""

    epoch: int
    start: int
    length: int
    head: bytes
    root: bytes  # RFC 9162 root over the whole path
    covered: int
    confirmed: Mapping[str, int]


class ForkReport(msgspec.Struct, frozen=True):
    """Two entries that one ally signed for one place; the proof stands alone (record/fork.py)."""

    epoch: int
    seq: int
    digests: tuple[bytes, bytes]
    proof: ForkProof | None
    is_settled: bool


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """One ally's chain; the numbers are those of the branch that is written on."""

    ally: str
    entries: int  # over all branches
    length: int
    epochs: tuple[int, ...]
    head: bytes | None
    covered: int
    confirmed: Mapping[str, int]
    lacking: tuple[str, ...]  # places of entries without a body: awaited or destroyed
    branches: tuple[BranchReport, ...]
    forks: tuple[ForkReport, ...]

    @property
    def said(self) -> str:
        """How far others vouch for it: "confirmed by USA to 41; beyond that, only KOR's word"."""
        if not self.length:
            return "no entries"
        held = {by: length for by, length in sorted(self.confirmed.items()) if length}
        if not held:
            return f"only {self.ally}'s word"
        so_far = "confirmed " + ", ".join(f"by {by} to {length}" for by, length in held.items())
        return so_far if max(held.values()) >= self.length else f"{so_far}; beyond that, only {self.ally}'s word"


class PaperReport(msgspec.Struct, frozen=True, kw_only=True):
    """One paper that entries name, or of which chunks lie here."""

    root: bytes
    names: tuple[str, ...]
    size: int | None  # as entries state it; None if none names it
    chunks: int  # held
    sha256: bytes | None  # of its bytes; None unless it is here whole

    @property
    def is_whole(self) -> bool:
        """True if all its bytes are here and hash to its root."""
        return self.sha256 is not None


class RoomReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything recomputed of one room."""

    room: bytes
    title: str
    mode: str
    hash: str
    members: tuple[str, ...]
    chains: tuple[ChainReport, ...]  # one for every member
    papers: tuple[PaperReport, ...]
    findings: tuple[Finding, ...]
    allegations: tuple[Finding, ...]
    marks: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """True if there is no finding; allegations and marks break nothing."""
        return not self.findings

    @property
    def heads(self) -> tuple[Head, ...]:
        """The head of every branch of every chain, sorted."""
        return tuple(sorted(Head(c.ally, b.epoch, b.length, b.head) for c in self.chains for b in c.branches))

    @property
    def heads_digest(self) -> bytes:
        """Equal in two records of this room if and only if they hold the same entries."""
        return heads_digest(self.hash, self.room, self.heads)

    @property
    def counts(self) -> dict[str, int]:
        """Entries by ally."""
        return {chain.ally: chain.entries for chain in self.chains}


def heads_digest(hash_name: str, room: bytes, heads: Iterable[Head]) -> bytes:
    """Return the digest over all heads of a room, in whatever order they come."""
    return d.digest(hash_name, d.HEADS, encode([room, [[h.ally, h.epoch, h.length, h.head] for h in sorted(heads)]]))
