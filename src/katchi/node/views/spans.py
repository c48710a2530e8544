"""Which entries of a room a side held at a time, as spans of each branch, found by halving.

Entries of a branch come in order, so what was held of it then is its beginning: between two places
where a clock or a statement went back (node/turns.py), and therefore exactly. Of our own node arrival
times speak; of another its own statements, `sees`. Nothing here is stored or sent, or decided.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from katchi.consult.crossing import seen_of
from katchi.node.batch import Kept
from katchi.node.state import State
from katchi.record.chain import Branch
from katchi.record.charter import Room

Span = tuple[int, int]  # seqs from .. to
Where = tuple[str, int]  # ally, branch
NEVER = 2**63  # later than any time


class Held(msgspec.Struct):
    """What one side held."""

    spans: dict[Where, list[Span]]
    seen: dict[str, tuple[int, int]]  # of each other member: (epoch, seq) of the newest entry that the side stated to hold
    is_exact: bool = True  # false where clocks turned more often than is kept

    @property
    def total(self) -> int:
        """How many entries."""
        return total(self.spans)


class Spans:
    """Finds what the members of one room held. Makes one look at an entry at most."""

    def __init__(self, state: State, room: Room) -> None:
        self._state, self._room = state, room
        self._looked: dict[tuple[str, int, int], Kept | None] = {}

    def now(self) -> Held:
        """All that we hold."""
        return Held({(ally, index): [(one.start, one.length)] for ally, index, one in self.branches()}, {})

    def at(self, ally: str, as_of: int) -> Held:
        """Return what `ally` held at `as_of`."""
        return self._of_us(as_of) if ally == self._state.own.ally else self._of(ally, as_of)

    def _of_us(self, as_of: int) -> Held:
        spans: dict[Where, list[Span]] = {}
        is_exact = True
        for ally, index, branch in self.branches():
            turns = self._state.turns.of(self._room.id, ally, index)
            is_exact = is_exact and turns.is_whole
            for start, end in segments(branch, turns.arrivals):
                count = bisect_right(range(start, end), as_of, key=lambda seq: self._arrived_at(ally, index, seq))
                if count:
                    spans.setdefault((ally, index), []).append((start, start + count))
        return Held(spans, {}, is_exact)

    def _of(self, ally: str, as_of: int) -> Held:
        spans: dict[Where, list[Span]] = {}
        seen = {other: (-1, -1) for other in self._room.members if other != ally}
        is_exact = True
        for index, branch in enumerate(self._state.chain(self._room.id, ally).branches):
            turns = self._state.turns.of(self._room.id, ally, index)
            is_exact = is_exact and turns.is_whole
            for start, end in segments(branch, turns.statements):
                count = bisect_right(range(start, end), as_of, key=lambda seq: self._at(ally, index, seq))
                last = self.kept(ally, index, start + count - 1) if count else None
                if last is None:
                    continue
                spans.setdefault((ally, index), []).append((start, start + count))
                for other in seen:
                    seen[other] = max(seen[other], seen_of(last.entry.header, other))
        for other, (epoch, seq) in seen.items():
            for index, branch in enumerate(self._state.chain(self._room.id, other).branches):
                end = branch.length if branch.epoch < epoch else min(branch.length, seq + 1) if branch.epoch == epoch else 0
                if end > branch.start:
                    spans[other, index] = [(branch.start, end)]
        return Held(spans, seen, is_exact)

    def branches(self) -> Iterator[tuple[str, int, Branch]]:
        """Yield (ally, index, branch) of all that is held."""
        for ally in self._room.members:
            for index, branch in enumerate(self._state.chain(self._room.id, ally).branches):
                yield ally, index, branch

    def kept(self, ally: str, branch: int, seq: int) -> Kept | None:
        """Return one entry by its place."""
        place = (ally, branch, seq)
        if place not in self._looked:
            found = self._state.store.run(self._room.id, ally, branch, seq, seq + 1, 1)
            self._looked[place] = found[0] if found else None
        return self._looked[place]

    def entries(self, spans: dict[Where, list[Span]], limit: int, *, newest: bool) -> list[Kept]:
        """Return at most `limit` entries of these spans, the newest or the oldest to come, in that order."""
        found: list[Kept] = []
        for (ally, branch), some in spans.items():
            wanted = limit
            for start, end in reversed(some) if newest else some:
                part = (max(start, end - wanted), end) if newest else (start, min(end, start + wanted))
                found += self._state.store.run(self._room.id, ally, branch, *part, wanted)
                wanted -= part[1] - part[0]
                if wanted <= 0:
                    break
        found.sort(key=lambda kept: (kept.arrived_at, kept.entry.header.seq), reverse=newest)
        return found[:limit]

    def _arrived_at(self, ally: str, branch: int, seq: int) -> int:
        kept = self.kept(ally, branch, seq)
        return kept.arrived_at if kept is not None else NEVER

    def _at(self, ally: str, branch: int, seq: int) -> int:
        kept = self.kept(ally, branch, seq)
        return kept.entry.header.at if kept is not None else NEVER


def segments(branch: Branch, turns: tuple[int, ...]) -> Iterator[Span]:
    """Yield the parts of a branch's own entries between two turns."""
    yield from pairwise((branch.start, *(seq for seq in turns if branch.start < seq < branch.length), branch.length))


def total(spans: dict[Where, list[Span]]) -> int:
    """Return how many entries lie in these spans."""
    return sum(end - start for some in spans.values() for start, end in some)


def without(spans: dict[Where, list[Span]], others: dict[Where, list[Span]]) -> dict[Where, list[Span]]:
    """Return what lies in `spans` and not in `others`."""
    left: dict[Where, list[Span]] = {}
    for where, some in spans.items():
        taken = sorted(others.get(where, ()))
        for start, end in some:
            for lower, upper in taken:
                if lower < end and start < upper:
                    if start < lower:
                        left.setdefault(where, []).append((start, lower))
                    start = upper
            if start < end:
                left.setdefault(where, []).append((start, end))
    return left
