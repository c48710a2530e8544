"""What the link may ask of the node it serves: the rooms shared with one ally, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from katchi.record.chain import Chain
from katchi.record.charter import SignedCharter
from katchi.record.checkpoint import Signed
from katchi.record.entry import Entry


class PaperWanted(msgspec.Struct, frozen=True):
    """A paper that an entry names and that is not all here."""

    room: bytes
    root: bytes
    size: int  # bytes, by the entry that names it
    author: str
    first_missing: int  # index of the first chunk not held
    has_leaves: bool
    via: str = ""  # the ally whose node brought that entry


class Holdings(Protocol):
    """A node's record as the link sees it for one ally: durable things only."""

    def rooms_with(self, ally: str) -> Iterable[bytes]:
        """Rooms in force that both are members of, and no other."""

    def charters_with(self, ally: str) -> Iterable[SignedCharter]:
        """Charters, proposed or in force, that both are members of."""

    def chains(self, room: bytes) -> Mapping[str, Chain]:
        """The chains held of a room, by ally."""

    def grown_at(self, room: bytes, ally: str) -> int:
        """When a chain last grew here, microseconds UTC; 0 if not since we started."""

    def run(self, room: bytes, ally: str, branch: int, start: int, end: int, limit: int) -> list[Entry]:
        """At most `limit` entries of a branch with start <= seq < end."""

    def locate(self, digest: bytes) -> tuple[bytes, str, int, int] | None:
        """(room, ally, branch, seq) of an entry that is held."""

    def body(self, room: bytes, digest: bytes) -> tuple[bytes, bytes] | None:
        """Salt and body of an entry of that room."""

    def checkpoint(self, room: bytes, ally: str, branch: int) -> Signed | None:
        """The newest checkpoint of a branch."""

    def countersignature(self, room: bytes, ally: str, branch: int, by: str) -> Signed | None:
        """The newest countersignature of a branch by `by`."""

    def bodies_wanted(self, ally: str, room: bytes, limit: int) -> list[bytes]:
        """Entries of a room whose body is awaited and best asked of `ally`, most urgent first."""

    def papers_wanted(self, ally: str, room: bytes) -> list[PaperWanted]:
        """Papers of a room that are best asked of `ally`."""

    def leaves(self, room: bytes, root: bytes) -> bytes | None:
        """The leaf digests of a paper that is held whole."""

    def chunk(self, room: bytes, root: bytes, index: int) -> bytes | None:
        """A chunk of a paper of that room."""
