"""Who vouches for how much of a chain: statements held against the entries that are there.

Checkpoints and countersignatures come verified; here their heads and roots are recomputed, all of one
chain in one sweep per branch, whatever their number. What they vouch for is then spread over every
branch that shares it, so that the order of arrival leaves no trace. It verifies no signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from katchi.errors import Sentence
from katchi.record import merkle
from katchi.record.chain import Chain
from katchi.record.report import Finding

Paths = Sequence[Sequence[bytes]]  # entry digests of each branch's own run, from its start


class Vouched(NamedTuple):
    """What one verified checkpoint (by == ally) or countersignature says."""

    ally: str
    epoch: int
    length: int
    root: bytes
    head: bytes
    by: str

    @property
    def where(self) -> Sentence:
        """How people name it."""
        if self.by == self.ally:
            return Sentence("checkpoint of {ally} to {length}", ally=self.ally, length=self.length)
        return Sentence("countersignature of {ally} to {length} by {by}", ally=self.ally, length=self.length, by=self.by)


def settled(chain: Chain, paths: Paths, statements: Iterable[Vouched], hash_name: str) -> tuple[Chain, list[Finding]]:
    """Return `chain` with all that these statements vouch for, and what does not fit them."""
    findings: list[Finding] = []
    placed: dict[int, list[Vouched]] = {}
    for said in sorted(statements):
        index = _branch_of(chain, paths, said)
        if index is None:
            findings.append(_misplaced(chain, said))
        else:
            placed.setdefault(index, []).append(said)
    reached: dict[str, list[tuple[int, int]]] = {}  # by whom: (branch, length)
    for index, ones in placed.items():
        roots = _roots_at(chain, paths, index, {said.length for said in ones}, hash_name)
        for said in ones:
            if roots[said.length] != said.root:
                findings.append(_other_root(said))
            else:
                chain = _vouched(chain, index, said)
                reached.setdefault(said.by, []).append((index, said.length))
    for by, places in reached.items():
        if by != chain.ally:
            findings += _two_histories(chain, by, places)
    return spread(chain), findings


def spread(chain: Chain) -> Chain:
    """Return `chain` with every branch covered and confirmed as far as it shares a path that is."""
    if len(chain.branches) < 2:
        return chain
    branches = []
    for index, branch in enumerate(chain.branches):
        covered, confirmed = branch.covered, dict(branch.confirmed)
        for other, beside in enumerate(chain.branches):
            shared = chain.common_length(index, other)
            covered = max(covered, min(beside.covered, shared))
            for by, length in beside.confirmed.items():
                confirmed[by] = max(confirmed.get(by, 0), min(length, shared))
        held = {by: length for by, length in sorted(confirmed.items()) if length}
        branches.append(msgspec.structs.replace(branch, covered=covered, confirmed=held))
    return msgspec.structs.replace(chain, branches=tuple(branches))


def digest_at(chain: Chain, paths: Paths, index: int, seq: int) -> bytes:
    """Return the digest of entry `seq` on the path of branch `index`."""
    at = chain.branch_at(index, seq)
    return paths[at][seq - chain.branches[at].start]


def _branch_of(chain: Chain, paths: Paths, said: Vouched) -> int | None:
    for index, branch in enumerate(chain.branches):
        reaches = branch.epoch == said.epoch and branch.start < said.length <= branch.length
        if reaches and digest_at(chain, paths, index, said.length - 1) == said.head:
            return index
    return None


def _misplaced(chain: Chain, said: Vouched) -> Finding:
    place = f"{said.ally} {said.epoch}/{said.length - 1}"
    if not any(branch.epoch == said.epoch and branch.length >= said.length for branch in chain.branches):
        what = Sentence(
            "{by} vouched for {ally} to {length}, and the record here ends before that",
            by=said.by,
            ally=said.ally,
            length=said.length,
        )
        return Finding(said.where, "export-tail-withheld", what, said.ally)
    if said.by == said.ally:
        what = Sentence("its head is not the entry at {place}", place=place)
        return Finding(said.where, "checkpoint-head-not-length", what, said.by)
    what = Sentence("{by} holds another entry at {place}", by=said.by, place=place)
    return Finding(said.where, "countersignature-other-history", what, said.by)


def _other_root(said: Vouched) -> Finding:
    what = Sentence("its root is not the one that the entries make")
    reason = "checkpoint-inconsistent" if said.by == said.ally else "countersignature-other-history"
    return Finding(said.where, reason, what, said.by)


def _roots_at(chain: Chain, paths: Paths, index: int, lengths: set[int], hash_name: str) -> dict[int, bytes]:
    branch = chain.branches[index]
    roots = {branch.length: merkle.root(hash_name, branch.frontier)}
    wanted = lengths - {branch.length}
    if not wanted:
        return roots
    frontier: merkle.Frontier = ()
    length, last = 0, max(wanted)
    for at, lower, upper in chain.path(index, 0, last):
        start = chain.branches[at].start
        for data in paths[at][lower - start : upper - start]:
            frontier = merkle.grown(hash_name, frontier, length, data)
            length += 1
            if length in wanted:
                roots[length] = merkle.root(hash_name, frontier)
    return roots


def _vouched(chain: Chain, index: int, said: Vouched) -> Chain:
    branch = chain.branches[index]
    if said.by == chain.ally:
        return chain.with_branch(index, msgspec.structs.replace(branch, covered=max(branch.covered, said.length)))
    if branch.confirmed.get(said.by, 0) >= said.length:
        return chain
    return chain.with_branch(index, msgspec.structs.replace(branch, confirmed={**branch.confirmed, said.by: said.length}))


def _two_histories(chain: Chain, by: str, places: Iterable[tuple[int, int]]) -> list[Finding]:
    """Two branches of one epoch, both countersigned by one peer beyond where they part."""
    furthest: dict[int, int] = {}
    for index, length in places:
        furthest[index] = max(furthest.get(index, 0), length)
    findings = []
    for index, length in furthest.items():
        for other, beside in furthest.items():
            same_epoch = chain.branches[index].epoch == chain.branches[other].epoch
            if index < other and same_epoch and min(length, beside) > chain.common_length(index, other):
                where = Vouched(chain.ally, 0, min(length, beside), b"", b"", by).where
                what = Sentence(
                    "{by} vouched for two histories of {ally} that part at {length}",
                    by=by,
                    ally=chain.ally,
                    length=chain.common_length(index, other),
                )
                findings.append(Finding(where, "countersignature-two-histories", what, by))
    return findings
