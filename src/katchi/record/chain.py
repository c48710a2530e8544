"""An ally's chain in a room, as one holder knows it: branches, forks, what is covered and confirmed.

Most chains have one branch for ever. A new epoch (restore, repair) begins another; so does a fork:
two signed headers at one (ally, epoch, seq). Nothing is dropped: each branch keeps its own Merkle
frontier, and an entry's place is (branch, seq). A fork is settled by a repair that names each of its
histories and that all others accept. Pure values; finding old entries is the caller's.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from katchi.record.entry import Seen

BRANCHES_BESIDE_MAX = 2  # beside an epoch's first branch: from its author's own node, and from all others together
BRANCHES_PER_EPOCH_MAX = 1 + 2 * BRANCHES_BESIDE_MAX  # that any node keeps, so that any record holds


class Branch(msgspec.Struct, frozen=True):
    """One run of entries with the same epoch, and the path to the room's id below it."""

    epoch: int
    start: int  # seq of its first own entry; below that it is its parent's path
    parent: int | None  # index of the branch it grows from; None at the room's id
    length: int  # seq of the head + 1, counted along the path
    head: bytes
    frontier: tuple[bytes, ...]  # of the whole path
    sees: tuple[Seen, ...]
    at: int  # the head's own clock
    covered: int = 0  # length of the newest checkpoint that was recomputed
    confirmed: dict[str, int] = {}  # peer: length of its newest countersignature


class Fork(msgspec.Struct, frozen=True):
    """Two different entries that one ally signed for one place."""

    epoch: int
    seq: int
    digests: tuple[bytes, bytes]


class Repair(msgspec.Struct, frozen=True):
    """A `chain.opened` that says it repairs its chain: what it names of epochs with several histories."""

    digest: bytes
    epoch: int  # its own
    awaited: tuple[tuple[int, bytes], ...]  # (epoch, digest) of what it names and is not held yet
    found: tuple[tuple[int, int], ...]  # (branch, seq) of what it names and is held


class Chain(msgspec.Struct, frozen=True):
    """All that is held of one ally's statements in one room."""

    room: bytes
    ally: str
    branches: tuple[Branch, ...] = ()
    forks: tuple[Fork, ...] = ()
    acceptances: tuple[tuple[bytes, str], ...] = ()  # (digest of a repair's opening, member who accepts it)
    others: int = 0  # members besides the author: so many must accept a repair
    repairs: tuple[Repair, ...] = ()

    @property
    def open_forks(self) -> tuple[Fork, ...]:
        """Forks that no repair settles which every other member has accepted."""
        if not self.forks:
            return ()
        accepted = Counter(repair for repair, _ in self.acceptances)
        repairs = [repair for repair in self.repairs if accepted[repair.digest] >= self.others]
        return tuple(fork for fork in self.forks if not any(self.settles(repair, fork) for repair in repairs))

    def settles(self, repair: Repair, fork: Fork) -> bool:
        """Return whether a repair is about a fork: it names, of each of its histories, an entry that no other one shares."""
        histories = [i for i, branch in enumerate(self.branches) if branch.epoch == fork.epoch and branch.length > fork.seq]
        named = [at for at in repair.found if self.branches[at[0]].epoch == fork.epoch and at[1] >= fork.seq]
        last = {max((at for at in named if self.is_on_path(i, *at)), key=lambda at: at[1], default=None) for i in histories}
        return repair.epoch > fork.epoch and None not in last and len(last) == len(histories)

    @property
    def main(self) -> int:
        """Index of the branch that is written on: the newest epoch, and in it the first held."""
        if len(self.branches) == 1:
            return 0
        return max(range(len(self.branches)), key=lambda i: (self.branches[i].epoch, -i))

    @property
    def newest(self) -> Branch | None:
        """The branch that is written on, or None before the first entry."""
        return self.branches[self.main] if self.branches else None

    @property
    def length(self) -> int:
        """Entries along the newest branch's path."""
        return self.branches[self.main].length if self.branches else 0

    @property
    def is_frozen(self) -> bool:
        """True while a fork is unsettled: what follows it counts toward no agreement."""
        return bool(self.open_forks)

    def counts(self, epoch: int, seq: int) -> bool:
        """Return whether an entry at this place may count toward "agreed"."""
        return all((epoch, seq) < (fork.epoch, fork.seq) for fork in self.open_forks)

    def with_branch(self, index: int, branch: Branch) -> Chain:
        """Return this chain with one branch replaced, or added at the end."""
        return msgspec.structs.replace(self, branches=(*self.branches[:index], branch, *self.branches[index + 1 :]))

    def branch_at(self, index: int, seq: int) -> int:
        """Return the branch, on the path of branch `index`, that holds entry `seq`."""
        while seq < self.branches[index].start:
            parent = self.branches[index].parent
            if parent is None:
                raise IndexError(f"{self.ally} has no entry {seq} below branch {index}")
            index = parent
        return index

    def path(self, index: int, start: int = 0, end: int | None = None) -> list[tuple[int, int, int]]:
        """Return (branch, from, to) segments that make up seqs start .. end of a branch's path, in order."""
        segments: list[tuple[int, int, int]] = []
        upper = self.branches[index].length if end is None else end
        at: int | None = index
        while at is not None and upper > start:
            lower = max(self.branches[at].start, start)
            if lower < upper:
                segments.append((at, lower, upper))
                upper = lower
            at = self.branches[at].parent
        return segments[::-1]

    def common_length(self, index: int, other: int) -> int:
        """Return how many entries the paths of two branches share."""
        lengths: dict[int, int] = {}
        at, upper = index, self.branches[index].length
        while True:
            lengths[at] = upper
            parent = self.branches[at].parent
            if parent is None:
                break
            at, upper = parent, self.branches[at].start
        at, upper = other, self.branches[other].length
        while at not in lengths:
            parent = self.branches[at].parent
            if parent is None:
                return 0
            at, upper = parent, self.branches[at].start
        return min(upper, lengths[at])

    def is_covered(self, epoch: int, seq: int) -> bool:
        """Return whether the author's own checkpoint covers the entry at this place."""
        return any(branch.covered > seq and self._has_place(index, epoch, seq) for index, branch in enumerate(self.branches))

    def covers(self, branch: int, seq: int) -> bool:
        """Return whether the author's own checkpoint covers the entry at (branch, seq), and not only its rival in a fork."""
        return any(one.covered > seq and self.is_on_path(index, branch, seq) for index, one in enumerate(self.branches))

    def confirmed_by(self, epoch: int, seq: int) -> set[str]:
        """Return the peers whose countersignature takes in the entry at this place."""
        return {
            by
            for index, branch in enumerate(self.branches)
            for by, length in branch.confirmed.items()
            if length > seq and self._has_place(index, epoch, seq)
        }

    def _has_place(self, index: int, epoch: int, seq: int) -> bool:
        return seq < self.branches[index].length and self.branches[self.branch_at(index, seq)].epoch == epoch

    def is_on_path(self, index: int, branch: int, seq: int) -> bool:
        """Return whether the entry at (branch, seq) lies on the path of branch `index`."""
        return seq < self.branches[index].length and seq >= 0 and self.branch_at(index, seq) == branch
