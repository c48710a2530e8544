"""A root below the head costs what was added since the last noted frontier, and is the one that the whole path gives."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from katchi.node.frontiers import EVERY, KEPT, Frontiers
from katchi.record import merkle

PATH = (b"room", "azure", 0)
DIGESTS = [sha256(b"%d" % number).digest() for number in range(2 * EVERY * KEPT)]


class Leaves:
    """The entry digests, and how many were asked for."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, start: int, end: int) -> list[bytes]:
        self.read += end - start
        return DIGESTS[start:end]


@pytest.fixture(scope="module")
def frontiers() -> Frontiers:
    grown, frontier = Frontiers(), ()
    for length, digest in enumerate(DIGESTS):
        frontier = merkle.grown("sha256", frontier, length, digest)
        grown.grew(PATH, length + 1, frontier)
    return grown


@pytest.mark.parametrize("below", [0, 1, EVERY - 1, EVERY, 1000, EVERY * KEPT - EVERY])
def test_a_root_a_little_below_the_head_reads_few_entries(frontiers, below):
    leaves, length = Leaves(), len(DIGESTS) - below
    frontier = frontiers.at(PATH, length, "sha256", leaves)
    assert leaves.read < EVERY
    assert frontier == merkle.frontier_of("sha256", DIGESTS[:length])


def test_any_length_gives_the_root_of_the_whole_path(frontiers):
    for length in random.Random(3).sample(range(len(DIGESTS)), 12):
        assert frontiers.at(PATH, length, "sha256", Leaves()) == merkle.frontier_of("sha256", DIGESTS[:length])


def test_what_is_noted_is_bounded_and_forgotten_with_a_failed_batch(frontiers):
    assert len(frontiers._noted[PATH]) == KEPT
    other = Frontiers()
    other.grew(PATH, EVERY, (b"of entries that were not kept",))
    other.forget()
    assert other.at(PATH, EVERY, "sha256", Leaves()) == merkle.frontier_of("sha256", DIGESTS[:EVERY])
