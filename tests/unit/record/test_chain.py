"""Chains: branches, epochs, forks, gaps, and how far they are covered and confirmed."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from katchi.errors import Unverified
from katchi.record import chain as c
from katchi.record import growth, merkle
from katchi.record.checkpoint import verified_checkpoint
from katchi.testing.builders import a_chain, a_checkpoint, a_room, an_ally, an_entry

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM = a_room(AZURE, BIRCH, CEDAR)
CHAIN = a_chain(ROOM, AZURE, 10)
OTHER = {"by": None, "text": "other"}


class Holder:
    """A chain and the digests that its holder keeps."""

    def __init__(self, *entries):
        self.chain = c.Chain(ROOM.id, "azure", others=2)
        self.paths: list[list[bytes]] = []
        self.forks = []
        for entry in entries:
            self.add(entry)

    def at(self, index, seq):
        branch = self.chain.branch_at(index, seq)
        return self.paths[branch][seq - self.chain.branches[branch].start]

    def leaves(self, index, length):
        return [self.at(index, seq) for seq in range(length)]

    def locate(self, digest):
        found = [
            (branch, self.chain.branches[branch].start + path.index(digest))
            for branch, path in enumerate(self.paths)
            if digest in path
        ]
        return found[0] if found else None

    def add(self, entry):
        grown = growth.grown(self.chain, entry, ROOM.hash, self.locate, self.leaves, self.at)
        self.chain = grown.chain
        if grown.branch == len(self.paths):
            self.paths.append([])
        self.paths[grown.branch].append(entry.digest)
        if grown.fork:
            self.forks.append(grown.fork)
        return grown

    def frontier(self, branch, length):
        return merkle.frontier_of(ROOM.hash, self.leaves(branch, length))

    def cover(self, checkpoint):
        said = verified_checkpoint(ROOM, checkpoint)
        self.chain, index = growth.covered(self.chain, said, ROOM.hash, self.frontier, self.at)
        return index


def an_epoch(after, n, epoch=7, body=None):
    """A run of entries of another epoch after `after`."""
    entries, last = [], after
    for _ in range(n):
        seq, prev = (last.header.seq + 1, last.digest) if last else (0, None)
        last = an_entry(ROOM, AZURE, seq, prev, epoch=epoch, body=body)
        entries.append(last)
    return entries


def a_fork(at, n):
    """Entries of epoch 0 that azure also signed, from seq `at`."""
    return a_chain(ROOM, AZURE, n, after=CHAIN[at - 1] if at else None, body=OTHER)


def test_a_chain_in_order_is_one_branch_with_the_root_of_its_digests():
    holder = Holder(*CHAIN)
    (branch,) = holder.chain.branches
    assert (branch.length, branch.head, branch.at) == (10, CHAIN[9].digest, CHAIN[9].header.at)
    assert branch.frontier == merkle.frontier_of("sha256", [entry.digest for entry in CHAIN])


def test_an_entry_whose_predecessor_is_not_held_waits():
    with pytest.raises(growth.Gap):
        Holder(CHAIN[0], CHAIN[2])


@pytest.mark.parametrize(
    ("seq", "prev"), [(0, b"x" * 32), (2, CHAIN[0].digest), (3, CHAIN[0].digest), (1, ROOM.id), (5, CHAIN[2].digest)]
)
def test_an_entry_that_does_not_follow_what_it_names_is_refused(seq, prev):
    with pytest.raises(Unverified, match="prev-mismatch"):
        Holder(*CHAIN[: 3 if seq > 2 else 1]).add(an_entry(ROOM, AZURE, seq, prev))


def test_two_entries_of_one_place_are_a_fork_and_both_branches_are_kept():
    holder = Holder(*CHAIN, *a_fork(4, 3))
    assert holder.forks == list(holder.chain.forks) == [c.Fork(0, 4, (CHAIN[4].digest, a_fork(4, 1)[0].digest))]
    assert [(b.start, b.length) for b in holder.chain.branches] == [(0, 10), (4, 7)]
    assert holder.chain.is_frozen


def test_a_fork_at_the_very_first_entry_is_one():
    holder = Holder(CHAIN[0], *a_fork(0, 1))
    assert holder.forks[0].seq == 0
    assert holder.chain.common_length(0, 1) == 0


def another(seq, text):
    return an_entry(ROOM, AZURE, seq, CHAIN[seq - 1].digest, body={"by": None, "text": text})


def test_of_one_epoch_no_more_histories_are_kept_than_any_node_may_hold():
    holder = Holder(*CHAIN, *(another(4, f"history {n}") for n in range(c.BRANCHES_PER_EPOCH_MAX - 1)))
    with pytest.raises(Unverified, match="fork-limit"):
        holder.add(another(4, "one too many"))


@pytest.mark.parametrize("order", list(itertools.permutations((3, 5, 7))))
def test_an_epoch_of_many_histories_has_one_fork_where_they_first_part(order):
    holder = Holder(*CHAIN, *(another(seq, "other") for seq in order))
    assert [(fork.epoch, fork.seq) for fork in holder.chain.forks] == [(0, 3)]
    assert holder.chain.counts(0, 2) and not holder.chain.counts(0, 4)


def test_what_came_before_a_fork_counts_and_what_follows_does_not_until_all_accept_a_repair():
    chain = Holder(*CHAIN, *a_fork(4, 1)).chain
    assert chain.counts(0, 3) and not chain.counts(0, 4) and not chain.counts(7, 0)
    once = growth.accepted(chain, b"repair", "birch")
    assert growth.accepted(once, b"repair", "birch") == once
    assert growth.accepted(once, b"repair", "azure") == once  # nobody accepts its own
    once = repaired(once, CHAIN[9], a_fork(4, 1)[0])
    assert once.is_frozen
    assert growth.accepted(once, b"other repair", "cedar").is_frozen
    settled = growth.accepted(once, b"repair", "cedar")
    assert not settled.is_frozen and settled.counts(0, 4)


def repaired(chain, *heads, epoch=9, locate=None):
    """A chain of which a repair names these heads of CHAIN and a_fork(4, 2)."""
    places = {e.digest: (0, e.header.seq) for e in CHAIN} | {e.digest: (1, e.header.seq) for e in a_fork(4, 2)}
    names = [(one.header.epoch, one.header.seq, one.digest) for one in heads]
    return growth.repaired(chain, b"repair", epoch, names, locate or places.get)


def accepted_by_all(chain):
    return growth.accepted(growth.accepted(chain, b"repair", "birch"), b"repair", "cedar")


HEADS = (CHAIN[9], a_fork(4, 2)[1])


@pytest.mark.parametrize(
    ("heads", "epoch", "is_settled"),
    [
        (HEADS, 9, True),
        ((CHAIN[5], a_fork(4, 1)[0]), 9, True),  # both went on
        ((CHAIN[4], *HEADS), 9, True),
        (HEADS, 0, False),  # no later epoch
        ((CHAIN[9],), 9, False),
        ((CHAIN[9], CHAIN[5]), 9, False),  # one history twice
        ((CHAIN[3], CHAIN[9]), 9, False),  # below the fork
        ((*CHAIN[5:], a_fork(4, 2)[1]), 9, False),  # more than there can be histories
    ],
)
def test_a_repair_settles_a_fork_only_if_it_names_each_of_its_histories(heads, epoch, is_settled):
    chain = accepted_by_all(Holder(*CHAIN, *a_fork(4, 2)).chain)
    assert chain.is_frozen  # no repair of that digest is here
    assert repaired(chain, *heads, epoch=epoch).is_frozen == (not is_settled)


def test_a_history_that_comes_after_the_repair_opens_the_fork_again():
    holder = Holder(*CHAIN, *a_fork(4, 2))
    holder.chain = repaired(accepted_by_all(holder.chain), *HEADS)
    assert not holder.chain.is_frozen
    holder.add(another(7, "a third"))
    assert holder.chain.is_frozen and not holder.chain.counts(0, 5)


def test_what_a_repair_names_may_come_after_it():
    early, late = a_fork(4, 2)
    holder = Holder(*CHAIN, early)
    held = {entry.digest: (0, entry.header.seq) for entry in CHAIN}
    holder.chain = repaired(accepted_by_all(holder.chain), *HEADS, locate=held.get)
    assert holder.chain.is_frozen and holder.chain.repairs[0].awaited == ((0, late.digest),)
    holder.add(late)
    assert not holder.chain.is_frozen and holder.chain.repairs[0].found == ((0, 9), (1, 5))


def test_a_repair_of_one_fork_does_not_settle_another():
    holder = Holder(*CHAIN, *a_fork(4, 2), *an_epoch(CHAIN[9], 2), *an_epoch(CHAIN[9], 2, body=OTHER))
    settled = repaired(accepted_by_all(holder.chain), *HEADS)
    assert [(fork.epoch, fork.seq) for fork in settled.open_forks] == [(7, 10)]
    assert settled.counts(0, 9) and not settled.counts(7, 10)


def test_a_new_epoch_after_a_restore_is_a_branch_and_no_fork():
    holder = Holder(*CHAIN, *an_epoch(CHAIN[6], 5))
    assert not holder.chain.forks
    first, second = holder.chain.branches
    assert (second.epoch, second.start, second.parent, second.length) == (7, 7, 0, 12)
    assert first.length == 10  # what it had said before stays
    assert holder.chain.main == 1 and holder.chain.length == 12
    digests = [entry.digest for entry in (*CHAIN[:7], *an_epoch(CHAIN[6], 5))]
    assert holder.leaves(1, 12) == digests
    assert second.frontier == merkle.frontier_of("sha256", digests)


def test_a_new_epoch_at_the_head_begins_a_branch_too():
    chain = Holder(*CHAIN[:3], *an_epoch(CHAIN[2], 2)).chain
    assert [(b.epoch, b.start, b.length) for b in chain.branches] == [(0, 0, 3), (7, 3, 5)]
    assert chain.path(1) == [(0, 0, 3), (1, 3, 5)]
    assert chain.path(1, 2, 4) == [(0, 2, 3), (1, 3, 4)]
    assert chain.path(1, 3, 3) == []


def test_two_nodes_restored_into_one_epoch_are_a_fork_of_that_epoch():
    holder = Holder(*CHAIN, *an_epoch(CHAIN[6], 2), *an_epoch(CHAIN[6], 2, body=OTHER))
    assert [(fork.epoch, fork.seq) for fork in holder.forks] == [(7, 7)]


def test_branches_of_one_epoch_that_meet_only_later_are_a_fork_from_where_they_meet():
    """A cloned node: one opens epoch 7 after entry 3, its twin after entry 8."""
    late = an_epoch(CHAIN[8], 2, body=OTHER)
    holder = Holder(*CHAIN, *late)
    for entry in an_epoch(CHAIN[3], 5):
        assert holder.add(entry).fork is None
    assert holder.add(an_epoch(CHAIN[3], 6)[5]).fork == c.Fork(7, 9, (late[0].digest, an_epoch(CHAIN[3], 6)[5].digest))


def test_the_heads_are_the_same_whatever_came_first():
    parts = [CHAIN[4:8], a_fork(4, 2), an_epoch(CHAIN[3], 3)]
    heads = [
        {(b.epoch, b.length, b.head) for b in Holder(*CHAIN[:4], *itertools.chain(*order)).chain.branches}
        for order in itertools.permutations(parts)
    ]
    assert all(one == heads[0] and len(one) == 3 for one in heads)


def test_common_length_is_where_two_paths_part():
    later = an_epoch(CHAIN[6], 4)
    nested = an_epoch(later[1], 3, epoch=9)
    chain = Holder(*CHAIN, *later, *nested, *a_fork(4, 2)).chain
    expected = {(0, 0): 10, (0, 1): 7, (0, 2): 7, (0, 3): 4, (1, 2): 9, (1, 3): 4, (2, 3): 4, (1, 1): 11, (2, 2): 12}
    for (one, other), length in expected.items():
        assert chain.common_length(one, other) == chain.common_length(other, one) == length


def test_places_below_a_branch_belong_to_its_parents():
    chain = Holder(*CHAIN, *an_epoch(CHAIN[6], 2)).chain
    assert [chain.branch_at(1, seq) for seq in (0, 6, 7, 8)] == [0, 0, 1, 1]
    assert chain.is_on_path(1, 0, 6) and not chain.is_on_path(1, 0, 7) and not chain.is_on_path(1, 1, 9)


def test_a_checkpoint_covers_what_it_recomputes():
    holder = Holder(*CHAIN)
    holder.cover(a_checkpoint(ROOM, AZURE, CHAIN[:6]))
    assert holder.chain.is_covered(0, 5) and not holder.chain.is_covered(0, 6)
    holder.cover(a_checkpoint(ROOM, AZURE, CHAIN[:3]))
    assert holder.chain.is_covered(0, 5)  # a shorter one takes nothing away
    holder.cover(a_checkpoint(ROOM, AZURE, CHAIN))
    assert holder.chain.branches[0].covered == 10


def test_a_checkpoint_of_a_new_epoch_covers_the_path_below_it():
    later = an_epoch(CHAIN[6], 3)
    holder = Holder(*CHAIN, *later)
    assert holder.cover(a_checkpoint(ROOM, AZURE, [*CHAIN[:7], *later])) == 1
    assert holder.chain.is_covered(0, 6) and holder.chain.is_covered(7, 9)
    assert not holder.chain.is_covered(0, 7)  # an orphan is not vouched for by the path beside it


def test_what_vouches_for_the_shared_part_goes_on_vouching_for_it_in_a_new_epoch():
    holder = Holder(*CHAIN)
    holder.cover(a_checkpoint(ROOM, AZURE, CHAIN))
    holder.chain = growth.confirmed(holder.chain, 0, "birch", 9)
    holder.add(an_epoch(CHAIN[6], 1)[0])
    assert holder.chain.branches[1].covered == 7 and holder.chain.branches[1].confirmed == {"birch": 7}


@pytest.mark.parametrize(
    ("checkpoint", "reason"),
    [
        (a_checkpoint(ROOM, AZURE, [*CHAIN[:4], *a_fork(4, 2)]), "checkpoint-head-not-length"),
        (a_checkpoint(ROOM, AZURE, [CHAIN[1], CHAIN[0], *CHAIN[2:6]]), "checkpoint-inconsistent"),
        (a_checkpoint(ROOM, AZURE, CHAIN[5:6]), "checkpoint-inconsistent"),
    ],
    ids=["a head of another history", "leaves swapped", "a root that leaves entries out"],
)
def test_a_checkpoint_of_another_history_than_the_entries_is_refused(checkpoint, reason):
    with pytest.raises(Unverified, match=reason):
        Holder(*CHAIN).cover(checkpoint)


def test_a_checkpoint_ahead_of_its_entries_waits():
    with pytest.raises(growth.Gap):
        Holder(*CHAIN[:5]).cover(a_checkpoint(ROOM, AZURE, CHAIN))
    with pytest.raises(growth.Gap):
        Holder().cover(a_checkpoint(ROOM, AZURE, CHAIN))


def test_a_root_over_headers_instead_of_digests_is_refused():
    said = verified_checkpoint(ROOM, a_checkpoint(ROOM, AZURE, CHAIN))
    wrong = merkle.root("sha256", merkle.frontier_of("sha256", [entry.header_bytes for entry in CHAIN]))
    holder = Holder(*CHAIN)
    with pytest.raises(Unverified, match="checkpoint-inconsistent"):
        growth.covered(holder.chain, msgspec.structs.replace(said, root=wrong), "sha256", holder.frontier, holder.at)


def test_confirmed_only_rises_and_names_who_confirms_a_place():
    chain = growth.confirmed(Holder(*CHAIN).chain, 0, "birch", 6)
    assert growth.confirmed(chain, 0, "birch", 4) == chain
    both = growth.confirmed(chain, 0, "cedar", 2)
    assert both.confirmed_by(0, 1) == {"birch", "cedar"} and both.confirmed_by(0, 5) == {"birch"}
    assert both.confirmed_by(0, 6) == set()
