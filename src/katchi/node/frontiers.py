"""Merkle frontiers of chains a little below their heads: what a statement about an earlier length is checked by.

A branch keeps its frontier at its head alone, while checkpoints and countersignatures speak of lengths that it
has passed meanwhile. Recomputed from the first entry each would cost the whole chain; from a frontier noted on
the way it costs at most EVERY entries. Nothing here is stored: what is not known is computed from the record.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from katchi.record import merkle

EVERY = 64  # entries between two frontiers that are noted
KEPT = 256  # of the newest of a branch

Path = tuple[bytes, str, int]  # room, ally, branch: the path from the room's id to that branch's head


class Frontiers:
    """Noted frontiers of all branches that grew since this node started."""

    def __init__(self) -> None:
        self._noted: dict[Path, list[tuple[int, merkle.Frontier]]] = {}  # ascending

    def grew(self, path: Path, length: int, frontier: merkle.Frontier) -> None:
        """Note the frontier of a branch that has grown to `length`."""
        if length % EVERY:
            return
        noted = self._noted.setdefault(path, [])
        if not noted or noted[-1][0] < length:
            noted.append((length, frontier))
            del noted[:-KEPT]

    def at(self, path: Path, length: int, hash_name: str, leaves: Callable[[int, int], Sequence[bytes]]) -> merkle.Frontier:
        """Return the frontier of a branch's path at `length`; `leaves(start, end)` gives its entry digests."""
        noted = self._noted.get(path, [])
        place = bisect_right(noted, length, key=lambda one: one[0])
        start, frontier = noted[place - 1] if place else (0, ())
        for count, digest in enumerate(leaves(start, length), start):
            frontier = merkle.grown(hash_name, frontier, count, digest)
        return frontier

    def forget(self) -> None:
        """A batch was not kept: what was noted may be of entries that are not there."""
        self._noted.clear()
