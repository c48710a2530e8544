"""How a chain grows: by an entry, a checkpoint, a countersignature, a repair, an acceptance. Every change is a new value.

An entry that follows a head extends its branch; one that follows any other held entry begins a branch, and proves
a fork if its place is taken. What does not follow anything held is a Gap, never a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from katchi.errors import Unverified
from katchi.record import merkle
from katchi.record.chain import BRANCHES_PER_EPOCH_MAX, Branch, Chain, Fork, Repair
from katchi.record.checkpoint import Checkpoint
from katchi.record.entry import Entry, Header
from katchi.vocabulary import Flag, Kind


class Gap(Exception):
    """An entry whose predecessor is not held yet."""


class Grown(msgspec.Struct, frozen=True):
    """A chain with one more entry, where it lies, and the fork it proved, if it did."""

    chain: Chain
    branch: int
    fork: Fork | None = None


Locate = Callable[[bytes], tuple[int, int] | None]  # entry digest -> (branch, seq) where held
Leaves = Callable[[int, int], Sequence[bytes]]  # (branch, length) -> entry digests of that path
FrontierAt = Callable[[int, int], merkle.Frontier]  # (branch, length) -> frontier of that path
EntryAt = Callable[[int, int], bytes]  # (branch, seq) -> entry digest


def goes_back(header: Header, before: Branch | Header) -> list[Flag]:
    """Return how an entry leaves the rules beside the one that its `prev` names (a branch stands for its head)."""
    flags: list[Flag] = []
    if before.sees and before.sees != header.sees:
        now = {seen.ally: (seen.epoch, seen.seq) for seen in header.sees}
        if any(now.get(seen.ally, (-1, -1)) < (seen.epoch, seen.seq) for seen in before.sees):
            flags.append(Flag.SEES_GOES_BACK)
    if header.at < before.at:
        flags.append(Flag.CLOCK_WENT_BACK)
    if header.epoch != before.epoch and header.kind != Kind.CHAIN_OPENED:
        flags.append(Flag.EPOCH_NOT_OPENED)
    return flags


def grown(chain: Chain, entry: Entry, hash_name: str, locate: Locate, leaves: Leaves, entry_at: EntryAt) -> Grown:
    """Return `chain` with a verified entry added that it does not hold yet.

    Raises:
        Unverified: `prev-mismatch`, or `fork-limit` for one branch of an epoch too many.
        Gap: the entry before it is not held yet.
    """
    longer = _grown(chain, entry, hash_name, locate, leaves, entry_at)
    name = entry.header.epoch, entry.digest
    if not any(name in repair.awaited for repair in chain.repairs):
        return longer
    at = longer.branch, entry.header.seq
    repairs = tuple(_with_found(repair, name, at) if name in repair.awaited else repair for repair in chain.repairs)
    return msgspec.structs.replace(longer, chain=msgspec.structs.replace(longer.chain, repairs=repairs))


def _with_found(repair: Repair, name: tuple[int, bytes], at: tuple[int, int]) -> Repair:
    awaited = tuple(one for one in repair.awaited if one != name)
    return msgspec.structs.replace(repair, awaited=awaited, found=(*repair.found, at))


def _grown(chain: Chain, entry: Entry, hash_name: str, locate: Locate, leaves: Leaves, entry_at: EntryAt) -> Grown:
    header = entry.header
    for index, branch in enumerate(chain.branches):
        if branch.head == header.prev:
            if header.seq != branch.length:
                raise Unverified("prev-mismatch", "{place} does not follow where it says", place=entry.place)
            if header.epoch == branch.epoch:
                return _extended(chain, index, entry, hash_name, entry_at)
            return _branched(chain, index, branch.frontier, entry, hash_name, entry_at)
    if header.seq == 0:
        if header.prev != chain.room:
            raise Unverified("prev-mismatch", "{place} does not begin at the room", place=entry.place)
        return _branched(chain, None, (), entry, hash_name, entry_at)
    if header.prev == chain.room:
        raise Unverified("prev-mismatch", "{place} follows the room itself", place=entry.place)
    held = locate(header.prev)
    if held is None:
        raise Gap(entry.place)
    parent, seq = held
    if header.seq != seq + 1:
        raise Unverified("prev-mismatch", "{place} does not follow where it says", place=entry.place)
    return _branched(chain, parent, merkle.frontier_of(hash_name, leaves(parent, header.seq)), entry, hash_name, entry_at)


def _extended(chain: Chain, index: int, entry: Entry, hash_name: str, entry_at: EntryAt) -> Grown:
    branch, header = chain.branches[index], entry.header
    longer = Branch(
        epoch=branch.epoch,
        start=branch.start,
        parent=branch.parent,
        length=branch.length + 1,
        head=entry.digest,
        frontier=merkle.grown(hash_name, branch.frontier, branch.length, entry.digest),
        sees=header.sees,
        at=header.at,
        covered=branch.covered,
        confirmed=branch.confirmed,
    )
    if len(chain.branches) == 1:
        return Grown(Chain(chain.room, chain.ally, (longer,), chain.forks, chain.acceptances, chain.others, chain.repairs), 0)
    return _forked(chain.with_branch(index, longer), index, entry, entry_at)


def _branched(
    chain: Chain, parent: int | None, frontier: merkle.Frontier, entry: Entry, hash_name: str, entry_at: EntryAt
) -> Grown:
    header = entry.header
    if sum(branch.epoch == header.epoch for branch in chain.branches) >= BRANCHES_PER_EPOCH_MAX:
        what = "{place}: {n} branches of an epoch are kept, not more"
        raise Unverified("fork-limit", what, place=entry.place, n=BRANCHES_PER_EPOCH_MAX)
    covered, confirmed = 0, {}
    if parent is not None:  # what vouches for the shared part goes on vouching for it
        below = chain.branches[parent]
        covered = min(below.covered, header.seq)
        confirmed = {by: min(length, header.seq) for by, length in below.confirmed.items()}
    branch = Branch(
        epoch=header.epoch,
        start=header.seq,
        parent=parent,
        length=header.seq + 1,
        head=entry.digest,
        frontier=merkle.grown(hash_name, frontier, header.seq, entry.digest),
        sees=header.sees,
        at=header.at,
        covered=covered,
        confirmed=confirmed,
    )
    index = len(chain.branches)
    return _forked(chain.with_branch(index, branch), index, entry, entry_at)


def _forked(chain: Chain, index: int, entry: Entry, entry_at: EntryAt) -> Grown:
    epoch, seq = entry.header.epoch, entry.header.seq
    for other, branch in enumerate(chain.branches):
        overlaps = other != index and branch.epoch == epoch and branch.start <= seq < branch.length
        if overlaps and not any(fork.epoch == epoch and fork.seq <= seq for fork in chain.forks):
            fork = Fork(epoch, seq, (entry_at(other, seq), entry.digest))
            beside = [one for one in chain.forks if one.epoch != epoch]  # of an epoch, where its histories first part
            forks = sorted((*beside, fork), key=lambda one: (one.epoch, one.seq))  # in whatever order they came
            return Grown(msgspec.structs.replace(chain, forks=tuple(forks)), index, fork)
    return Grown(chain, index)


def covered(
    chain: Chain, checkpoint: Checkpoint, hash_name: str, frontier_at: FrontierAt, entry_at: EntryAt
) -> tuple[Chain, int]:
    """Return `chain` with a verified checkpoint taken over, and the branch it covers.

    Raises:
        Gap: its entries have not all arrived yet.
        Unverified: `checkpoint-head-not-length` or `checkpoint-inconsistent`: the author vouches
            for another history than the one it signed entry by entry.
    """
    candidates = [i for i, branch in enumerate(chain.branches) if branch.epoch == checkpoint.epoch]
    reaching = [i for i in candidates if chain.branches[i].length >= checkpoint.length]
    for index in reaching:
        branch = chain.branches[index]
        if checkpoint.length <= branch.start:
            continue
        at_head = checkpoint.length == branch.length
        head = branch.head if at_head else entry_at(chain.branch_at(index, checkpoint.length - 1), checkpoint.length - 1)
        if head != checkpoint.head:
            continue
        frontier = branch.frontier if at_head else frontier_at(index, checkpoint.length)
        if merkle.root(hash_name, frontier) != checkpoint.root:
            what = "{ally} to length {length}: the root differs"
            raise Unverified("checkpoint-inconsistent", what, ally=chain.ally, length=checkpoint.length)
        longer = msgspec.structs.replace(branch, covered=max(branch.covered, checkpoint.length))
        return chain.with_branch(index, longer), index
    if len(reaching) < len(candidates) or not candidates:
        raise Gap(f"{chain.ally} to length {checkpoint.length}")
    what = "{ally}: the entry at {seq} is not its head"
    raise Unverified("checkpoint-head-not-length", what, ally=chain.ally, seq=checkpoint.length - 1)


def repaired(chain: Chain, digest: bytes, epoch: int, heads: Iterable[tuple[int, int, bytes]], locate: Locate) -> Chain:
    """Return `chain` with a repair noted that it holds: a `chain.opened` which names `heads` as (epoch, seq, digest).

    Of an epoch with one head named no fork can be settled, and none has more histories than are kept.
    """
    if any(one.digest == digest for one in chain.repairs):
        return chain
    names = dict.fromkeys((one, head) for one, _, head in heads)
    rows = Counter(one for one, _ in names)
    awaited: list[tuple[int, bytes]] = []
    found: list[tuple[int, int]] = []
    for one, head in names:
        at = locate(head) if 2 <= rows[one] <= BRANCHES_PER_EPOCH_MAX else None
        if at is not None and chain.branches[at[0]].epoch == one:
            found.append(at)
        elif at is None and 2 <= rows[one] <= BRANCHES_PER_EPOCH_MAX:
            awaited.append((one, head))
    return msgspec.structs.replace(chain, repairs=(*chain.repairs, Repair(digest, epoch, tuple(awaited), tuple(found))))


def accepted(chain: Chain, repair: bytes, by: str) -> Chain:
    """Return `chain` with `by`'s acceptance of a repair noted; what it names may be none, and is held later or never."""
    if by == chain.ally or (repair, by) in chain.acceptances:
        return chain
    return msgspec.structs.replace(chain, acceptances=(*chain.acceptances, (repair, by)))


def confirmed(chain: Chain, index: int, by: str, length: int) -> Chain:
    """Return `chain` with `by`'s countersignature to `length` of branch `index` noted."""
    branch = chain.branches[index]
    if branch.confirmed.get(by, 0) >= length:
        return chain
    return chain.with_branch(index, msgspec.structs.replace(branch, confirmed={**branch.confirmed, by: length}))
