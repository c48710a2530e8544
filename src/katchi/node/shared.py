"""What the link may see of a node's state: rooms in force that both sides are members of, and nothing else.

What an ally may not see never leaves, because the link has no other way to it. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from katchi.link.holdings import PaperWanted
from katchi.node.state import State, leaves_key
from katchi.record.chain import Chain
from katchi.record.charter import SignedCharter
from katchi.record.checkpoint import Signed, vouched_head
from katchi.record.entry import Entry


class SharedView:
    """The Holdings that the link sees for an ally: rooms in force that both are members of."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.sources_up: set[str] = set()  # allies whose link is up

    def rooms_with(self, ally: str) -> Iterator[bytes]:
        """See Holdings."""
        own = self._state.own.ally
        for room in self._state.rooms.now.values():
            if not room.is_national and not room.missing and ally in room.members and own in room.members:
                yield room.id

    def charters_with(self, ally: str) -> Iterator[SignedCharter]:
        """See Holdings."""
        for room in self._state.rooms.now.values():
            if not room.is_national and ally in room.members:
                yield room.signed

    def chains(self, room: bytes) -> Mapping[str, Chain]:
        """See Holdings."""
        found = ((ally, self._state.chains.get((room, ally))) for ally in self._state.rooms.now[room].members)
        return {ally: chain for ally, chain in found if chain is not None}

    def grown_at(self, room: bytes, ally: str) -> int:
        """See Holdings."""
        return self._state.grown_at.get((room, ally), 0)

    def run(self, room: bytes, ally: str, branch: int, start: int, end: int, limit: int) -> list[Entry]:
        """See Holdings."""
        fresh = self._state.fresh.run(room, ally, branch, start, min(end, start + limit))
        return fresh or [kept.entry for kept in self._state.store.run(room, ally, branch, start, end, limit)]

    def locate(self, digest: bytes) -> tuple[bytes, str, int, int] | None:
        """See Holdings."""
        return self._state.store.locate(digest)

    def body(self, room: bytes, digest: bytes) -> tuple[bytes, bytes] | None:
        """See Holdings."""
        kept = self._state.store.entry(digest)
        if kept is None or kept.entry.header.room != room or kept.entry.body is None or kept.entry.salt is None:
            return None
        return kept.entry.salt, kept.entry.body

    def checkpoint(self, room: bytes, ally: str, branch: int) -> Signed | None:
        """See Holdings."""
        return self.countersignature(room, ally, branch, ally)

    def countersignature(self, room: bytes, ally: str, branch: int, by: str) -> Signed | None:
        """See Holdings."""
        held = self._state.chain(room, ally).branches[branch]
        length = held.covered if by == ally else held.confirmed.get(by, 0)
        at = [s.signed for s in self._state.store.statements_at(room, ally, held.epoch, length) if s.by == by]
        if len(at) > 1:  # of a forked chain, or by a liar: the one about this branch
            (head,) = self._state.path_digests(self._state.chain(room, ally), branch, length - 1, length)
            at = [signed for signed in at if vouched_head(signed) == head]
        return next(iter(at), None)

    def bodies_wanted(self, ally: str, room: bytes, limit: int) -> list[bytes]:
        """See Holdings."""
        wanted = [
            (-awaited.precedence, awaited.seq, digest)
            for digest, awaited in self._state.awaited.now.items()
            if awaited.room == room and self._source(room, awaited.ally, awaited.via) == ally
        ]
        return [digest for _, _, digest in sorted(wanted)[:limit]]

    def papers_wanted(self, ally: str, room: bytes) -> list[PaperWanted]:
        """See Holdings."""
        return [
            paper
            for paper in self._state.papers.now.values()
            if paper.room == room and self._source(room, paper.author, paper.via) == ally
        ]

    def leaves(self, room: bytes, root: bytes) -> bytes | None:
        """See Holdings."""
        if (room, root) in self._state.papers.now:
            return None
        return self._state.store.fact(leaves_key(room, root))

    def chunk(self, room: bytes, root: bytes, index: int) -> bytes | None:
        """See Holdings."""
        return self._state.store.chunk(room, root, index)

    def _source(self, room: bytes, author: str, via: str) -> str | None:
        """The ally to ask: the author, else whoever told us of it (it holds it, or knows whom to ask), else any that is up."""
        for ally in (author, via):
            if ally in self.sources_up:
                return ally
        return min((a for a in self.sources_up if a in self._state.rooms.now[room].members), default=None)
