"""A store in plain dicts, for simulations, rehearsals and tests: it lives as long as its process.

A batch is judged whole before any of it is kept, so it is kept whole or not at all. Values are frozen
and shared, never copied on reading. `snapshot()` is what a backup taken now would hold; a store made
from one is that backup restored. Rows need no checks here: nothing can flip them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator, Sequence
from heapq import nsmallest

import msgspec

from katchi.errors import StoreFailed
from katchi.node.batch import Batch, Body, Kept, KeptStatement
from katchi.record.charter import SignedCharter
from katchi.store.rows import body_of_nothing, place_taken, room_of

Place = tuple[bytes, str, int]  # room, ally, branch


class _Run:
    """The entries of one branch by seq."""

    def __init__(self, seqs: list[int] | None = None, digests: list[bytes] | None = None) -> None:
        self.seqs: list[int] = [] if seqs is None else seqs
        self.digests: list[bytes] = [] if digests is None else digests

    def add(self, seq: int, digest: bytes) -> None:
        at = len(self.seqs) if not self.seqs or seq > self.seqs[-1] else bisect_left(self.seqs, seq)
        self.seqs.insert(at, seq)
        self.digests.insert(at, digest)

    def at(self, seq: int) -> bytes | None:
        index = bisect_left(self.seqs, seq)
        return self.digests[index] if index < len(self.seqs) and self.seqs[index] == seq else None

    def between(self, start: int, end: int) -> list[bytes]:
        return self.digests[bisect_left(self.seqs, start) : bisect_left(self.seqs, end)]


class Snapshot(msgspec.Struct):
    """All that is durable at one moment. Opaque: make a MemoryStore from it, as often as you like."""

    kept: dict[bytes, Kept] = {}  # by digest, in order of arrival
    numbers: dict[bytes, int] = {}  # digest: how many arrived before it
    arrived: dict[bytes, list[bytes]] = {}  # room: digests
    runs: dict[Place, _Run] = {}
    about: dict[bytes, list[bytes]] = {}  # opening: digests
    openings: dict[bytes, list[bytes]] = {}  # room: digests
    by_digest: list[bytes] = []  # all openings, ascending
    awaited: dict[bytes, dict[bytes, None]] = {}  # room: digests without a body
    statements: dict[bytes, dict[tuple[str, int, int, str, bytes], KeptStatement]] = {}  # by room, then place and bytes
    statements_at: dict[tuple[bytes, str, int, int], list[KeptStatement]] = {}
    charters: dict[bytes, SignedCharter] = {}  # by room
    chunks: dict[tuple[bytes, bytes], dict[int, bytes]] = {}  # (room, root): data by index
    facts: dict[str, bytes] = {}

    def copied(self) -> Snapshot:
        """Return a copy that shares only values that never change."""
        return Snapshot(
            kept=self.kept.copy(),
            numbers=self.numbers.copy(),
            arrived={room: digests.copy() for room, digests in self.arrived.items()},
            runs={place: _Run(run.seqs.copy(), run.digests.copy()) for place, run in self.runs.items()},
            about={opening: digests.copy() for opening, digests in self.about.items()},
            openings={room: digests.copy() for room, digests in self.openings.items()},
            by_digest=self.by_digest.copy(),
            awaited={room: digests.copy() for room, digests in self.awaited.items()},
            statements={room: statements.copy() for room, statements in self.statements.items()},
            statements_at={place: statements.copy() for place, statements in self.statements_at.items()},
            charters=self.charters.copy(),
            chunks={paper: chunks.copy() for paper, chunks in self.chunks.items()},
            facts=self.facts.copy(),
        )


class MemoryStore:
    """The Store of node/batch.py in memory. While `is_full`, appends fail as on a full disk."""

    def __init__(self, snapshot: Snapshot | None = None, *, meta: dict[str, str] | None = None) -> None:
        self._now = Snapshot() if snapshot is None else snapshot.copied()
        self.meta: dict[str, str] = dict(meta or {})
        self.is_full = False

    def snapshot(self) -> Snapshot:
        """Return an independent copy of all that is durable."""
        return self._now.copied()

    def append(self, batch: Batch) -> None:
        """See Store.append."""
        if self.is_full:
            raise StoreFailed(
                "the store did not take the batch: no space left", hint="Nothing of it was kept. Set is_full to False."
            )
        charters = {room_of(signed): signed for signed in batch.charters}
        self._judge(batch)
        now = self._now
        now.charters.update(charters)
        for kept in batch.entries:
            if kept.entry.digest not in now.kept:
                self._keep(kept)
        for body in batch.bodies:
            self._fill(body)
        for statement in batch.statements:
            self._state(statement)
        for chunk in batch.chunks:
            now.chunks.setdefault((chunk.room, chunk.root), {}).setdefault(chunk.index, chunk.data)
        for key, value in batch.facts.items():
            if value is None:
                now.facts.pop(key, None)
            else:
                now.facts[key] = value

    def close(self) -> None:
        """See Store.close; what is kept stays readable, as a file would."""

    def _judge(self, batch: Batch) -> None:
        now = self._now
        places: dict[tuple[bytes, str, int, int], bytes] = {}
        for kept in batch.entries:
            entry, header = kept.entry, kept.entry.header
            if entry.digest in now.kept:
                continue
            place = (header.room, header.ally, kept.branch, header.seq)
            run = now.runs.get(place[:3])
            there = places.setdefault(place, (run.at(header.seq) if run else None) or entry.digest)
            if there != entry.digest:
                raise place_taken(entry.place)
        digests = set(places.values()) if batch.bodies else set()
        for body in batch.bodies:
            if body.digest not in now.kept and body.digest not in digests:
                raise body_of_nothing(body)

    def _keep(self, kept: Kept) -> None:
        now, entry, header = self._now, kept.entry, kept.entry.header
        now.numbers[entry.digest] = len(now.kept)
        now.kept[entry.digest] = kept
        now.arrived.setdefault(header.room, []).append(entry.digest)
        place = (header.room, header.ally, kept.branch)
        run = now.runs.get(place)
        if run is None:
            run = now.runs[place] = _Run()
        run.add(header.seq, entry.digest)
        if kept.opening is not None:
            now.about.setdefault(kept.opening, []).append(entry.digest)
        if kept.opening == entry.digest:
            now.openings.setdefault(header.room, []).append(entry.digest)
            insort(now.by_digest, entry.digest)
        if entry.body is None:
            now.awaited.setdefault(header.room, {})[entry.digest] = None

    def _fill(self, body: Body) -> None:
        kept = self._now.kept[body.digest]
        filled = kept.entry.with_body(body.salt, body.body)
        self._now.kept[body.digest] = Kept(filled, kept.branch, kept.opening, kept.arrived_at, kept.via, body.flags)
        self._now.awaited.get(kept.entry.header.room, {}).pop(body.digest, None)

    def _state(self, one: KeptStatement) -> None:
        held = self._now.statements.setdefault(one.room, {})
        place = (one.ally, one.epoch, one.length, one.by, one.signed.statement)
        if place not in held:
            held[place] = one
            self._now.statements_at.setdefault((one.room, one.ally, one.epoch, one.length), []).append(one)

    def entry(self, digest: bytes) -> Kept | None:
        """See Reader.entry."""
        return self._now.kept.get(digest)

    def locate(self, digest: bytes) -> tuple[bytes, str, int, int] | None:
        """See Reader.locate."""
        kept = self._now.kept.get(digest)
        if kept is None:
            return None
        header = kept.entry.header
        return header.room, header.ally, kept.branch, header.seq

    def run(self, room: bytes, ally: str, branch: int, start: int, end: int, limit: int) -> list[Kept]:
        """See Reader.run."""
        kept = self._now.kept
        return [kept[digest] for digest in self.digests(room, ally, branch, start, end)[:limit]]

    def digests(self, room: bytes, ally: str, branch: int, start: int, end: int) -> list[bytes]:
        """See Reader.digests."""
        run = self._now.runs.get((room, ally, branch))
        return run.between(start, end) if run else []

    def about(self, opening: bytes, kinds: Collection[str] = ()) -> list[Kept]:
        """See Reader.about."""
        now = self._now
        digests = now.about.get(opening, [])
        if opening in now.kept and opening not in digests:
            digests = sorted([*digests, opening], key=now.numbers.__getitem__)
        found = [now.kept[digest] for digest in digests]
        return [kept for kept in found if kept.entry.header.kind in kinds] if kinds else found

    def entries(self, room: bytes) -> Iterator[Kept]:
        """See Reader.entries."""
        for digest in self._now.arrived.get(room, ()):
            yield self._now.kept[digest]

    def awaited(self, room: bytes) -> list[Kept]:
        """See Reader.awaited."""
        return [self._now.kept[digest] for digest in self._now.awaited.get(room, ())]

    def statements(self, room: bytes) -> Iterator[KeptStatement]:
        """See Reader.statements."""
        yield from list(self._now.statements.get(room, {}).values())

    def statements_at(self, room: bytes, ally: str, epoch: int, length: int) -> list[KeptStatement]:
        """See Reader.statements_at."""
        return list(self._now.statements_at.get((room, ally, epoch, length), ()))

    def first_statement(self, room: bytes, ally: str, epoch: int, length_min: int, by: str) -> KeptStatement | None:
        """See Reader.first_statement."""
        held = self._now.statements.get(room, {}).values()
        reaching = [s for s in held if (s.ally, s.epoch, s.by) == (ally, epoch, by) and s.length >= length_min]
        return min(reaching, key=lambda s: s.length, default=None)

    def openings(self, room: bytes) -> list[Kept]:
        """See Reader.openings."""
        return [self._now.kept[digest] for digest in self._now.openings.get(room, ())]

    def recent_openings(self, rooms: Sequence[bytes], before: bytes | None, limit: int) -> list[Kept]:
        """See Reader.recent_openings."""
        now = self._now
        upper = len(now.kept) if before is None else now.numbers.get(before, 0)
        found: list[bytes] = []
        for room in rooms:
            digests = now.openings.get(room, [])
            end = bisect_left(digests, upper, key=now.numbers.__getitem__)
            found += digests[max(0, end - limit) : end]
        found.sort(key=now.numbers.__getitem__, reverse=True)
        return [now.kept[digest] for digest in found[:limit]]

    def openings_between(self, lowest: bytes, highest: bytes, limit: int) -> list[bytes]:
        """See Reader.openings_between."""
        digests = self._now.by_digest
        return digests[bisect_left(digests, lowest) : bisect_right(digests, highest)][:limit]

    def charters(self) -> list[SignedCharter]:
        """See Reader.charters."""
        return list(self._now.charters.values())

    def chunk(self, room: bytes, root: bytes, index: int) -> bytes | None:
        """See Reader.chunk."""
        return self._now.chunks.get((room, root), {}).get(index)

    def chunk_indexes(self, room: bytes, root: bytes) -> Sequence[int]:
        """See Reader.chunk_indexes."""
        return sorted(self._now.chunks.get((room, root), ()))

    def papers(self, room: bytes) -> list[bytes]:
        """See Reader.papers."""
        return sorted(root for of, root in self._now.chunks if of == room)

    def fact(self, key: str) -> bytes | None:
        """See Reader.fact."""
        return self._now.facts.get(key)

    def first_fact(self, prefix: str, start: str) -> bytes | None:
        """See Reader.first_fact."""
        return next((value for _, value in self.facts_from(prefix, start, 1)), None)

    def facts_from(self, prefix: str, start: str, limit: int) -> list[tuple[str, bytes]]:
        """See Reader.facts_from."""
        keys = (key for key in self._now.facts if key.startswith(prefix) and key >= start)
        return [(key, self._now.facts[key]) for key in nsmallest(limit, keys)]

    def facts(self, prefix: str) -> dict[str, bytes]:
        """See Reader.facts."""
        facts = self._now.facts
        return {key: facts[key] for key in sorted(key for key in facts if key.startswith(prefix))}
