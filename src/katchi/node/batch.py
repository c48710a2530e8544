"""What the node machine hands to a store, and what it may ask of one.

A batch is kept whole or not at all, durably before `append` returns. Entries, statements, charters
and papers are the record; facts are either derived from it (`derived/...`: delete them and they come
back) or local to this node (`local/...`: paired allies, what was sent when). No rule lives here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import msgspec

from katchi.record.charter import SignedCharter
from katchi.record.checkpoint import Signed
from katchi.record.entry import Entry

CHUNK_SIZE = 64 * 1024  # bytes of a paper's chunk: its Merkle leaf; only the last may be shorter


class Kept(msgspec.Struct, frozen=True):
    """An entry as this node keeps it: the entry, and what this node alone knows of it."""

    entry: Entry
    branch: int  # index in Chain.branches
    opening: bytes | None  # digest of the consultation's opening that it belongs to
    arrived_at: int  # our own clock, microseconds UTC
    via: str  # the ally whose node brought it; its author's own id for our entries
    flags: tuple[str, ...] = ()  # ways in which its author left the rules: tokens of vocabulary.py


class KeptStatement(msgspec.Struct, frozen=True):
    """A checkpoint (by == ally) or countersignature of a chain, and when it came."""

    room: bytes
    ally: str  # whose chain
    epoch: int
    length: int
    by: str
    signed: Signed
    arrived_at: int


class Chunk(msgspec.Struct, frozen=True):
    """One chunk of a paper, by content address: `root` is the RFC 9162 root over its chunks."""

    room: bytes
    root: bytes
    index: int
    data: bytes


class Body(msgspec.Struct, frozen=True):
    """A body that came after its header; it has been checked against it."""

    digest: bytes  # of the entry
    salt: bytes
    body: bytes
    flags: tuple[str, ...] = ()  # of the entry as a whole


class Batch(msgspec.Struct):
    """What one group commit keeps, all or nothing."""

    charters: list[SignedCharter] = []
    entries: list[Kept] = []
    bodies: list[Body] = []
    statements: list[KeptStatement] = []
    chunks: list[Chunk] = []
    facts: dict[str, bytes | None] = {}  # None deletes

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to keep."""
        return not (self.charters or self.entries or self.bodies or self.statements or self.chunks or self.facts)


class Reader(Protocol):
    """What may be asked of a store. Every row is checked as it is read: RecordBroken if it was changed."""

    def entry(self, digest: bytes) -> Kept | None:
        """The entry of that digest."""

    def locate(self, digest: bytes) -> tuple[bytes, str, int, int] | None:
        """(room, ally, branch, seq) of the entry of that digest, without reading it whole."""

    def run(self, room: bytes, ally: str, branch: int, start: int, end: int, limit: int) -> list[Kept]:
        """At most `limit` entries of one branch with start <= seq < end, in order."""

    def digests(self, room: bytes, ally: str, branch: int, start: int, end: int) -> list[bytes]:
        """Entry digests of one branch with start <= seq < end, in order."""

    def about(self, opening: bytes, kinds: Collection[str] = ()) -> list[Kept]:
        """The opening and all entries that belong to its consultation, in order of arrival; or those of these kinds only."""

    def entries(self, room: bytes) -> Iterator[Kept]:
        """All entries of a room in order of arrival."""

    def awaited(self, room: bytes) -> list[Kept]:
        """Entries of a room whose body has not come."""

    def statements(self, room: bytes) -> Iterator[KeptStatement]:
        """All checkpoints and countersignatures of a room in order of arrival."""

    def statements_at(self, room: bytes, ally: str, epoch: int, length: int) -> list[KeptStatement]:
        """Checkpoints and countersignatures of a chain at exactly this length."""

    def first_statement(self, room: bytes, ally: str, epoch: int, length_min: int, by: str) -> KeptStatement | None:
        """The shortest statement by `by` about a chain that reaches `length_min`."""

    def openings(self, room: bytes) -> list[Kept]:
        """The entries of a room that open a consultation, in order of arrival."""

    def recent_openings(self, rooms: Sequence[bytes], before: bytes | None, limit: int) -> list[Kept]:
        """At most `limit` openings of these rooms, newest arrival first; only those that came before the entry `before`."""

    def openings_between(self, lowest: bytes, highest: bytes, limit: int) -> list[bytes]:
        """At most `limit` digests of openings, of any room, with lowest <= digest <= highest, ascending."""

    def charters(self) -> list[SignedCharter]:
        """All charters, in force or proposed."""

    def chunk(self, room: bytes, root: bytes, index: int) -> bytes | None:
        """A chunk of a paper."""

    def chunk_indexes(self, room: bytes, root: bytes) -> Sequence[int]:
        """Which chunks of a paper are held, ascending."""

    def papers(self, room: bytes) -> list[bytes]:
        """Roots of the papers of a room of which some chunk is held."""

    def fact(self, key: str) -> bytes | None:
        """One fact."""

    def first_fact(self, prefix: str, start: str) -> bytes | None:
        """The first fact, by key, that begins with `prefix` and is not below `start`."""

    def facts_from(self, prefix: str, start: str, limit: int) -> list[tuple[str, bytes]]:
        """At most `limit` facts, by key, that begin with `prefix` and are not below `start`."""

    def facts(self, prefix: str) -> dict[str, bytes]:
        """All facts whose key begins with `prefix`, ordered by key."""


class Store(Reader, Protocol):
    """A reader that also keeps batches. Two exist: memory and SQLite."""

    def append(self, batch: Batch) -> None:
        """Keep `batch` durably and whole.

        Raises:
            StoreFailed: nothing of it was kept.
        """

    def close(self) -> None:
        """Release files and locks."""
