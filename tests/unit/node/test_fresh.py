"""The entries kept last: given out as they were kept, or not at all, and never many."""

from __future__ import annotations

from katchi.node.batch import Kept
from katchi.node.fresh import BYTES_MAX, Fresh
from katchi.testing.builders import a_chain, a_room, an_ally

AZURE, BIRCH = an_ally("azure"), an_ally("birch")
ROOM = a_room(AZURE, BIRCH)


def kept(entries):
    return [Kept(entry, 0, None, 0, entry.header.ally) for entry in entries]


def test_a_run_is_given_as_far_as_it_is_here_and_of_one_branch_only():
    fresh, chain = Fresh(), a_chain(ROOM, AZURE, 6)
    fresh.keep(kept(chain[2:5]))
    assert fresh.run(ROOM.id, "azure", 0, 2, 6) == chain[2:5]
    assert fresh.run(ROOM.id, "azure", 0, 3, 4) == chain[3:4]
    assert fresh.run(ROOM.id, "azure", 0, 1, 4) == []
    assert fresh.run(ROOM.id, "azure", 1, 2, 4) == fresh.run(ROOM.id, "birch", 0, 2, 4) == []


def test_what_is_held_is_bounded_by_bytes_and_not_by_how_much_was_kept():
    fresh, chain = Fresh(), a_chain(ROOM, AZURE, 60, body={"by": None, "text": "x" * 60_000})
    for entry in chain:
        fresh.keep(kept([entry]))
        held = [one for start in range(60) if (one := fresh.run(ROOM.id, "azure", 0, start, start + 1))]
        assert sum(len(one[0].body) for one in held) <= BYTES_MAX
    assert fresh.run(ROOM.id, "azure", 0, 59, 60) == chain[59:]
